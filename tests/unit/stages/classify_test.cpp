// The maps of one model over a small tile.

#include <map>
#include <optional>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/arch/random_forest.h"
#include "models/base/model_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/uncertainty_map.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/classify.h"
#include "tests/support/message_of.h"
#include "tests/support/muscate_product.h"
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

class Classify : public ::testing::Test {
 protected:
  // A model of three of the five classes of its nomenclature.
  Classify() : root_(testing::temp_dir()) {
    std::mt19937 random(5);
    for (const char* date : {"20180101", "20180220"}) {
      testing::MuscateProduct product;
      product.date = date;
      product.grid.cols = 70;
      product.grid.rows = 40;
      product.bands = {"B3", "B4", "B8", "B11"};
      product.value = [&](const std::string&, int, int) { return static_cast<std::int16_t>(random() % 5000); };
      product.mask = [](const std::string&, int, int) { return std::uint8_t{0}; };
      testing::write_product(root_ + "/l2a", product);
    }
    ModelSpec spec = testing::small_spec("random_forest", 3, 2);
    for (const int code : {90, 91})
      spec.nomenclature.classes.insert(
          code == 90 ? spec.nomenclature.classes.begin() : spec.nomenclature.classes.end(),
          LandClass{.code = code, .name = "unknown " + std::to_string(code), .name_en = {}, .color = {}, .alias = {}});
    spec_ = spec;
    forest_file(spec, train_forest(spec, testing::small_input(spec, 48, 2), testing::quick_recipe())).write(root_ + "/model.safetensors");
  }

  // Bands of the probabilities, [band][pixel].
  std::vector<std::vector<std::int32_t>> probabilities(const std::string& folder, bool all_classes, bool legend = true) {
    ClassifyRequest request;
    request.mapped = mapped_;
    request.census =
        make_sensor("sentinel2_theia")->take_census(root_ + "/l2a", "T31TCJ", {}, Date::from_ymd(2018, 1, 1), Date::from_ymd(2018, 12, 31));
    request.year = 2018;
    request.resampling = "bilinear";
    request.options.all_classes = all_classes;
    request.options.smooth = smooth_;
    request.maps = {{{{"", root_ + "/model.safetensors"}},
                     folder + "/classes.tif",
                     folder + "/confidence.tif",
                     folder + "/validity.tif",
                     folder + "/probabilities.tif",
                     legend}};
    request.options.groups = groups_;
    if (levels_) request.maps.front().level1 = folder + "/level1.tif", request.maps.front().deepest = folder + "/deepest.tif";
    request.options.level_confidence = level_confidence_;
    request.options.uncertainty = uncertainty_;
    if (uncertainty_ != "none") request.maps.front().uncertainty = folder + "/uncertainty.tif";
    request.options.early = early_, request.options.last_day = last_day_;
    counts_ = classify_tile(request, silent_.context);
    const RasterReader reader(folder + "/probabilities.tif");
    std::vector<std::vector<std::int32_t>> bands;
    for (int band = 0; band < reader.info().bands; ++band) {
      bands.emplace_back(static_cast<std::size_t>(reader.grid().pixels()));
      reader.read(reader.grid().whole(), band, bands.back().data());
    }
    return bands;
  }

  std::string root_, early_ = "say", uncertainty_ = "none";
  bool levels_ = false;
  std::optional<std::map<int, int>> groups_;
  double level_confidence_ = 50;
  int last_day_ = 0;
  int smooth_ = 3;
  ModelSpec spec_;
  AreaOptions mapped_;
  nlohmann::json counts_;
  testing::SilentContext silent_;
};

TEST_F(Classify, OnlyPixelsInsideTheAreaGetAClass) {
  const auto whole = probabilities(root_ + "/whole", false);
  const double left = 300000, top = 4900020;
  const auto square = [&](const std::string& name, int col, int row, int cols, int rows) {
    const double west = left + col * 10, east = west + cols * 10, north = top - row * 10, south = north - rows * 10;
    write_polygons(root_ + "/" + name, "area", "EPSG:32631", {"ID"},
                   {{{{{{{west, north}, {east, north}, {east, south}, {west, south}, {west, north}}}}}, {std::string("1")}}});
    return root_ + "/" + name;
  };
  mapped_ = {square("area.gpkg", 0, 0, 12, 10), square("lake.gpkg", 3, 2, 4, 5)};
  const auto part = probabilities(root_ + "/part", false);
  const std::int64_t pixels = RasterReader(root_ + "/whole/classes.tif").grid().pixels();
  EXPECT_EQ(counts_.at("unmapped").at("outside_area"), pixels - (12 * 10 - 4 * 5));
  EXPECT_EQ(counts_.at("pixels"), pixels);
  for (const char* map : {"/classes.tif", "/confidence.tif", "/validity.tif"}) {
    const Raster<std::uint8_t> before = RasterReader(root_ + "/whole" + map).read_all<std::uint8_t>(),
                               after = RasterReader(root_ + "/part" + map).read_all<std::uint8_t>();
    for (int row = 0; row < 10; ++row)
      for (int col = 0; col < 20; ++col) {
        const bool inside = col < 12 && !(col >= 3 && col < 7 && row >= 2 && row < 7);
        ASSERT_EQ(after.at(col, row), inside ? before.at(col, row) : 0) << map << " " << col << ", " << row;
      }
  }
  for (std::size_t band = 0; band < part.size(); ++band) {
    EXPECT_EQ(part[band][0], whole[band][0]);
    EXPECT_EQ(part[band][15], 0);
  }
}

