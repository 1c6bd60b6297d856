#include "pipeline/simulate/simulate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/series.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/config.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using testing::temp_dir;

void simulate_into(const std::string& folder, const SimulateOptions& options, int threads = 2) {
  testing::SilentProgress progress;
  Context context;
  context.threads = threads;
  context.progress = &progress;
  simulate(options, folder, context);
}

SimulateOptions small_world() {
  SimulateOptions options;
  options.tiles = 3;
  options.size = 64;
  options.dates = 12;
  return options;
}

// One small world that the tests only read.
const std::string& shared_world() {
  static const std::string folder = [] {
    const std::string path = temp_dir() + "/world";
    simulate_into(path, small_world());
    return path;
  }();
  return folder;
}

// Relative path -> content of every file below a folder.
std::map<std::string, std::string> files_of(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = read_text(entry.path().string());
  return files;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

template <class T>
Raster<T> raster(const std::string& path) {
  return RasterReader(path).read_all<T>();
}

nlohmann::json truth_of(const std::string& folder) { return nlohmann::json::parse(read_text(folder + "/truth.json")); }

// Names that differ or exist on one side only.
std::vector<std::string> differences(const std::map<std::string, std::string>& a, const std::map<std::string, std::string>& b) {
  std::vector<std::string> names;
  for (const auto& [name, bytes] : a)
    if (!b.contains(name) || b.at(name) != bytes) names.push_back(name);
  for (const auto& [name, bytes] : b)
    if (!a.contains(name)) names.push_back(name);
  return names;
}

TEST(Simulate, BytesDependOnOptionsAlone) {
  SimulateOptions options = small_world();
  options.dates = 6;
  const std::string folder = temp_dir();
  simulate_into(folder + "/one_thread", options, 1);
  simulate_into(folder + "/three_threads", options, 3);
  EXPECT_THAT(differences(files_of(folder + "/one_thread"), files_of(folder + "/three_threads")), ::testing::IsEmpty());
}

TEST(Simulate, AnotherSeedIsAnotherWorld) {
  SimulateOptions options;
  options.tiles = 1;
  options.size = 64;
  options.dates = 1;
  const std::string folder = temp_dir();
  simulate_into(folder + "/a", options);
  options.seed = 2;
  simulate_into(folder + "/b", options);
  EXPECT_NE(read_text(folder + "/a/truth/T31TCJ.tif"), read_text(folder + "/b/truth/T31TCJ.tif"));
}

TEST(Simulate, ProductsHaveTheMuscateLayout) {
  const std::regex product_name(R"(SENTINEL2[AB]_2021\d{4}-1[01]\d{4}-\d{3}_L2A_(T\d\dT[A-Z]{2})_D_V1-[78])");
  for (const std::string& tile : names_in(shared_world() + "/l2a")) {
    for (const std::string& name : names_in(shared_world() + "/l2a/" + tile)) {
      std::smatch match;
      const std::string stem = name.ends_with(".zip") ? name.substr(0, name.size() - 4) : name;
      ASSERT_TRUE(std::regex_match(stem, match, product_name)) << name;
      EXPECT_EQ(match[1], tile);
      const std::string product = shared_world() + "/l2a/" + tile + "/" + name;
      const std::string base = name.ends_with(".zip") ? "/vsizip/" + product + "/" + stem + "/" : product + "/";
      for (const std::string band : {"B2", "B3", "B4", "B8", "B5", "B6", "B7", "B8A", "B11", "B12"}) {
        const RasterReader reader(base + stem + "_FRE_" + band + ".tif");
        const bool fine = band == "B2" || band == "B3" || band == "B4" || band == "B8";
        EXPECT_EQ(reader.grid().cols, fine ? 64 : 32) << reader.path();
        EXPECT_EQ(reader.grid().pixel_width, fine ? 10 : 20);
        EXPECT_EQ(reader.info().type, PixelType::i16);
        EXPECT_EQ(reader.info().nodata, kNodata);
      }
      for (const std::string mask : {"CLM", "SAT", "EDG"}) {
        EXPECT_EQ(RasterReader(base + "MASKS/" + stem + "_" + mask + "_R1.tif").grid().cols, 64);
        EXPECT_EQ(RasterReader(base + "MASKS/" + stem + "_" + mask + "_R2.tif").grid().cols, 32);
      }
    }
  }
}

TEST(Simulate, OddSizesLoseTheLastHalfPixelAt20m) {
  SimulateOptions options;
  options.tiles = 1;
  options.size = 65;
  options.dates = 1;
  options.plain = true;
  simulate_into(temp_dir() + "/w", options);
  const std::string tile = temp_dir() + "/w/l2a/T31TCJ";
  const std::string name = names_in(tile).at(0);
  EXPECT_EQ(RasterReader(tile + "/" + name + "/" + name + "_FRE_B2.tif").grid().rows, 65);
  EXPECT_EQ(RasterReader(tile + "/" + name + "/" + name + "_FRE_B11.tif").grid().rows, 32);
}

TEST(Simulate, TilesLieInTwoZonesAndOverlap) {
  EXPECT_THAT(names_in(shared_world() + "/l2a"), ::testing::ElementsAre("T30TYP", "T31TCH", "T31TCJ"));
  const Grid west = RasterReader(shared_world() + "/truth/T30TYP.tif").grid(),
             east = RasterReader(shared_world() + "/truth/T31TCJ.tif").grid();
  EXPECT_EQ(west.crs, "EPSG:32630");
  EXPECT_EQ(east.crs, "EPSG:32631");
  const Box on_east = CoordinateTransform(west.crs, east.crs)(west.extent());
  EXPECT_TRUE(on_east.intersects(east.extent()));
  EXPECT_FALSE(east.window_of(on_east) == east.whole());
}

TEST(Simulate, TilesOfAZoneAgreeOnTheTruthPixelByPixel) {
  const auto north = raster<std::uint8_t>(shared_world() + "/truth/T31TCJ.tif"),
             south = raster<std::uint8_t>(shared_world() + "/truth/T31TCH.tif");
  const Window shared = north.grid.window_of(south.grid.extent());
  ASSERT_GT(shared.pixels(), 100);
  for (int row = shared.row; row < shared.row + shared.height; ++row)
    for (int col = shared.col; col < shared.col + shared.width; ++col) {
      const Point p = north.grid.centre(col, row);
      ASSERT_EQ(north.at(col, row),
                south.at(static_cast<int>(std::floor(south.grid.col(p.x))), static_cast<int>(std::floor(south.grid.row(p.y)))))
          << col << "," << row;
    }
}

TEST(Simulate, TruthOfAllTilesAgreesWithEachTile) {
  const auto whole = raster<std::uint8_t>(shared_world() + "/truth/truth.tif");
  for (const std::string tile : {"T30TYP", "T31TCH", "T31TCJ"}) {
    const auto part = raster<std::uint8_t>(shared_world() + "/truth/" + tile + ".tif");
    const CoordinateTransform to_national(part.grid.crs, whole.grid.crs);
    int same = 0;
    for (int row = 0; row < part.grid.rows; ++row)
      for (int col = 0; col < part.grid.cols; ++col) {
        const Point p = to_national(part.grid.centre(col, row));
        same += part.at(col, row) == whole.at(static_cast<int>(whole.grid.col(p.x)), static_cast<int>(whole.grid.row(p.y))) ? 1 : 0;
      }
    // The two centres are up to 7 m apart, so pixels at borders between parcels may differ.
    EXPECT_GT(same / 4096.0, 0.85) << tile;
  }
}

TEST(Simulate, MasksMarkTheCloudsThatAreSeen) {
  const auto land = raster<std::uint8_t>(shared_world() + "/truth/T30TYP.tif");
  int bright = 0, bright_and_masked = 0, dark = 0, dark_and_masked = 0;
  const auto tile = truth_of(shared_world())["tiles"][1];
  ASSERT_EQ(tile["name"], "T30TYP");
  for (const auto& product : tile["products"]) {
    if (product.contains("faulty")) continue;
    const std::string name = product["product"], stem = shared_world() + "/l2a/T30TYP/" + name;
    const auto blue = raster<std::int16_t>(stem + "/" + name + "_FRE_B2.tif");
    const auto clouds = raster<std::uint8_t>(stem + "/MASKS/" + name + "_CLM_R1.tif"),
               edge = raster<std::uint8_t>(stem + "/MASKS/" + name + "_EDG_R1.tif");
    for (std::size_t k = 0; k < land.samples.size(); ++k) {
      if (edge.samples[k] != 0) {
        ASSERT_EQ(blue.samples[k], kNodata);
        continue;
      }
      ASSERT_GT(blue.samples[k], 0);
      if (land.samples[k] == 20 || land.samples[k] == 22) continue;  // snow is as bright as a cloud
      if (blue.samples[k] > 4000) {
        ++bright;
        bright_and_masked += clouds.samples[k] != 0 ? 1 : 0;
      } else if (blue.samples[k] < 800) {
        ++dark;
        dark_and_masked += clouds.samples[k] != 0 ? 1 : 0;
      }
    }
  }
  ASSERT_GT(bright, 500);
  ASSERT_GT(dark, 500);
  EXPECT_GT(static_cast<double>(bright_and_masked) / bright, 0.95);  // except for mountains, hardly anything else is so bright
  EXPECT_LT(static_cast<double>(dark_and_masked) / dark, 0.35);      // shadows and margins of clouds
}

TEST(Simulate, SeriesHaveTheQuirksOfRealOnes) {
  const auto tiles = truth_of(shared_world())["tiles"];
  int zipped = 0;
  for (const auto& tile : tiles) {
    std::set<std::string> days;
    std::map<std::string, int> passes;
    int faulty = 0, halves = 0;
    for (const auto& product : tile["products"]) {
      const std::string name = product["product"], date = product["date"];
      days.insert(date);
      faulty += product.contains("faulty") ? 1 : 0;
      if (product.contains("zipped")) {
        ++zipped;
        EXPECT_TRUE(fs::exists(shared_world() + "/l2a/" + tile["name"].get<std::string>() + "/" + name + ".zip"));
      }
      if (!product.contains("faulty")) ++passes[date];
      if (product["seen"] > 0.3 && product["seen"] < 0.7) ++halves;
    }
    EXPECT_EQ(days.size(), 12u);
    EXPECT_EQ(faulty, 1) << "an older version beside its correction";
    EXPECT_EQ(std::count_if(passes.begin(), passes.end(), [](const auto& day) { return day.second == 2; }), 1) << "a day with two passes";
    EXPECT_GE(halves, 3) << "passes of the neighbouring orbit";
  }
  EXPECT_EQ(zipped, 1);
}

TEST(Simulate, NewerVersionDiffersFromTheOlder) {
  const std::string tile = shared_world() + "/l2a/T30TYP";
  for (const std::string& name : names_in(tile)) {
    if (!name.ends_with("V1-8")) continue;
    const std::string old = name.substr(0, name.size() - 1) + "7";
    EXPECT_NE(read_text(tile + "/" + name + "/" + name + "_FRE_B4.tif"), read_text(tile + "/" + old + "/" + old + "_FRE_B4.tif"));
    return;
  }
  FAIL() << "no version 1-8 in " << tile;
}

TEST(Simulate, PlainWorldsHaveOneProductADay) {
  SimulateOptions options = small_world();
  options.tiles = 1;
  options.plain = true;
  simulate_into(temp_dir() + "/w", options);
  EXPECT_EQ(names_in(temp_dir() + "/w/l2a/T31TCJ").size(), 12u);
  const auto tile = truth_of(temp_dir() + "/w")["tiles"][0];
  for (const auto& product : tile["products"]) EXPECT_EQ(product["seen"], 1.0);
}

TEST(Simulate, EveryClassIsThereAndHasPolygonsInBothRegions) {
  SimulateOptions options;
  options.tiles = 4;
  options.size = 256;
  options.dates = 1;
  options.wrong_labels = 0;
  options.plain = true;
  const std::string folder = temp_dir() + "/w";
  simulate_into(folder, options);
  const auto truth = raster<std::uint8_t>(folder + "/truth/truth.tif");
  std::set<int> classes(truth.samples.begin(), truth.samples.end());
  EXPECT_EQ(classes.size(), 24u);  // 23 and no data

  const VectorLayer reference = read_polygons(folder + "/reference.shp", "", {"CODE", "NAME"}, truth.grid.crs);
  const VectorLayer regions = read_polygons(folder + "/regions.gpkg", "", {"region"}, truth.grid.crs);
  EXPECT_TRUE(reference.repaired.empty() && reference.dropped.empty() && regions.repaired.empty());
  ASSERT_EQ(regions.features.size(), 2u);
  const auto region = rasterise(regions.features, truth.grid, [](std::size_t k) { return static_cast<std::int32_t>(k + 1); });
  std::map<std::pair<int, int>, int> count;
  int right = 0, pixels = 0;
  for (const Feature& feature : reference.features) {
    const int code = std::stoi(feature.attributes.at("CODE"));
    const Point centre = feature.centroid();
    ++count[{region.at(static_cast<int>(region.grid.col(centre.x)), static_cast<int>(region.grid.row(centre.y))), code}];
    const auto burnt = rasterise({feature}, truth.grid.crop(truth.grid.window_of(feature.extent())), [&](std::size_t) { return code; });
    for (int row = 0; row < burnt.grid.rows; ++row)
      for (int col = 0; col < burnt.grid.cols; ++col)
        if (burnt.at(col, row) != 0) {
          const Point p = burnt.grid.centre(col, row);
          ++pixels;
          right += truth.at(static_cast<int>(truth.grid.col(p.x)), static_cast<int>(truth.grid.row(p.y))) == code ? 1 : 0;
        }
  }
  EXPECT_FALSE(count.contains({0, 1}));
  for (int code = 1; code <= 23; ++code)
    for (int r = 1; r <= 2; ++r) EXPECT_GE((count[{r, code}]), 2) << "class " << code << " in region " << r;
  EXPECT_GT(static_cast<double>(right) / pixels, 0.97);  // outlines are drawn by hand
}

TEST(Simulate, WrongLabelsAreAsManyAsAskedAndKnown) {
  SimulateOptions options = small_world();
  options.size = 128;
  options.dates = 1;
  options.wrong_labels = 0.3;
  const std::string folder = temp_dir() + "/w";
  simulate_into(folder, options);
  const auto truth = truth_of(folder)["reference"];
  const double share = static_cast<double>(truth["wrong_labels"].size()) / truth["polygons"].get<double>();
  EXPECT_GT(share, 0.1);  // a class with few polygons keeps them
  EXPECT_LT(share, 0.4);
  const VectorLayer reference = read_polygons(folder + "/reference.shp", "", {"ID", "CODE"}, "");
  for (const auto& wrong : truth["wrong_labels"]) {
    const auto& feature = reference.features.at(wrong["ID"].get<std::size_t>() - 1);
    EXPECT_EQ(feature.attributes.at("CODE"), std::to_string(wrong["CODE"].get<int>()));
    EXPECT_NE(wrong["CODE"], wrong["true"]);
  }
}

TEST(Simulate, ClimateDiffersBetweenTheRegions) {
  const RasterReader reader(shared_world() + "/climate.tif");
  EXPECT_EQ(reader.info().bands, 2);
  const auto temperature = reader.read_all<float>(0);
  const int middle = temperature.grid.rows / 2;
  EXPECT_GT(temperature.at(temperature.grid.cols - 1, middle), temperature.at(0, middle) + 1);
}

TEST(Simulate, ConfigurationFitsTheWorld) {
  const Config config = Config::load(shared_world() + "/config.toml", {});
  EXPECT_EQ(config.year, 2021);
  for (const std::string& path : {config.sources.front().root, config.reference.path, config.regions.path, config.exogenous.at(0).path})
    EXPECT_TRUE(fs::exists(path)) << path;
}

TEST(Simulate, RefusesAFolderWithFiles) {
  write_text(temp_dir() + "/w/precious.txt", "mine");
  try {
    simulate_into(temp_dir() + "/w", small_world());
    FAIL() << "expected a UserError";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("expected a new or empty folder"));
  }
  EXPECT_EQ(names_in(temp_dir() + "/w").size(), 1u);
}

TEST(Simulate, RefusesMoreDaysThanOneOrbitHas) {
  SimulateOptions options = small_world();
  options.plain = true;
  options.dates = 74;
  EXPECT_THROW(simulate_into(temp_dir() + "/w", options), UserError);
}

}  // namespace
}  // namespace millesime
