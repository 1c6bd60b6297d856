#include "pipeline/stages/regularise.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/raster_file.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RegulariseTest : public ::testing::Test {
 protected:
  RegulariseTest() {
    context.progress = &progress;
    command.map = folder + "/map.tif";
    command.output = folder + "/new/out.tif";
  }

  void write_map(int cols, const std::vector<std::uint8_t>& samples, const Nomenclature* nomenclature = nullptr) const {
    LabelMap map(Grid{"EPSG:2154", 500000, 6500000, 10, 10, cols, static_cast<int>(samples.size()) / cols});
    map.samples = samples;
    RasterOptions options;
    options.nomenclature = nomenclature;
    write_raster(command.map, map, options);
  }
  std::vector<std::uint8_t> result() const { return RasterReader(command.output).read_all<std::uint8_t>().samples; }
  static std::string bytes_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
  RegulariseCommand command;
};

TEST_F(RegulariseTest, ANomenclatureThatIsNotTheMapsIsRefused) {
  const auto refusal = [&] { return testing::message_of([&] { regularise(command, context); }); };
  write_map(3, {1, 1, 1, 1, 1, 1});
  command.nomenclature = "oso17";
  EXPECT_THAT(refusal(),
              HasSubstr("map.tif: expected classes of the nomenclature oso17, got also code 1; use the nomenclature of the map"));
  const Nomenclature oso23 = Nomenclature::load("oso23");
  write_map(3, {11, 11, 11, 11, 11, 11}, &oso23);  // both have 11, and mean rice and summer crops by it
  EXPECT_THAT(refusal(), HasSubstr("map.tif and the nomenclature oso17 name classes of one code differently"));
  EXPECT_FALSE(std::filesystem::exists(command.output));
}

TEST_F(RegulariseTest, MajorityThenSieve) {
  // A single pixel in class 1, a patch of two in class 2, and no data.
  write_map(6, {1, 1, 1, 2, 2, 2,  //
                1, 7, 1, 2, 3, 2,  //
                1, 1, 1, 2, 3, 2,  //
                0, 1, 1, 2, 2, 2});
  command.majority = 0;
  command.min_pixels = 3;
  RegulariseCounts counts = regularise(command, context);
  EXPECT_THAT(result(), ElementsAre(1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 0, 1, 1, 2, 2, 2));
  EXPECT_EQ(counts.by_sieve, 3);
  EXPECT_EQ(counts.passes, 1);
  EXPECT_EQ(counts.mapped, 23);
  EXPECT_EQ(counts.by_majority, 0);

  command.majority = 3;
  command.min_pixels = 0;
  counts = regularise(command, context);
  EXPECT_EQ(counts.by_majority, 3);
  EXPECT_EQ(counts.by_sieve, 0);
  EXPECT_EQ(result()[18], 0);
}

TEST_F(RegulariseTest, WideCodesAreTreatedAsTheSameMapOfSmallOnes) {
  const std::vector<std::uint8_t> small = {1, 1, 1, 2, 2, 2, 1, 3, 1, 2, 4, 2, 1, 1, 1, 2, 4, 2, 0, 1, 1, 2, 2, 2};
  const std::vector<std::uint16_t> codes = {0, 7, 255, 300, 65535};  // in the same order
  command.majority = 3, command.min_pixels = 3;
  write_map(6, small);
  regularise(command, context);
  const auto expected = result();
  Raster<std::uint16_t> wide(Grid{"EPSG:2154", 500000, 6500000, 10, 10, 6, 4});
  std::ranges::transform(small, wide.samples.begin(), [&](std::uint8_t label) { return codes[label]; });
  write_raster(command.map, wide, {});
  regularise(command, context);
  const RasterReader map(command.output);
  EXPECT_EQ(map.info().type, PixelType::u16);
  const auto found = map.read_all<std::uint16_t>().samples;
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(found[i], codes[expected[i]]) << i;
}

