#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>

#include "pipeline/core/dates.h"
#include "pipeline/io/sensor.h"
#include "tests/fuzz/harness.h"
#include "tests/support/muscate_product.h"

namespace millesime::testing {
namespace {
namespace fs = std::filesystem;

const std::string kTile = "T31TCJ";

// Products of other years are listed, but their images are not opened. The sensor's own file is not what is tried here: it is read once.
void look_at(const std::string& root, int year) {
  static const std::unique_ptr<Sensor> sensor = make_sensor("sentinel2_theia");
  const Date first = Date::from_ymd(year, 1, 1), last = Date::from_ymd(year, 12, 31);
  sensor->tiles(root);
  sensor->listing(root, kTile, first, last);
  sensor->take_census(root, kTile, {}, first, last).to_json();
}

MuscateProduct small_product() {
  MuscateProduct product;
  product.grid.cols = product.grid.rows = 2;
  product.bands = {"B4"};
  return product;
}

FuzzHarness census(const std::string& folder) {
  FuzzHarness harness;
  harness.name = "census";
  harness.read = [folder](const std::string& bytes) { TileImages::read(input_file(folder, "census.json", bytes)).to_json(); };
  const std::string root = folder + "/census-seed";
  write_product(root, small_product());
  harness.seeds = {
      TileImages::of(make_sensor("sentinel2_theia")->take_census(root, kTile, {}, Date::from_ymd(2018, 1, 1), Date::from_ymd(2018, 12, 31)))
          .to_json()
          .dump(1)};
  fs::remove_all(root);
  harness.words = {
      "\"acquisitions\"", "\"passes\"", "\"date\"", "\"2018-02-30\"", "\"grid\"", "\"cols\"", "null", "-1", "1e400", "[]", "{}", "\xff"};
  return harness;
}

// A folder of that name among a tile's products. Names on disk are any bytes but "/" and 0.
FuzzHarness product_names(const std::string& folder) {
  FuzzHarness harness;
  harness.name = "product_names";
  const std::string root = folder + "/names", tile = root + "/" + kTile;
  fs::create_directories(tile);
  harness.read = [root, tile](const std::string& bytes) {
    std::string name = bytes.substr(0, 255);
    std::ranges::replace_if(
        name, [](char c) { return c == '/' || c == '\0'; }, '_');
    if (name.empty() || name == "." || name == "..") return;
    struct Folder {
      std::string path;
      explicit Folder(std::string where) : path(std::move(where)) { fs::create_directory(path); }
      ~Folder() { fs::remove_all(path); }
    };
    const Folder product(tile + "/" + name);
    look_at(root, 2018);
  };
  harness.seeds = {"SENTINEL2A_20180511-105804-037_L2A_T31TCJ_D_V1-7", "SENTINEL2B_20180230-105804-037_L2A_T31TCJ_C_V999999-999999",
                   "LANDSAT8-OLITIRS-XS_20180511-105804-037_L2A_T31TCJ_D_V1-7", "S2A_MSIL2A_20180511T105621_N0207_R094_T31TCJ.SAFE",
                   "x.zip"};
  harness.words = {"SENTINEL2", "_L2A_", "T31TCJ", "_V1-7", "-99999999999", ".zip", "{}", "\xff", "..", "\n"};
  return harness;
}

FuzzHarness zip_listing(const std::string& folder) {
  FuzzHarness harness;
  harness.name = "zip_listing";
  const std::string root = folder + "/zips", tile = root + "/" + kTile, name = small_product().name() + ".zip";
  fs::create_directories(tile);
  harness.read = [root, tile, name, change = fs::file_time_type(std::chrono::hours(1))](const std::string& bytes) mutable {
    const std::string archive = input_file(tile, name, bytes);
    fs::last_write_time(archive, change += std::chrono::seconds(2));  // GDAL keeps the listing of an archive that has not changed
    look_at(root, bytes.size() % 32 == 0 ? 2018 : 2017);              // opening images takes 50 times as long as listing them
  };
  const std::string seed = folder + "/zip-seed";
  for (const bool with_folder : {true, false})
    harness.seeds.push_back(bytes_of(zip_product(write_product(seed, small_product()), with_folder)));
  fs::remove_all(seed);
  harness.words = {"PK\x03\x04",       "PK\x01\x02",  "PK\x05\x06", "../", "/", "\\", std::string("\0\0\0\0", 4),
                   "\xff\xff\xff\xff", "SENTINEL2A_", "_FRE_B4.tif"};
  return harness;
}

}  // namespace

std::vector<FuzzHarness> image_harnesses(const std::string& folder) { return {census(folder), product_names(folder), zip_listing(folder)}; }

}  // namespace millesime::testing
