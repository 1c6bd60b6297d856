// A plan looks at each file once, keeps what it found, and a task of it looks at the images of its own tile only. MILLESIME_PLAN_TILES and
// MILLESIME_PLAN_PRODUCTS make the production larger and print times; 110 and 80 are France.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/samples.h"
#include "pipeline/engine/run.h"
#include "pipeline/engine/status.h"
#include "pipeline/io/census.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/planning.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace {
std::atomic<std::int64_t> n_looks{0}, n_looks_at_images{0};

int look(int folder, const char* path, struct stat* status, int flags) {
  ++n_looks;
  if (std::strstr(path, "/l2a")) ++n_looks_at_images;
  return static_cast<int>(::syscall(SYS_newfstatat, folder, path, status, flags));
}
}  // namespace

// Every look of this process at a file's state comes by here, those of the C++ library too.
extern "C" int stat(const char* path, struct stat* status) noexcept { return look(AT_FDCWD, path, status, 0); }
extern "C" int lstat(const char* path, struct stat* status) noexcept { return look(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW); }
extern "C" int fstatat(int folder, const char* path, struct stat* status, int flags) noexcept { return look(folder, path, status, flags); }

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

int number_of(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::atoi(text) : otherwise;
}

class Quiet : public RunObserver {
 public:
  void unit_starts(const Unit& unit, const std::string& why) override { started.push_back(unit.name() + ": " + why); }
  void unit_done(const Unit&, double, const nlohmann::json&) override {}
  void unit_failed(const Unit& unit, const std::string& message) override { ADD_FAILURE() << unit.name() << ": " << message; }
  void stage_up_to_date(const Stage&, std::size_t) override {}
  std::vector<std::string> started;
};

// A country of empty images, three regions and three seeds, whose units write small files.
class Country : public ::testing::Test {
 protected:
  Country() {
    std::string names;
    for (int t = 0; t < n_tiles; ++t) {
      tiles.push_back(
          {'T', '3', static_cast<char>('0' + t / 100), 'T', static_cast<char>('A' + t / 10 % 10), static_cast<char>('A' + t % 10)});
      for (int p = 0; p < n_products; ++p) {
        const std::string product = name_of(t, p), path = folder + "/l2a/" + tiles.back() + "/" + product;
        fs::create_directories(path + "/MASKS");
        for (const char* band : {"B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"})
          std::ofstream(path + "/" + product + "_FRE_" + band + ".tif");
        for (const char* mask : {"CLM", "SAT", "EDG"}) std::ofstream(path + "/MASKS/" + product + "_" + mask + "_R1.tif");
        for (const char* other : {"SRE_B2", "SRE_B8", "ATB_R1", "QKL_ALL"}) std::ofstream(path + "/" + product + "_" + other + ".tif");
        for (const char* other : {"CLM_R2", "MG2_R1"}) std::ofstream(path + "/MASKS/" + product + "_" + other + ".tif");
      }
    }
    const Polygon square{{{{0, 0}, {0, 1}, {1, 1}, {1, 0}, {0, 0}}}};
    for (const auto& [file, field] : {std::pair{"reference.gpkg", "CODE"}, {"regions.gpkg", "region"}})
      write_polygons(folder + "/" + file, "polygons", "EPSG:2154", {field}, {{{square}, {std::string("1")}}});
    write_text(
        folder + "/france.toml",
        "year = 2021\noutput = \"out\"\n[[source]]\nsensor = \"sentinel2_theia\"\nroot = \"l2a\"\n[reference]\npath = \"reference.gpkg\"\n"
        "class_field = \"CODE\"\nseeds = 3\n[regions]\npath = \"regions.gpkg\"\nfield = \"region\"\n[mosaic]\ncrs = \"EPSG:2154\"\n");
    config = Config::load(folder + "/france.toml", {});
    context.progress = &progress;
  }

  std::string name_of(int tile, int product) const {
    const Date date = Date::from_ymd(2021, 1, 2) + 4 * product;
    std::string day = date.iso();
    std::erase(day, '-');
    return "SENTINEL2A_" + day + "-105804-037_L2A_" + tiles[static_cast<std::size_t>(tile)] + "_D_V1-7";
  }