TEST_F(RegulariseTest, TheSieveGoesOnUntilNothingChanges) {
  // 3 touches only small patches until they have become class 1.
  write_map(6, {1, 1, 1, 1, 2, 3});
  command.majority = 0;
  command.min_pixels = 3;
  EXPECT_EQ(regularise(command, context).passes, 2);
  EXPECT_THAT(result(), ElementsAre(1, 1, 1, 1, 1, 1));
}

TEST_F(RegulariseTest, CornersMakeOnePatch) {
  write_map(4, {1, 1, 1, 1,  //
                1, 5, 1, 1,  //
                1, 1, 5, 1,  //
                1, 1, 1, 1});
  command.majority = 0;
  command.min_pixels = 2;
  command.connectivity = "8";
  EXPECT_EQ(regularise(command, context).by_sieve, 0);
  command.connectivity = "4";
  EXPECT_EQ(regularise(command, context).by_sieve, 2);
}

// Classes 1 and 2 are crops, 11 and 12 forests, 20 stands alone.
Nomenclature with_groups() {
  Nomenclature nomenclature;
  nomenclature.name = "groups";
  for (const auto& [code, parent] : {std::pair{1, 100}, {2, 100}, {11, 110}, {12, 110}, {20, 0}})
    nomenclature.classes.push_back({.code = code,
                                    .name = "class " + std::to_string(code),
                                    .name_en = "",
                                    .color = {},
                                    .alias = "c" + std::to_string(code),
                                    .parent = parent});
  for (const int code : {100, 110})
    nomenclature.groups.push_back(
        {.code = code, .name = "group " + std::to_string(code), .name_en = "", .color = {}, .alias = "", .parent = 0});
  return nomenclature;
}

TEST_F(RegulariseTest, WithinGroupsTheMajorityAsksOnlyPixelsOfTheGroup) {
  // The middle is crop 2 among forest: all eight neighbours but one are forest, the one crop neighbour is class 1.
  write_map(3, {11, 11, 11,  //
                11, 2, 1,    //
                11, 12, 11});
  command.nomenclature = folder + "/groups.json";
  write_text(command.nomenclature, with_groups().to_json());
  command.min_pixels = 0;
  command.majority = 3;
  regularise(command, context);
  EXPECT_THAT(result(), ElementsAre(11, 11, 11, 11, 11, 11, 11, 11, 11));
  command.groups = true;
  regularise(command, context);
  EXPECT_THAT(result(), ElementsAre(11, 11, 11, 11, 2, 1, 11, 11, 11));  // one vote each for 1 and 2: both stay
}

TEST_F(RegulariseTest, WithinGroupsASmallPatchJoinsItsGroupAndOnlyWithoutOneTheOthers) {
  // Class 2 touches forest 11 with three edges and crop 1 with one; class 20 has no group.
  write_map(7, {1, 1, 1, 11, 11, 11, 11,  //
                1, 1, 1, 2,  11, 20, 11,  //
                1, 1, 1, 11, 11, 11, 11});
  command.nomenclature = folder + "/groups.json";
  write_text(command.nomenclature, with_groups().to_json());
  command.majority = 0;
  command.min_pixels = 2;
  regularise(command, context);
  EXPECT_EQ(result()[10], 11);
  command.groups = true;
  const RegulariseCounts counts = regularise(command, context);
  EXPECT_EQ(result()[10], 1);
  EXPECT_EQ(result()[12], 11);  // the minimum mapping unit holds
  EXPECT_EQ(counts.by_sieve, 2);
  EXPECT_EQ(counts.passes, 2);
}

