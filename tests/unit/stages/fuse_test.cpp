#include "pipeline/stages/fuse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/mosaic.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Grid kSmallGrid{"EPSG:32631", 300000, 4900020, 10, 10, 3, 2};

std::string map_file(const std::string& name, const std::vector<std::uint8_t>& samples, const Grid& grid = kSmallGrid) {
  LabelMap map(grid);
  map.samples = samples;
  const std::string file = testing::temp_dir() + "/" + name + ".tif";
  write_raster(file, map, {});
  return file;
}

std::vector<std::uint8_t> samples_of(const std::string& file) { return RasterReader(file).read_all<std::uint8_t>().samples; }

class FuseTest : public ::testing::Test {
 protected:
  FuseTest() { context.progress = &progress; }
  testing::SilentProgress progress;
  Context context;
};

TEST_F(FuseTest, MajorityThenConfidenceThenLowestCode) {
  FuseCommand command;
  //                                                majority  tie by conf.  0 does not vote  no data  full tie  one vote
  command.classification = {map_file("a", {1, 1, 0, 0, 5, 0}), map_file("b", {1, 2, 4, 0, 3, 0}), map_file("c", {2, 0, 4, 0, 0, 9})};
  command.confidence = {map_file("ca", {50, 40, 99, 99, 60, 0}), map_file("cb", {70, 60, 20, 0, 60, 0}),
                        map_file("cc", {90, 99, 30, 0, 99, 35})};
  command.output = testing::temp_dir() + "/out";
  const FuseCounts counts = fuse(command, context);
  EXPECT_THAT(samples_of(command.output + "/classification.tif"), ElementsAre(1, 2, 4, 0, 3, 9));
  EXPECT_THAT(samples_of(command.output + "/confidence.tif"), ElementsAre(70, 60, 30, 0, 60, 35));
  EXPECT_EQ(counts.pixels, 6);
  EXPECT_EQ(counts.mapped, 5);

  command.keep_undecided = true;
  EXPECT_EQ(fuse(command, context).undecided, 1);
  EXPECT_EQ(samples_of(command.output + "/classification.tif")[4], 255);
}

TEST_F(FuseTest, MapsWhoseLegendsContradictEachOtherAreNoOneMap) {
  FuseCommand command;
  command.output = testing::temp_dir() + "/out";
  for (const std::string order : {"12", "21"}) {
    Nomenclature legend;
    for (const int code : {1, 2})
      legend.classes.push_back({.code = code,
                                .name = order[static_cast<std::size_t>(code) - 1] == '1' ? "Wheat" : "Water",
                                .name_en = {},
                                .color = {10, 20, 30},
                                .alias = {}});
    LabelMap map(kSmallGrid);
    map.samples = {1, 2, 1, 2, 1, 2};
    RasterOptions options;
    options.nomenclature = &legend;
    command.classification.push_back(testing::temp_dir() + "/legend" + order + ".tif");
    write_raster(command.classification.back(), map, options);
  }
  EXPECT_THAT(testing::message_of([&] { fuse(command, context); }),
              HasSubstr("name classes of one code differently: 1 is \"Wheat\" and \"Water\""));
  command.classification[1] = command.classification[0];
  EXPECT_EQ(fuse(command, context).mapped, 6);
  command.nomenclature = testing::temp_dir() + "/other.json";  // where 1 is what the maps call 2
  write_text(command.nomenclature, R"({"name": "other", "classes": [
    {"code": 1, "name": "Water", "color": "#0000ff"}, {"code": 2, "name": "Wheat", "color": "#ffff00"}]})");
  EXPECT_THAT(testing::message_of([&] { fuse(command, context); }),
              HasSubstr("legend12.tif and the nomenclature other name classes of one code differently: 1 is \"Wheat\" and \"Water\""));
  MosaicCommand one;
  one.classification = {command.classification[0]}, one.output = command.output, one.nomenclature = command.nomenclature;
  EXPECT_THAT(testing::message_of([&] { mosaic(one, context); }), HasSubstr("name the nomenclature of the maps"));
  // Without legends the codes tell.
  const std::string bare = testing::temp_dir() + "/bare.tif";
  write_raster(bare, LabelMap(kSmallGrid, 7), {});
  command.classification = {bare, bare}, one.classification = {bare}, one.output = testing::temp_dir() + "/mosaic";
  const auto lacks = HasSubstr("expected classes of the nomenclature other, got also code 7 (6 px)");
  EXPECT_THAT(testing::message_of([&] { fuse(command, context); }), lacks);
  EXPECT_THAT(testing::message_of([&] { mosaic(one, context); }), lacks);
}