  // The real stages, whose units write little.
  std::vector<Stage> stages() {
    std::vector<Stage> all = stage_list();
    for (Stage& stage : all)
      stage.plan = [this, plan = stage.plan](const Config& c) {
        auto units = plan(c);
        if (units)
          for (Unit& unit : *units)
            unit.run = [this, stage_name = unit.stage, tile = unit.tile, outputs = unit.outputs](const Context&) {
              return write(stage_name, tile, outputs);
            };
        return units;
      };
    return all;
  }

  nlohmann::json write(const std::string& stage, const std::string& tile, const std::vector<std::string>& outputs) {
    for (const std::string& output : outputs) {
      fs::create_directories(fs::path(output).parent_path());
      if (stage == "catalog")
        write_text(output, census_of(tile).dump());
      else if (stage == "sample")
        write_samples(samples_of(tile), output);
      else
        write_text(output, stage);
    }
    return {};
  }

  nlohmann::ordered_json census_of(const std::string& tile) const {
    const auto t = static_cast<int>(std::ranges::find(tiles, tile) - tiles.begin());
    SourceCensus census;
    census.tile = tile, census.source = "sentinel2", census.sensor = "sentinel2_theia";
    census.grid = {"EPSG:32631", 300000.0 + t % 10 * 100000, 5600000.0 - t / 10 * 100000, 10, 10, 10980, 10980};
    for (int p = 0; p < n_products; ++p) {
      Product product{name_of(t, p), folder + "/l2a/" + tile + "/" + name_of(t, p), tile, Date::from_ymd(2021, 1, 2) + 4 * p, "", "", {}};
      for (const char* band : {"B2", "B3", "B4", "B8"}) {
        census.grids[band] = census.grid;
        product.layers[band].file = product.name + "_FRE_" + band + ".tif";
        product.layers[band].grid = census.grid;
      }
      census.acquisitions.push_back({product.date, {product}});
    }
    return TileImages::of(census).to_json();
  }

  static Samples samples_of(const std::string& tile) {
    Samples s;
    s.tile = tile, s.year = 2021, s.n_seeds = 3, s.region_names = {"1", "2", "3"};
    s.series.push_back({"sentinel2", {"B2"}, {1}, {Date::parse("20210102")}, {1, 2, 3}, {1, 1, 1}});
    s.label = {1, 2, 3}, s.polygon = {1, 2, 3}, s.region = {0, 1, 2}, s.x = {0, 0, 0}, s.y = {0, 0, 0}, s.col = {0, 0, 0},
    s.row = {0, 0, 0};
    s.split = std::vector<std::uint8_t>(9, 0);
    return s;
  }

  // Looks at files of an action: at images, and at others.
  struct Looks {
    std::int64_t at_images, at_others;
  };
  template <class Action>
  Looks looks_of(const char* what, const Action& action) {
    const std::int64_t before = n_looks, images_before = n_looks_at_images;
    const auto started = std::chrono::steady_clock::now();
    const std::clock_t worked = std::clock();
    action();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    const double core_seconds = static_cast<double>(std::clock() - worked) / CLOCKS_PER_SEC;
    if (std::getenv("MILLESIME_PLAN_TILES"))
      std::printf("%-28s %8.3f s, %.3f core-s, %lld looks, of them %lld at images\n", what, seconds, core_seconds,
                  static_cast<long long>(n_looks - before), static_cast<long long>(n_looks_at_images - images_before));
    return {n_looks_at_images - images_before, n_looks - before - (n_looks_at_images - images_before)};
  }

  void run_all() {
    Quiet observer;
    run(stages(), config, {}, context, observer);
  }
  static std::size_t to_run(const std::vector<PlannedStage>& plan) {
    std::size_t n = 0;
    for (const PlannedStage& stage : plan) {
      EXPECT_TRUE(stage.known) << stage.stage->name;
      for (const PlannedUnit& unit : stage.units) {
        if (!unit.why.empty()) std::printf("%s: %s\n", unit.unit.name().c_str(), unit.why.c_str());
        n += !unit.why.empty();
      }
    }
    return n;
  }

  const int n_tiles = number_of("MILLESIME_PLAN_TILES", 4), n_products = number_of("MILLESIME_PLAN_PRODUCTS", 5);
  const std::string folder = testing::temp_dir();
  std::vector<std::string> tiles;
  Config config;
  testing::SilentProgress progress;
  Context context;
};