TEST_F(Classify, CodesAbove255MakeAMapOf16Bits) {
  probabilities(root_ + "/narrow", false);
  ModelSpec wide = spec_;  // the same forest, another code
  const int old_code = RasterReader(root_ + "/narrow/classes.tif").read_all<std::uint16_t>().samples.front();
  *std::ranges::find(wide.classes, old_code) = 1000;
  wide.nomenclature.classes.at(static_cast<std::size_t>(*wide.nomenclature.index_of_code(old_code))).code = 1000;
  forest_file(wide, train_forest(wide, testing::small_input(wide, 48, 2), testing::quick_recipe())).write(root_ + "/model.safetensors");
  probabilities(root_ + "/wide", false);
  const RasterReader narrow(root_ + "/narrow/classes.tif"), map(root_ + "/wide/classes.tif");
  EXPECT_EQ(narrow.info().type, PixelType::u8);
  EXPECT_EQ(map.info().type, PixelType::u16);
  const auto before = narrow.read_all<std::uint16_t>().samples, after = map.read_all<std::uint16_t>().samples;
  EXPECT_GT(std::ranges::count(before, old_code), 0);
  for (std::size_t i = 0; i < before.size(); ++i) ASSERT_EQ(after[i], before[i] == old_code ? 1000 : before[i]) << i;
}

// Windows read around what they smooth: the map does not depend on them.
TEST_F(Classify, ASmoothedMapIsTheSameInWindowsOfAnySize) {
  const auto map_with = [&](std::int64_t memory) {
    silent_.context.memory_bytes = memory;
    return probabilities(root_ + "/" + std::to_string(memory), false);
  };
  const auto whole = map_with(std::int64_t{1} << 30);
  int sizes = 0;
  for (std::int64_t memory = 1 << 14; memory < 1 << 22 && sizes < 3; memory *= 2) {
    try {
      EXPECT_EQ(map_with(memory), whole) << memory;
      ++sizes;
    } catch (const UserError&) {  // too little
    }
  }
  EXPECT_EQ(sizes, 3);
  smooth_ = 0;
  EXPECT_NE(map_with(std::int64_t{1} << 30), whole);
}

TEST_F(Classify, LevelsAreOfTheGroupsAndOfWhatIsSureEnough) {
  ModelSpec spec = spec_;  // the first two classes are one group
  spec.nomenclature.groups = {{.code = 200, .name = "group", .name_en = {}, .color = {}, .alias = {}}};
  for (const std::size_t c : {0u, 1u})
    spec.nomenclature.classes.at(static_cast<std::size_t>(*spec.nomenclature.index_of_code(spec.classes[c]))).parent = 200;
  forest_file(spec, train_forest(spec, testing::small_input(spec, 48, 2), testing::quick_recipe())).write(root_ + "/model.safetensors");
  levels_ = true, smooth_ = 0, uncertainty_ = "margin";
  for (const int threshold : {50, 80}) {
    level_confidence_ = threshold;
    const std::string folder = root_ + "/levels" + std::to_string(threshold);
    const auto bands = probabilities(folder, false);
    const auto codes = [&](const std::string& map) { return RasterReader(folder + map).read_all<std::int32_t>().samples; };
    const auto level1 = codes("/level1.tif"), deepest = codes("/deepest.tif"), label = codes("/classes.tif"),
               uncertainty = codes("/uncertainty.tif");
    require_uncertainty(folder + "/uncertainty.tif");
    const int sure = threshold * 10;
    int groups = 0, classes = 0, nothing = 0;
    for (std::size_t p = 0; p < label.size(); ++p) {
      std::vector<std::int32_t> sorted = {bands[0][p], bands[1][p], bands[2][p]};
      std::ranges::sort(sorted);
      const double margin = 100 - (sorted[2] - sorted[1]) / 10.0;
      ASSERT_NEAR(uncertainty[p], label[p] == 0 ? 0 : std::max(1.0, margin), 0.71) << p;  // rounded, and the bands are
      const int group = bands[0][p] + bands[1][p], other = bands[2][p], most = std::max({bands[0][p], bands[1][p], other});
      if (std::abs(group - other) < 3 || std::abs(most - sure) < 3 || std::abs(std::max(group, other) - sure) < 3) continue;  // by rounding
      ASSERT_EQ(level1[p], group > other ? 200 : spec.classes[2]) << p;
      ASSERT_EQ(deepest[p], most >= sure ? label[p] : std::max(group, other) >= sure ? level1[p] : 0) << p;
      (most >= sure ? classes : group >= sure ? groups : nothing)++;
    }
    EXPECT_GT(groups + classes + nothing, 100) << threshold;
    EXPECT_GT(threshold == 50 ? classes : groups, 0) << "with 80 %, the group alone is sure enough";
  }
}