TEST_F(FuseTest, DempsterShaferBelievesThePreciseMap) {
  const std::string folder = testing::temp_dir();
  ConfusionMatrix good, poor;  // precision of class 1: 0.9 and 0.5; of class 2: 0.8 and 0.4
  good.add(1, 1, 9), good.add(2, 1, 1), good.add(2, 2, 8), good.add(1, 2, 2);
  poor.add(1, 1, 5), poor.add(2, 1, 5), poor.add(2, 2, 4), poor.add(1, 2, 6);
  write_confusion_csv(good, folder + "/good.csv");
  write_confusion_csv(poor, folder + "/poor.csv");

  FuseCommand command;
  command.method = "dempster-shafer";
  command.classification = {map_file("a", {1, 1, 2, 0, 2, 0}), map_file("b", {1, 2, 1, 2, 0, 0})};
  command.confusion = {folder + "/good.csv", folder + "/poor.csv"};
  command.output = folder + "/out";
  fuse(command, context);
  EXPECT_THAT(samples_of(command.output + "/classification.tif"), ElementsAre(1, 1, 2, 2, 2, 0));
  // Agreement: 1 - 0.1 x 0.5. Conflict: 0.9 x 0.6 / (1 - 0.9 x 0.4) and 0.8 x 0.5 / (1 - 0.8 x 0.5). One voice: its own precision.
  EXPECT_THAT(samples_of(command.output + "/confidence.tif"),
              ElementsAre(95, 84, 66, ::testing::AnyOf(39, 40), ::testing::AnyOf(79, 80), 0));
}

// Equal votes and equal confidence: whatever the order of the maps, the lowest code, or undecided.
TEST_F(FuseTest, TiesOfEqualConfidenceGoToTheLowestCodeWhateverTheOrder) {
  FuseCommand command;
  const std::string a = map_file("a", {9, 4, 7, 1, 1, 1}), b = map_file("b", {3, 8, 2, 1, 1, 1});
  const std::string same = map_file("same", {50, 50, 50, 50, 50, 50});
  command.confidence = {same, same};
  command.output = testing::temp_dir() + "/out";
  for (const auto& order : {std::vector{a, b}, std::vector{b, a}}) {
    command.classification = order;
    fuse(command, context);
    EXPECT_THAT(samples_of(command.output + "/classification.tif"), ElementsAre(3, 4, 2, 1, 1, 1));
  }
  command.confidence.clear();  // all equal
  fuse(command, context);
  EXPECT_THAT(samples_of(command.output + "/classification.tif"), ElementsAre(3, 4, 2, 1, 1, 1));
}

TEST_F(FuseTest, CodesBeyondAByteAndALabelOfUndecidedThatIsNoClass) {
  const auto wide_file = [](const std::string& name, const std::vector<std::uint16_t>& samples) {
    Raster<std::uint16_t> map(kSmallGrid);
    map.samples = samples;
    const std::string file = testing::temp_dir() + "/" + name + ".tif";
    write_raster(file, map, {});
    return file;
  };
  FuseCommand command;
  command.classification = {wide_file("a", {255, 256, 1000, 0, 300, 5}), wide_file("b", {255, 255, 1000, 7, 300, 6})};
  command.output = testing::temp_dir() + "/out";
  command.keep_undecided = true;
  const FuseCounts counts = fuse(command, context);
  EXPECT_EQ(counts.undecided_label, 65535);
  EXPECT_EQ(counts.undecided, 2);
  EXPECT_THAT(RasterReader(command.output + "/classification.tif").read_all<std::uint16_t>().samples,
              ElementsAre(255, 65535, 1000, 7, 300, 65535));
  // In a map of 8 bits 255 marks the undecided, unless it is a class.
  command.classification = {map_file("c", {1, 2, 2, 2, 2, 2}), map_file("d", {2, 2, 2, 2, 2, 2})};
  EXPECT_EQ(fuse(command, context).undecided_label, 255);
  EXPECT_EQ(RasterReader(command.output + "/classification.tif").info().type, PixelType::u8);
  command.classification = {map_file("c", {1, 2, 2, 2, 2, 255}), map_file("d", {2, 2, 2, 2, 2, 255})};
  EXPECT_EQ(fuse(command, context).undecided_label, 65535);
  EXPECT_THAT(RasterReader(command.output + "/classification.tif").read_all<std::uint16_t>().samples, ElementsAre(65535, 2, 2, 2, 2, 255));
  command.classification = {wide_file("e", {65535, 1, 1, 1, 1, 1}), map_file("d", {2, 2, 2, 2, 2, 255})};
  EXPECT_THAT(testing::message_of([&] { fuse(command, context); }), HasSubstr("65535"));
}

