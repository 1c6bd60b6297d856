#include "pipeline/simulate/simulate.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/text.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/simulate/ground.h"
#include "pipeline/simulate/other_sensors.h"
#include "pipeline/simulate/products.h"
#include "pipeline/simulate/reference.h"
#include "pipeline/simulate/sky.h"
#include "pipeline/simulate/world.h"

namespace millesime {

namespace {

using simulated::Pass;
using simulated::Tile;
using simulated::World;

std::vector<const simulated::OpticalLayout*> optical_layouts() {
  return {&simulated::theia_l2a(), &simulated::theia_l3a(), &simulated::sen2cor()};
}

std::vector<std::string> simulated_sensors() {
  std::vector<std::string> names;
  for (const auto* layout : optical_layouts()) names.push_back(layout->sensor);
  names.insert(names.end(), {"landsat_c2", "sentinel1_s1tiling", "temperature_daily"});
  return names;
}

// The passes of a layout: monthly syntheses have few clouds and no orbits; ESA's products are never divided within a tile, and a product
// that was processed again keeps its time.
std::vector<Pass> passes_of(const simulated::OpticalLayout& layout, std::vector<Pass> passes, int year) {
  if (&layout == &simulated::theia_l3a()) {
    std::vector<Pass> months(12);
    for (int month = 1; month <= 12; ++month) months[static_cast<std::size_t>(month - 1)].date = Date::from_ymd(year, month, 15);
    return months;
  }
  if (&layout == &simulated::sen2cor()) {
    std::erase_if(passes, [](const Pass& pass) { return pass.first_row > 0; });
    for (Pass& pass : passes) pass.last_row = 1;
  }
  return passes;
}

constexpr double kCloudsOfSyntheses = 0.1;  // share of the clouds of single days that are left in a synthesis
constexpr const char* kNomenclature = "oso23";
constexpr double kPixelM = 10;
constexpr Point kMiddle = {0.0, 43.85};  // longitude, latitude: the border of UTM zones 30 and 31 in Gascony
constexpr int kPassesAYear = 73;         // of one orbit: every fifth day

// Tiles in rows, alternately east and west of the border, from the middle outwards. Names follow the military grid: columns of
// 100 km take letters eastwards (zone 31: A to H from 3 deg W, zone 30: S to Z), rows take letters northwards.
struct Place {
  int zone, column, row;  // column counts from the border, row from north to south
};

std::vector<Place> places(int tiles) {
  const int columns = static_cast<int>(std::ceil(std::sqrt(tiles)));
  std::vector<Place> list;
  for (int k = 0; k < tiles; ++k) {
    const int column = k % columns;
    list.push_back({column % 2 == 0 ? 31 : 30, column / 2, k / columns});
  }
  return list;
}

std::string tile_name(const Place& place) {
  static const std::string east = "CDEFGHAB", west = "YXWVUTSZ", rows = "ABCDEFGHJKLMNPQRSTUV";
  const int letters = static_cast<int>(rows.size());
  const int first = place.zone == 31 ? 8 : 13;  // J in odd zones, P in even ones: 4800 to 4900 km north
  const int row = ((first - place.row) % letters + letters) % letters;
  const auto& column = place.zone == 31 ? east : west;
  return join_text("T", place.zone, "T", column[static_cast<std::size_t>(place.column) % column.size()],
                   rows[static_cast<std::size_t>(row)]);
}

Tile tile_at(const Place& place, const SimulateOptions& options) {
  const Point middle = CoordinateTransform("EPSG:4326", simulated::kWorldCrs)(kMiddle);
  const double side = options.size * kPixelM, step = side * (1 - options.overlap);
  const double east = (place.column + 0.5) * step;
  const Point centre = {middle.x + (place.zone == 31 ? east : -east), middle.y - place.row * step};
  Tile tile;
  tile.name = tile_name(place);
  tile.main_orbit = place.zone == 31 ? 51 : 94;
  tile.grid.crs = place.zone == 31 ? "EPSG:32631" : "EPSG:32630";
  const Point on_tile = CoordinateTransform(simulated::kWorldCrs, tile.grid.crs)(centre);
  // Tiles of a zone share one lattice of 20 m, as the real ones do.
  tile.grid.x0 = std::round((on_tile.x - side / 2) / 20) * 20;
  tile.grid.y0 = std::round((on_tile.y + side / 2) / 20) * 20;
  tile.grid.cols = tile.grid.rows = options.size;
  return tile;
}

Box extent_of(const std::vector<Tile>& tiles) {
  Box all;
  for (const Tile& tile : tiles) {
    const Box box = CoordinateTransform(tile.grid.crs, simulated::kWorldCrs)(tile.grid.extent());
    if (all.empty()) all = box;
    all = {std::min(all.min_x, box.min_x), std::min(all.min_y, box.min_y), std::max(all.max_x, box.max_x), std::max(all.max_y, box.max_y)};
  }
  return all;
}

Grid union_grid(const Box& extent) {
  Grid grid;
  grid.crs = simulated::kWorldCrs;
  grid.x0 = std::floor(extent.min_x / kPixelM) * kPixelM;
  grid.y0 = std::ceil(extent.max_y / kPixelM) * kPixelM;
  grid.cols = static_cast<int>(std::ceil((extent.max_x - grid.x0) / kPixelM));
  grid.rows = static_cast<int>(std::ceil((grid.y0 - extent.min_y) / kPixelM));
  return grid;
}

// In the order of kSensors.
std::string source_text(const std::string& sensor, bool is_first = true) {
  const auto source = [&](const char* root, const char* more = "") {
    return join_text("[[source]]\nsensor = \"", sensor, "\"\nroot = \"", root, "\"\n", more, "\n");
  };
  if (sensor == "landsat_c2") return source("landsat");
  if (sensor == "sentinel1_s1tiling")
    return source("s1", "name = \"s1_descending\"\nvariant = \"DES\"\n") + source("s1", "name = \"s1_ascending\"\nvariant = \"ASC\"\n");
  if (sensor == "temperature_daily") return source("temperature");
  for (const auto* layout : optical_layouts())  // all of Sentinel-2: beside the first each needs a name of its own
    if (sensor == layout->sensor) return source(layout->folder, is_first ? "" : join_text("name = \"", layout->folder, "\"\n").c_str());
  throw UserError(join_text("--sensors: expected some of ", join_list(simulated_sensors(), ", "), ", got ", sensor));
}

std::string config_text(const SimulateOptions& options, const World& world) {
  // The blending distance is chosen for the world, which is much smaller than France.
  const auto blend_m = static_cast<int>(std::min(2000.0, world.zone_m() / 4));
  std::string sources;
  for (const std::string& sensor : options.sensors) sources += source_text(sensor, sensor == options.sensors.front());
  return join_text("# Maps this simulated world: millesime run config.toml\n\nyear = ", options.year, "\nnomenclature = \"", kNomenclature,
                   "\"\noutput = \"out\"\n\n", sources,
                   "[reference]\npath = "
                   "\"reference.shp\"\nclass_field = \"CODE\"\n\n"
                   "[regions]\npath = \"regions.gpkg\"\nfield = \"region\"\nblend_m = ",
                   blend_m, "\n\n[[exogenous]]\nname = \"climate\"\npath = \"climate.tif\"\n\n",
                   options.rotations ? "[[exogenous]]\nname = \"register\"\npath = \"register.tif\"\nkind = \"category\"\n\n" : "",
                   "[mosaic]\ncrs = \"EPSG:2154\"\nresolution = 10\n");
}

// The truth of a tile and its Sentinel-2 images in every layout; the entry of truth.json is that of the first.
nlohmann::ordered_json write_images(const World& world, const Tile& tile, const SimulateOptions& options, bool with_zip,
                                    const std::string& folder, const Context& context) {
  const std::vector<Pass> passes =
      simulated::calendar(world.seed(), tile.name, {options.year, options.dates, tile.main_orbit, options.plain, with_zip});
  const std::string truth = folder + "/truth/" + tile.name + ".tif";
  nlohmann::ordered_json entry;
  for (const auto* layout : optical_layouts()) {
    if (std::ranges::find(options.sensors, layout->sensor) == options.sensors.end()) continue;
    const double clouds = layout == &simulated::theia_l3a() ? options.cloud_share * kCloudsOfSyntheses : options.cloud_share;
    auto found = write_tile(world, tile, passes_of(*layout, passes, options.year), *layout, {clouds, options.value_step},
                            join_text(folder, "/", layout->folder, "/", tile.name), entry.empty() ? truth : "", context);
    if (entry.empty()) entry = std::move(found);
  }
  if (entry.empty()) entry = write_truth(world, tile, truth, context);
  return entry;
}

void require_empty(const std::string& folder) {
  std::error_code error;
  if (std::filesystem::exists(folder, error) && !std::filesystem::is_empty(folder, error))
    throw UserError(join_text(
        folder, ": expected a new or empty folder for the simulated world, got one with files in it; choose another or remove them"));
}

}  // namespace

void SimulateOptions::declare(Options& o) {
  o.section("");
  o.add("tiles", &tiles, "number of tiles, half of them in each of two UTM zones").range(1, 200);
  o.add("size", &size, "side of a tile").unit("pixels of 10 m").range(64, 10980);
  o.add("dates", &dates, "acquisition days of each tile; about a quarter of them cover half of it").unit("days").range(1, 2 * kPassesAYear);
  o.add("seed", &seed, "the same seed and options give the same bytes").range(0, 9e15);
  o.add("year", &year, "year of the acquisitions").range(2015, 2100);
  o.add("overlap", &overlap, "share of a tile's side that overlaps its neighbour").range(0, 0.5);
  o.add("cloud_share", &cloud_share, "mean cloud cover over the year; more in winter than in summer").range(0, 0.9);
  o.add("wrong_labels", &wrong_labels, "share of reference polygons with the label of a similar class").range(0, 0.5);
  o.add("polygons", &polygons, "maximum number of reference polygons for each class and region").range(1, 100000);
  o.add("value_step", &value_step, "step of the stored reflectances (1 = 0.0001); larger steps give smaller files").range(1, 100);
  o.add("sensors", &sensors, join_text("what the same world is written as: some of ", join_list(simulated_sensors(), ", ")));
  o.add("seasons", &seasons,
        "what the growth of plants follows: the climate of the place, the same in every year, or the temperature of each day")
      .choices({"climate", "temperature"});
  o.add("anomaly", &anomaly, "how much warmer the year is than the mean of many").unit("deg C").range(-5, 5);
  o.add("rotations", &rotations,
        "fields carry another crop in another year; also writes register.tif, the crops of the year before, as an input of the map");
  o.add("plain", &plain, "without a second orbit, divided passes, newer versions or zipped products");
}

void simulate(const SimulateOptions& options, const std::string& folder, const Context& context) {
  if (options.plain && options.dates > kPassesAYear)
    throw UserError(
        join_text("--dates: expected at most ", kPassesAYear, " with --plain (one orbit passes every fifth day), got ", options.dates));
  for (const std::string& sensor : options.sensors) source_text(sensor);  // refuses an unknown one
  require_empty(folder);
  const Nomenclature nomenclature = Nomenclature::load(kNomenclature);

  std::vector<Tile> tiles;
  for (const Place& place : places(options.tiles)) tiles.push_back(tile_at(place, options));
  const Box extent = extent_of(tiles);
  const auto world_of = [&](int year) {
    return World(static_cast<std::uint64_t>(options.seed), extent, options.size * kPixelM,
                 {year, options.seasons == "temperature", options.anomaly, options.rotations});
  };
  const World world = world_of(options.year);

  nlohmann::ordered_json truth;
  truth["generator"] = "millesime simulate";
  Options declared;
  SimulateOptions effective = options;
  effective.declare(declared);
  for (const Option& option : declared.all()) truth["options"][option.key()] = option.value_text();
  truth["world"] = {{"crs", simulated::kWorldCrs},
                    {"extent", {extent.min_x, extent.min_y, extent.max_x, extent.max_y}},
                    {"field_m", world.parcel_m()},
                    {"landscape_m", world.zone_m()}};

  truth["reference"] = write_reference(world, tiles, nomenclature, {options.polygons, options.wrong_labels}, folder + "/reference.shp");
  write_regions(world, folder + "/regions.gpkg");
  write_climate(world, folder + "/climate.tif");
  write_union_truth(world, tiles, union_grid(extent), folder + "/truth/truth.tif", context);
  if (options.rotations) write_register(world_of(options.year - 1), tiles, union_grid(extent), folder + "/register.tif", context);
  const simulated::Season season{options.year, options.dates, options.cloud_share};
  for (std::size_t k = 0; k < tiles.size(); ++k)
    truth["tiles"].push_back(write_images(world, tiles[k], options, !options.plain && k == 0, folder, context));
  for (const std::string& sensor : options.sensors) {
    if (sensor == "landsat_c2") write_landsat(world, tiles, season, folder + "/landsat", context);
    if (sensor == "sentinel1_s1tiling")
      for (const Tile& tile : tiles) write_sentinel1(world, tile, season, folder + "/s1", context);
    if (sensor == "temperature_daily") write_temperature(world, options.year, folder + "/temperature", context);
  }
  write_text(folder + "/truth.json", json_text(truth, 1) + "\n");
  write_text(folder + "/config.toml", config_text(options, world));
}

}  // namespace millesime