TEST_F(RegulariseTest, GroupsAreAskedFor) {
  write_map(2, {1, 77});
  command.groups = true;
  EXPECT_THAT(testing::message_of([&] { regularise(command, context); }), HasSubstr("--nomenclature"));
  command.nomenclature = folder + "/groups.json";
  write_text(command.nomenclature, with_groups().to_json());
  EXPECT_THAT(testing::message_of([&] { regularise(command, context); }), HasSubstr("77"));
  Nomenclature none = with_groups();
  none.groups.clear();
  for (auto& c : none.classes) c.parent = 0;
  write_text(command.nomenclature, none.to_json());
  EXPECT_THAT(testing::message_of([&] { regularise(command, context); }), HasSubstr("no class of the nomenclature"));
}

TEST_F(RegulariseTest, WindowsMakeTheBytesOfTheWholeMap) {
  std::mt19937 random(4);
  std::vector<std::uint8_t> samples(300 * 260);
  for (std::size_t i = 0; i < samples.size(); ++i)  // patches of 20 px under noise that makes small ones of all sizes and shapes
    samples[i] = static_cast<std::uint8_t>(random() % 3 == 0 ? random() % 5 : 1 + (i / 300 / 20 * 7 + i % 300 / 20 * 3) % 6);
  write_map(300, samples);
  command.majority = 0;
  command.min_pixels = 12;
  command.output = folder + "/whole.tif";
  const RegulariseCounts whole = regularise(command, context);
  EXPECT_GT(whole.passes, 1);
  for (const int memory_kib : {700, 2000}) {
    context.memory_bytes = std::int64_t{memory_kib} << 10;
    context.threads = 2;
    command.output = folder + "/parts.tif";
    const RegulariseCounts parts = regularise(command, context);
    EXPECT_EQ(bytes_of(folder + "/parts.tif"), bytes_of(folder + "/whole.tif")) << memory_kib << " KiB";
    EXPECT_EQ(parts.by_sieve, whole.by_sieve);
  }
  command.majority = 5;
  regularise(command, context);
  context.memory_bytes = std::int64_t{4} << 30;
  command.output = folder + "/whole.tif";
  regularise(command, context);
  EXPECT_EQ(bytes_of(folder + "/parts.tif"), bytes_of(folder + "/whole.tif"));
  for (const auto& entry : std::filesystem::directory_iterator(folder)) EXPECT_FALSE(entry.path().filename().string().starts_with("."));
}

TEST_F(RegulariseTest, LargerPixelsAreOfTheMostFrequentClass) {
  // Two equals: class 3 is more frequent around; then no data, of which nothing is made; then the lowest.
  write_map(6, {1, 3, 0, 0, 5, 4,  //
                3, 1, 0, 2, 4, 5,  //
                3, 3, 0, 0, 0, 0});
  command.majority = 0, command.min_pixels = 0;
  command.resolution = 20;
  EXPECT_EQ(regularise(command, context).pixels, 6);
  EXPECT_THAT(result(), ElementsAre(3, 2, 4, 3, 0, 0));
  const Grid grid = RasterReader(command.output).grid();
  EXPECT_EQ(grid, (Grid{"EPSG:2154", 500000, 6500000, 20, 20, 3, 2}));
}

TEST_F(RegulariseTest, TheMinimumMappingUnitIsAnArea) {
  // 0.1 ha are 10 px of 10 m, and 3 px of 20 m.
  write_map(8, std::vector<std::uint8_t>(8 * 8, 1));
  LabelMap map = RasterReader(command.map).read_all<std::uint8_t>();
  for (const auto& [col, row, width] : {std::tuple(0, 0, 4), std::tuple(0, 4, 6)})  // 2 x 1 and 3 x 1 larger pixels
    for (int r = 0; r < 2; ++r)
      for (int c = 0; c < width; ++c) map.at(col + c, row + r) = 2;
  write_raster(command.map, map, {});
  command.majority = 0, command.min_pixels = 0, command.resolution = 20, command.min_area = "0.1 ha";
  regularise(command, context);
  EXPECT_THAT(result(), ElementsAre(1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1));
}