// As iota2's public documentation of the fusion of radar and optical maps has them.
TEST_F(FuseTest, WhoseClassAndWhoseConfidence) {
  const std::string folder = testing::temp_dir();
  ConfusionMatrix good, poor;
  good.add(1, 1, 9), good.add(2, 1, 1), good.add(2, 2, 8), good.add(1, 2, 2);
  poor.add(1, 1, 5), poor.add(2, 1, 5), poor.add(2, 2, 4), poor.add(1, 2, 6);
  write_confusion_csv(good, folder + "/good.csv");
  write_confusion_csv(poor, folder + "/poor.csv");
  FuseCommand command;
  command.method = "dempster-shafer";
  //                                              both  first  first  second  first  none
  command.classification = {map_file("a", {1, 1, 2, 0, 2, 0}), map_file("b", {1, 2, 1, 2, 0, 0})};
  command.confidence = {map_file("ca", {30, 40, 50, 60, 70, 80}), map_file("cb", {90, 91, 92, 93, 94, 95})};
  command.confusion = {folder + "/good.csv", folder + "/poor.csv"};
  command.fused_confidence = "chosen";
  command.choice = true;
  command.output = folder + "/out";
  fuse(command, context);
  EXPECT_THAT(samples_of(command.output + "/choice.tif"), ElementsAre(1, 2, 2, 3, 2, 0));
  EXPECT_THAT(samples_of(command.output + "/confidence.tif"), ElementsAre(90, 40, 50, 93, 70, 0));
  command.confidence.clear();
  EXPECT_THAT(testing::message_of([&] { fuse(command, context); }), HasSubstr("--fused-confidence chosen"));
  command.fused_confidence = "belief";
  command.classification.push_back(command.classification[0]), command.confusion.push_back(command.confusion[0]);
  EXPECT_THAT(testing::message_of([&] { fuse(command, context); }), HasSubstr("--choice: expected two maps"));
}

TEST_F(FuseTest, TakesProbabilitiesForConfidence) {
  Raster<float> a(kSmallGrid, 0.45f), b(kSmallGrid, 0.44f);
  write_raster(testing::temp_dir() + "/fa.tif", a, {});
  write_raster(testing::temp_dir() + "/fb.tif", b, {});
  FuseCommand command;
  command.classification = {map_file("a", {2, 2, 2, 2, 2, 2}), map_file("b", {1, 1, 1, 1, 1, 1})};
  command.confidence = {testing::temp_dir() + "/fa.tif", testing::temp_dir() + "/fb.tif"};
  command.output = testing::temp_dir() + "/out";
  fuse(command, context);
  EXPECT_THAT(samples_of(command.output + "/classification.tif"), ::testing::Each(2));
  EXPECT_THAT(samples_of(command.output + "/confidence.tif"), ::testing::Each(45));
}

TEST(MassOfBelief, IsTheMeasureAskedFor) {
  ConfusionMatrix confusion({1, 2, 3});
  confusion.add(1, 1, 6), confusion.add(1, 2, 2), confusion.add(2, 2, 2);
  const auto belief = [&](const char* mass) { return mass_of_belief(confusion, mass, 256); };
  EXPECT_FLOAT_EQ(belief("precision")[2], 0.5f);
  EXPECT_FLOAT_EQ(belief("recall")[1], 0.75f);
  EXPECT_FLOAT_EQ(belief("accuracy")[1], 0.8f);
  EXPECT_FLOAT_EQ(belief("kappa")[2], static_cast<float>((80.0 - 56) / (100 - 56)));
  EXPECT_EQ(belief("precision")[3], 0.0f);                                           // never produced
  EXPECT_EQ(belief("precision")[77], 0.0f);                                          // not in the matrix
  EXPECT_EQ(mass_of_belief(ConfusionMatrix({300}), "precision", 256).size(), 256u);  // no label of the maps
}

TEST_F(FuseTest, RefusesWhatDoesNotFit) {
  const auto message = [&](const FuseCommand& command) {
    try {
      fuse(command, context);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  FuseCommand command;
  command.output = testing::temp_dir() + "/out";
  command.classification = {map_file("a", {1, 1, 1, 1, 1, 1})};
  EXPECT_THAT(message(command), HasSubstr("got 1"));
  command.classification.push_back(map_file("b", {1, 1, 1}, Grid{"EPSG:32631", 300000, 4900020, 10, 10, 3, 1}));
  EXPECT_THAT(message(command), AllOf(HasSubstr("a.tif"), HasSubstr("b.tif")));
  command.classification[1] = command.classification[0];
  command.confidence = {command.classification[0]};
  EXPECT_THAT(message(command), HasSubstr("--confidence"));
  command.confidence.clear();
  command.confusion = {"x.csv", "y.csv"};
  EXPECT_THAT(message(command), HasSubstr("dempster-shafer"));
  command.confusion.clear();
  command.method = "dempster-shafer";
  EXPECT_THAT(message(command), HasSubstr("--confusion"));
}

}  // namespace
}  // namespace millesime