TEST_F(Classify, LevelsAreOfTheGroupsThatTheMapIsPublishedWith) {
  levels_ = true;
  const auto level1 = [&](const std::string& name) {
    probabilities(root_ + name, false);
    const auto codes = RasterReader(root_ + name + "/level1.tif").read_all<std::int32_t>().samples;
    return std::set<std::int32_t>(codes.begin(), codes.end());
  };
  groups_ = {{spec_.classes[0], 300}, {spec_.classes[1], 300}, {spec_.classes[2], 300}};  // the model knows none
  EXPECT_THAT(level1("/given"), ::testing::IsSubsetOf({0, 300}));
  ModelSpec spec = spec_;  // groups that the map does not have any more
  spec.nomenclature.groups = {{.code = 200, .name = "group", .name_en = {}, .color = {}, .alias = {}}};
  for (LandClass& land : spec.nomenclature.classes) land.parent = 200;
  forest_file(spec, train_forest(spec, testing::small_input(spec, 48, 2), testing::quick_recipe())).write(root_ + "/model.safetensors");
  EXPECT_THAT(level1("/other"), ::testing::IsSubsetOf({0, 300}));
  groups_ = std::map<int, int>();
  EXPECT_FALSE(level1("/none").contains(200));
  groups_.reset();
  EXPECT_THAT(level1("/own"), ::testing::IsSubsetOf({0, 200}));
  spec.nomenclature.groups[0].code = spec_.classes[0];
  for (LandClass& land : spec.nomenclature.classes) land.parent = spec_.classes[0];
  forest_file(spec, train_forest(spec, testing::small_input(spec, 48, 2), testing::quick_recipe())).write(root_ + "/model.safetensors");
  EXPECT_THAT(testing::message_of([&] { probabilities(root_ + "/refused", false); }),
              ::testing::HasSubstr("give groups codes that no class has"));
}

TEST_F(Classify, AModelOfWholeSeasonsRefusesAnEarlyMapByOption) {
  last_day_ = 120;
  probabilities(root_ + "/said", false);  // and a note
  early_ = "refuse";
  EXPECT_THAT(testing::message_of([&] { probabilities(root_ + "/refused", false); }),
              ::testing::AllOf(::testing::HasSubstr("model.safetensors: learned whole seasons"), ::testing::HasSubstr("train.season_cut")));
}

TEST_F(Classify, DatesBeyondTheAcquisitionsAreToldOrRefused) {
  ModelSpec spec = spec_;
  spec.days = {20, 90};  // the tile's are of 1 January and 20 February
  forest_file(spec, train_forest(spec, testing::small_input(spec, 48, 2), testing::quick_recipe())).write(root_ + "/model.safetensors");
  testing::SilentProgress progress;
  silent_.context.progress = &progress;
  probabilities(root_ + "/said", false);
  EXPECT_THAT(progress.notes, ::testing::Contains(::testing::HasSubstr("reach only from 2018-01-01 to 2018-02-20: 1 of the dates")));
  early_ = "refuse";
  EXPECT_THAT(testing::message_of([&] { probabilities(root_ + "/refused", false); }),
              ::testing::HasSubstr("1 of the dates would be extrapolated"));
}

TEST_F(Classify, ProbabilitiesAreOfTheModelsClassesOrOfAllByOption) {
  const auto own = probabilities(root_ + "/own", false), all = probabilities(root_ + "/all", true);
  ASSERT_EQ(own.size(), 3u);
  ASSERT_EQ(all.size(), 5u);
  EXPECT_THAT(all[0], Each(0));  // 90
  for (std::size_t c = 0; c < 3; ++c) EXPECT_EQ(all[c + 1], own[c]);
  EXPECT_THAT(all[4], Each(0));  // 91
  for (const char* map : {"/classes.tif", "/confidence.tif"}) {
    const RasterReader first(root_ + "/own" + map), second(root_ + "/all" + map);
    std::vector<std::int32_t> a(static_cast<std::size_t>(first.grid().pixels())), b(a.size());
    first.read(first.grid().whole(), 0, a.data());
    second.read(second.grid().whole(), 0, b.data());
    EXPECT_EQ(a, b);
  }
}

TEST(YearOfSeveral, IsThatOfTheModelsSamples) {
  Provenance model;
  model.year = 2021;
  EXPECT_EQ(year_of_several({2020, 2021, 2022}, model, "T31TCJ"), 2021);
  EXPECT_THAT(testing::message_of([&] {
                year_of_several({2019, 2020}, model, "l2a/T31TCJ");
              }),
              ::testing::HasSubstr("l2a/T31TCJ: its products are of the years 2019 to 2020, and the model's samples of 2021; choose a year "
                                   "with --year"));
  model.years = {2020, 2021};
  EXPECT_THAT(testing::message_of([&] { year_of_several({2020, 2021}, model, "T"); }), ::testing::HasSubstr("2020 to 2021; choose"));
}

}  // namespace
}  // namespace millesime