TEST_F(Country, IsPlannedWithOneLookAtEachFile) {
  run_all();
  const std::int64_t of_a_tile = std::int64_t{n_products} * 13 + 5;  // the images that are read, and folders above products
  const auto plan = [&] {
    config.planning = nullptr;  // as another process
    EXPECT_EQ(to_run(make_plan(stages(), config, {})), 0u);
  };
  plan();  // keeps what it found
  const Looks warm = looks_of("run --dry-run", plan);
  EXPECT_EQ(warm.at_images, n_tiles * std::int64_t{n_products} * 13)
      << "once each; a file that is written in place shows in its own state alone";
  EXPECT_LE(warm.at_others, std::int64_t{100} * n_tiles + 300);  // results, and sheets of the map, a few times
  const Looks all = looks_of("status", [&] {
    config.planning = nullptr;
    for (const UnitStatus& unit : status(stages(), config, false)) EXPECT_EQ(unit.state, "done") << unit.stage << "/" << unit.key;
  });
  EXPECT_LE(all.at_images, n_tiles * of_a_tile);
  EXPECT_LE(all.at_others, std::int64_t{120} * n_tiles + 500);

  // A task of a tile: its own images, and results.
  const std::string unit = "classify/" + tiles[1];
  const Looks task = looks_of("a task of one tile", [&] {
    config.planning = nullptr;
    Quiet observer;
    EXPECT_EQ(run_unit(stages(), config, {}, unit, context, observer).up_to_date, 1);
  });
  EXPECT_LE(task.at_images, of_a_tile + 2 * n_tiles);
  EXPECT_LE(task.at_others, 30 * n_tiles + 200);
}

TEST_F(Country, AnImageThatChangedIsSeenByThePlanAndByItsOwnTask) {
  run_all();
  write_text(folder + "/l2a/" + tiles[2] + "/" + name_of(2, 0) + "/MASKS/" + name_of(2, 0) + "_CLM_R1.tif", "another");
  config.planning = nullptr;
  std::vector<std::string> why;
  const std::vector<Stage> all = stages();
  for (const PlannedStage& stage : make_plan(all, config, {}))
    for (const PlannedUnit& unit : stage.units)
      if (stage.stage->name == "catalog" && !unit.why.empty()) why.push_back(unit.unit.name() + " " + unit.why);
  ASSERT_EQ(why.size(), 1u);
  EXPECT_THAT(why[0],
              HasSubstr("catalog/" + tiles[2] + " products of tile " + tiles[2] + ": 0 new, 1 changed (" + name_of(2, 0) + "), 0 removed"));
  const auto task = [&](const std::string& tile) {
    config.planning = nullptr;
    Quiet observer;
    try {
      return std::to_string(run_unit(stages(), config, {}, "classify/" + tile, context, observer).up_to_date);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
  };
  EXPECT_THAT(task(tiles[2]), HasSubstr("catalog/" + tiles[2]));
  EXPECT_EQ(task(tiles[0]), "1");  // its own are unchanged; the others were looked at when the plan was made
}

TEST_F(Country, APlanOfAnotherVersionOrADamagedOneIsMadeAgain) {
  run_all();
  const std::string file = Layout(config).plan();
  const std::string kept = read_text(file);
  EXPECT_THAT(kept, HasSubstr("regions"));
  std::string other = kept;
  const auto at = other.find("\"version\":\"");
  ASSERT_NE(at, std::string::npos);
  other.insert(at + 11, "another ");
  for (std::size_t place = 0; (place = other.find("\"learning\":[\"1\"", place)) != std::string::npos; ++place) other[place + 13] = '9';
  std::vector<std::string> damaged = {other, "{", "[]", "{}"};
  const nlohmann::json whole = nlohmann::json::parse(kept);
  for (const nlohmann::json& value :
       {nlohmann::json(5), nlohmann::json(nullptr), nlohmann::json("text"), nlohmann::json::object(), nlohmann::json::array()}) {
    nlohmann::json values = whole, entries = whole, found = whole, checksum = whole;
    for (auto& [key, entry] : values["found"].items()) entry["value"] = value;
    for (auto& [key, entry] : entries["found"].items()) entry = value;
    found["found"] = value, checksum["checksum"] = value;
    for (const auto& document : {values, entries, found, checksum}) damaged.push_back(document.dump());
  }
  for (const std::string& text : damaged) {
    write_text(file, text);
    config.planning = nullptr;
    EXPECT_EQ(to_run(make_plan(stages(), config, {})), 0u) << text;
    EXPECT_EQ(nlohmann::json::parse(read_text(file)), whole) << text;
  }
}

}  // namespace
}  // namespace millesime