TEST_F(RegulariseTest, ClassesToKeepMayBeOnePixelWide) {
  // A road goes down a diagonal of 12 pixels; another one has only two.
  std::vector<std::uint8_t> samples(16 * 16, 1);
  for (std::size_t i = 0; i < 12; ++i) samples[i * 16 + i] = 4;
  samples[16 * 2 + 12] = samples[16 * 3 + 13] = 4;
  write_map(16, samples);
  command.connectivity = "8 then 4";
  command.resolution = 20, command.min_pixels_resampled = 3, command.min_area = "0.1 ha";
  const auto roads = [&] {
    regularise(command, context);
    return std::ranges::count(result(), std::uint8_t{4});
  };
  EXPECT_EQ(roads(), 0);
  command.keep = {"4"};
  EXPECT_EQ(roads(), 6);  // of the diagonal, which is 12 pixels long and 6 larger ones; the short one is below the minimum
  EXPECT_EQ(result()[0], 4);
  EXPECT_EQ(result()[5 * 8 + 5], 4);
}

TEST_F(RegulariseTest, KeepsTheLegendOfTheMap) {
  const Nomenclature oso = Nomenclature::load("oso23");
  write_map(3, {8, 8, 8, 8, 1, 8, 8, 8, 8}, &oso);
  regularise(command, context);
  const std::optional<Nomenclature> legend = RasterReader(command.output).legend();
  ASSERT_TRUE(legend);
  ASSERT_EQ(legend->size(), oso.size());
  for (const LandClass& land : oso.classes) {
    const LandClass& kept = legend->at(*legend->index_of_code(land.code));
    EXPECT_EQ(kept.name, land.name);
    EXPECT_EQ(kept.color, land.color);
  }
  EXPECT_EQ(bytes_of(command.output + ".aux.xml"), bytes_of(command.map + ".aux.xml"));
  command.groups = true, command.keep = {"Routes"};  // a legend in the words of a shipped nomenclature has its groups
  EXPECT_NO_THROW(regularise(command, context));
  command.groups = false, command.keep = {};

  write_map(3, {8, 8, 8});  // without one
  std::filesystem::remove(command.map + ".aux.xml");
  regularise(command, context);
  EXPECT_FALSE(RasterReader(command.output).legend());
  command.nomenclature = "oso23";
  regularise(command, context);
  EXPECT_EQ(RasterReader(command.output).legend()->size(), oso.size());
}

TEST_F(RegulariseTest, RefusesWhatDoesNotFit) {
  write_map(3, {8, 8, 8});
  const auto message = [&] { return testing::message_of([&] { regularise(command, context); }); };
  command.majority = 4;
  EXPECT_THAT(message(), HasSubstr("--majority: expected an odd side of 3 to 15 px, or 0 for none, got 4"));
  command.majority = 3;
  context.memory_bytes = 10000;
  EXPECT_THAT(message(), HasSubstr("--min-pixels: the sieve reads 20 px around each pixel"));
  context.memory_bytes = 1 << 30;
  command.output = command.map;
  EXPECT_THAT(message(), HasSubstr("is the input map"));
  command.output = folder + "/out.tif";
  command.resolution = 25;
  EXPECT_THAT(message(), HasSubstr("--resolution: expected a multiple of the map's pixels (10)"));
  command.resolution = 0;
  command.min_area = "0.1 hectares";
  EXPECT_THAT(message(), HasSubstr("--min-area: expected an area such as \"0.1 ha\""));
  command.min_area = "";
  command.keep = {"roads"};
  EXPECT_THAT(message(), HasSubstr("--keep: \"roads\" is no class"));
  command.keep = {};
  const Raster<float> other(Grid{"EPSG:2154", 500000, 6500000, 10, 10, 2, 2}, 0.5f);
  write_raster(command.map, other, {});
  EXPECT_THAT(message(), HasSubstr("expected a class map"));
  EXPECT_FALSE(std::filesystem::exists(command.output));
}

}  // namespace
}  // namespace millesime
