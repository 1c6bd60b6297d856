#include "pipeline/stages/mosaic.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <regex>

#include "kernels/ops/mosaic_rule.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/position_lattice.h"
#include "pipeline/imagery/area.h"
#include "pipeline/io/census.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/virtual_raster.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/planning.h"
#include "pipeline/stages/tiles.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

constexpr int kWindow = 4096;     // widest part of a map that is computed at once, px: the width of a country would take hundreds of MB
constexpr int kNodeSpacing = 32;  // px between exactly transformed positions; bilinear in between: error far below 1/100 px

// Number of the grid's first column (row) counted from the origin of the reference system, so that nodes and sheets have fixed positions.
std::int64_t absolute_col(const Grid& grid) { return std::llround(grid.x0 / grid.pixel_width); }
std::int64_t absolute_row(const Grid& grid) { return std::llround(-grid.y0 / grid.pixel_height); }

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0); }

// Positions in a tile (fractional pixels) of the pixel centres of a window of the map.
PositionLattice tile_positions(const Grid& map, const Window& window, const Grid& tile) {
  PositionLattice positions(
      absolute_col(map) + window.col, absolute_row(map) + window.row, window.width, window.height, kNodeSpacing,
      [&](std::int64_t col, std::int64_t row) {
        return Point{(static_cast<double>(col) + 0.5) * map.pixel_width, -(static_cast<double>(row) + 0.5) * map.pixel_height};
      });
  if (map.crs != tile.crs) CoordinateTransform(map.crs, tile.crs).apply(positions.x(), positions.y());
  for (double& x : positions.x()) x = tile.col(x);
  for (double& y : positions.y()) y = tile.row(y);
  return positions;
}

// The pixels of the tile that a window with these positions may need.
Window pixels_around(const Box& positions, const Grid& tile) {
  const auto pixel = [](double value, int limit) { return static_cast<int>(std::clamp(std::floor(value), 0.0, double(limit))); };
  const int c0 = pixel(positions.min_x - 1, tile.cols), c1 = pixel(positions.max_x + 2, tile.cols),
            r0 = pixel(positions.min_y - 1, tile.rows), r1 = pixel(positions.max_y + 2, tile.rows);
  return {c0, r0, std::max(0, c1 - c0), std::max(0, r1 - r0)};
}

template <class T>
std::vector<T> read_layer(const std::string& path, const MapForm& form, const Window& window, const Grid& expected) {
  std::vector<T> samples(static_cast<std::size_t>(window.pixels()), 0);
  if (path.empty()) return samples;
  const MapInput map(path, form);
  require_same(expected, map.grid(), path);
  map.read(window, samples.data());
  return samples;
}

// The mean of the files where they have a value, rounded.
std::vector<std::uint8_t> read_uncertainty(const std::vector<std::string>& files, const Window& window, const Grid& expected) {
  std::vector<int> sum(static_cast<std::size_t>(window.pixels()), 0), n(sum.size(), 0);
  for (const std::string& file : files) {
    const auto one = read_layer<std::uint8_t>(file, MapForm{.kind = MapKind::confidence}, window, expected);
    for (std::size_t i = 0; i < one.size(); ++i) sum[i] += one[i], n[i] += one[i] != 0;
  }
  std::vector<std::uint8_t> mean(sum.size(), 0);
  for (std::size_t i = 0; i < mean.size(); ++i)
    if (n[i] > 0) mean[i] = static_cast<std::uint8_t>((2 * sum[i] + n[i]) / (2 * n[i]));
  return mean;
}

}  // namespace

MapLayers mosaic_window(const std::vector<TileMaps>& tiles, const Grid& grid, const Window& window, const Context& context) {
  MapLayers map{Raster<std::uint16_t>(grid.crop(window)), Raster<std::uint8_t>(grid.crop(window)), Raster<std::uint8_t>(grid.crop(window)),
                Raster<std::uint8_t>(grid.crop(window))};
  const auto pixels = static_cast<std::size_t>(window.pixels());
  std::vector<std::uint16_t> rank(pixels, kNoTile);
  std::vector<std::uint16_t> classification(pixels);
  std::vector<std::uint8_t> confidence(pixels), validity(pixels), uncertainty(pixels);
  MILLESIME_CHECK(tiles.size() < kNoTile, tiles.size(), " tiles");
  std::vector<const TileMaps*> by_name;
  for (const auto& tile : tiles) by_name.push_back(&tile);
  std::ranges::stable_sort(by_name, {}, [](const TileMaps* tile) { return tile->name; });
  for (std::size_t t = 0; t < by_name.size(); ++t) {
    const TileMaps& tile = *by_name[t];
    const Grid tile_grid = RasterReader(tile.classification).grid();
    const PositionLattice positions = tile_positions(grid, window, tile_grid);
    const Window needed = pixels_around(positions.extent(), tile_grid);
    if (needed.empty()) continue;
    const auto tile_class = read_layer<std::uint16_t>(tile.classification, tile.form_of_classes, needed, tile_grid);
    const auto tile_confidence = read_layer<std::uint8_t>(tile.confidence, tile.form_of_confidence, needed, tile_grid);
    const auto tile_validity = read_layer<std::uint8_t>(tile.validity, tile.form_of_validity, needed, tile_grid);
    const auto tile_uncertainty = read_uncertainty(tile.uncertainty, needed, tile_grid);
#pragma omp parallel for schedule(static) num_threads(context.threads)
    for (int r = 0; r < window.height; ++r)
      for (int c = 0; c < window.width; ++c) {
        const auto out = static_cast<std::size_t>(r) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(c);
        classification[out] = 0;
        const auto [col, row] = positions.at(c, r);
        if (!(col >= needed.col && row >= needed.row && col < needed.col + needed.width && row < needed.row + needed.height)) continue;
        const auto in = static_cast<std::size_t>(static_cast<int>(row) - needed.row) * static_cast<std::size_t>(needed.width) +
                        static_cast<std::size_t>(static_cast<int>(col) - needed.col);
        classification[out] = tile_class[in], confidence[out] = tile_confidence[in], validity[out] = tile_validity[in],
        uncertainty[out] = tile_uncertainty[in];
      }
    MosaicRuleArgs args;
    args.pixels = window.pixels();
    args.tile_label = classification.data(), args.tile_confidence = confidence.data(), args.tile_validity = validity.data();
    args.tile_rank = static_cast<std::uint16_t>(t);
    args.label = map.classification.samples.data(), args.confidence = map.confidence.samples.data();
    args.validity = map.validity.samples.data(), args.rank = rank.data();
    mosaic_rule(Stream(Device{}, context.threads), args);
    for (std::size_t i = 0; i < pixels; ++i)
      if (rank[i] == args.tile_rank) map.uncertainty.samples[i] = uncertainty[i];
  }
  return map;
}

namespace {

constexpr const char* kUncertaintyLayer = "uncertainty";

// In the order in which write_sheet() writes them.
std::vector<std::string> layers_of(bool with_uncertainty) {
  std::vector<std::string> layers = {"class", "confidence", "validity"};
  if (with_uncertainty) layers.emplace_back(kUncertaintyLayer);
  return layers;
}

// Of the tiles' own maps: that of their files.
PixelType class_type_of(const std::vector<TileMaps>& tiles) {
  const bool wide =
      std::ranges::any_of(tiles, [](const TileMaps& tile) { return RasterReader(tile.classification).info().type != PixelType::u8; });
  return wide ? PixelType::u16 : PixelType::u8;
}

// A sheet is a square at a fixed position in the map's reference system, so the sheets of a tile do not depend on the other tiles.
struct Sheet {
  std::string key;
  Window window;  // in the national grid
};

std::vector<Sheet> sheets_of(const Grid& grid, int side) {
  std::vector<Sheet> sheets;
  const std::int64_t col0 = absolute_col(grid), row0 = absolute_row(grid);
  for (std::int64_t j = floor_div(row0, side); j * side < row0 + grid.rows; ++j)
    for (std::int64_t i = floor_div(col0, side); i * side < col0 + grid.cols; ++i) {
      const Window window{static_cast<int>(i * side - col0), static_cast<int>(j * side - row0), side, side};
      sheets.push_back({join_text("c", i, "_r", j), window.intersect(grid.whole())});
    }
  return sheets;
}

nlohmann::json write_sheet(const std::vector<TileMaps>& tiles, PixelType class_pixels, const Grid& grid, const Window& sheet,
                           const std::vector<std::string>& outputs, const Context& context) {
  std::vector<RasterWriter> writers;
  const Grid sheet_grid = grid.crop(sheet);
  for (const auto& output : outputs)
    writers.emplace_back(output, sheet_grid, writers.empty() ? class_pixels : PixelType::u8, 1,
                         RasterOptions{.nodata = 0, .block = kMapBlock, .nomenclature = nullptr, .band_names = {}});
  std::int64_t mapped = 0;
  context.progress->start("mosaic", sheet.pixels(), "px");
  for (const Window& strip : split(sheet_grid.whole(), std::min(sheet.width, kWindow), kMapBlock, 1)) {
    const MapLayers map = mosaic_window(tiles, sheet_grid, strip, context);
    mapped += std::ranges::count_if(map.classification.samples, [](std::uint16_t code) { return code != 0; });
    writers[0].write(strip, 0, map.classification.samples.data());
    writers[1].write(strip, 0, map.confidence.samples.data());
    writers[2].write(strip, 0, map.validity.samples.data());
    if (writers.size() > 3) writers[3].write(strip, 0, map.uncertainty.samples.data());
    context.progress->advance(strip.pixels());
  }
  for (auto& writer : writers) writer.commit();
  context.progress->finish();
  return {{"pixels", sheet.pixels()}, {"mapped", mapped}, {"tiles", tiles.size()}};
}

// The grid of each tile, from its census.
std::optional<std::vector<Grid>> grids_of_tiles(const Config& config) {
  const Layout layout(config);
  std::vector<Grid> grids;
  for (const auto& tile : tiles_of(config)) {
    const std::string census = layout.census(tile);
    if (!fs::exists(census)) return std::nullopt;
    grids.push_back(grid_of(found_in(config, "grid", census, [&] { return to_json(TileImages::read(census).grid); })));
  }
  return grids.empty() ? std::nullopt : std::optional(grids);
}

std::optional<std::vector<Unit>> make_units(const Config& config) {
  const Layout layout(config);
  const auto found = grids_of_tiles(config);
  if (!found) return std::nullopt;
  const std::vector<Grid>& grids = *found;
  std::vector<TileMaps> maps;
  const bool with_uncertainty = config.classify.uncertainty != "none";
  for (const auto& tile : tiles_of(config)) {
    maps.push_back({tile, layout.final_classification(tile), layout.final_confidence(tile), layout.validity(tile), {}});
    for (int seed = 0; with_uncertainty && seed < layout.seeds; ++seed) maps.back().uncertainty.push_back(layout.uncertainty(tile, seed));
  }
  const std::vector<std::string> layers = layers_of(with_uncertainty);
  const Grid grid = *mosaic_grid(config);
  const BoxesOf turns(grid.crs);
  std::vector<Box> boxes;
  for (const Grid& tile : grids)
    boxes.push_back(
        turns.near(tile.crs == grid.crs ? tile.extent() : CoordinateTransform(tile.crs, grid.crs)(tile.extent()), grid.extent()));

  std::vector<Unit> units;
  std::map<std::string, std::vector<RasterPart>> parts;
  std::vector<std::string> all_sheets;
  for (const Sheet& sheet : sheets_of(grid, config.mosaic.sheet_px)) {
    std::vector<TileMaps> inside;
    Unit unit{.stage = "mosaic", .key = sheet.key, .tile = "", .inputs = {}, .outputs = {}, .config_keys = {}, .facts = {}, .run = {}};
    for (std::size_t t = 0; t < maps.size(); ++t) {
      if (!boxes[t].intersects(grid.extent(sheet.window))) continue;
      inside.push_back(maps[t]);
      for (const auto* input : {&maps[t].classification, &maps[t].confidence, &maps[t].validity}) unit.inputs.push_back(*input);
      unit.inputs.insert(unit.inputs.end(), maps[t].uncertainty.begin(), maps[t].uncertainty.end());
    }
    if (inside.empty()) continue;
    for (const std::string& layer : layers) {
      unit.outputs.push_back(layout.sheet(sheet.key, layer));
      parts[layer].push_back({unit.outputs.back(), sheet.window});
      all_sheets.push_back(unit.outputs.back());
    }
    unit.facts = {"grid = " + to_text(grid.crop(sheet.window))};
    unit.run = [=, outputs = unit.outputs](const Context& context) {
      return write_sheet(inside, class_type_of(inside), grid, sheet.window, outputs, context);
    };
    units.push_back(std::move(unit));
  }
  const MosaicMaps whole = mosaic_maps(config);
  units.push_back(
      {.stage = "mosaic",
       .key = "map",
       .tile = "",
       .inputs = all_sheets,
       .outputs = with_uncertainty ? std::vector<std::string>{whole.classification, whole.confidence, whole.validity, whole.uncertainty}
                                   : std::vector<std::string>{whole.classification, whole.confidence, whole.validity},
       .config_keys = {},
       .facts = {"grid = " + to_text(grid)},
       .run = [=](const Context&) {
         const bool wide = std::ranges::any_of(
             parts.at(layers[0]), [](const RasterPart& sheet) { return RasterReader(sheet.file).info().type != PixelType::u8; });
         write_virtual_raster(whole.classification, grid, parts.at(layers[0]), wide ? PixelType::u16 : PixelType::u8);
         write_virtual_raster(whole.confidence, grid, parts.at(layers[1]), PixelType::u8);
         write_virtual_raster(whole.validity, grid, parts.at(layers[2]), PixelType::u8);
         if (with_uncertainty) write_virtual_raster(whole.uncertainty, grid, parts.at(layers[3]), PixelType::u8);
         return nlohmann::json{{"cols", grid.cols}, {"rows", grid.rows}, {"sheets", parts.at(layers[0]).size()}};
       }});
  return units;
}

// The stages that follow ask for them, too.
std::optional<std::vector<Unit>> plan_mosaic(const Config& config) {
  return once(config, "units of the mosaic", [&] { return make_units(config); });
}

std::string tile_name(const std::string& file) {
  static const std::regex kTile("T[0-9]{2}[A-Z]{3}");
  std::smatch match;
  const std::string name = fs::path(file).filename();
  return std::regex_search(name, match, kTile) ? match.str() : name;
}

}  // namespace

MosaicMaps mosaic_maps(const Config& config) {
  const Layout layout(config);
  return {layout.stage("mosaic") + "/class.vrt", layout.stage("mosaic") + "/confidence.vrt", layout.stage("mosaic") + "/validity.vrt",
          config.classify.uncertainty == "none" ? std::string() : layout.stage("mosaic") + "/uncertainty.vrt"};
}

std::optional<Grid> mosaic_grid(const Config& config) {
  return once(config, "grid of the mosaic", [&]() -> std::optional<Grid> {
    auto grids = grids_of_tiles(config);
    if (grids && !config.tiles.mapped.area.empty()) {  // the map ends where the area ends
      std::vector<Grid> parts;
      for (const Grid& tile : *grids)
        if (const Window part = MappedArea({config.tiles.mapped.area, ""}, tile).around(); !part.empty()) parts.push_back(tile.crop(part));
      if (!parts.empty()) grids = std::move(parts);
    }
    return grids ? std::optional(national_grid(*grids, config.mosaic.crs, config.mosaic.resolution)) : std::nullopt;
  });
}

Stage mosaic_stage() {
  return {.name = "mosaic",
          .summary = "joins the tiles into one map on the national grid",
          .reads = "class, confidence and validity of every tile",
          .writes = "sheets of the national map",
          .command = "mosaic",
          .example = "millesime run france-2021.toml --to mosaic",
          .revision = 1,
          .papers = {},
          .options = {"mosaic"},
          .kept_when_mending = false,
          .side_by_side = true,
          .of_any_edition = true,
          .units_from = {"catalog"},
          .plan = plan_mosaic};
}

Options MosaicCommand::declare() {
  Options o;
  o.add("classification", &classification, "class maps of the tiles, codes up to 65535, 0 = no data").path().required();
  o.add("confidence", &confidence, "confidence of each map, percent or probabilities, in the same order").path();
  o.add("validity", &validity, "valid acquisitions of each map, in the same order").path();
  o.add("uncertainty", &uncertainty, "uncertainty of each map, 1 to 100, in the same order; 0: none").path();
  o.add("nomenclature", &nomenclature, "classes of the map: adds palette and names").names("nomenclature");
  o.add("crs", &crs, "reference system of the map; default: that of most tiles");
  o.add("resolution", &resolution, "pixel size; 0: the pixels of the tiles").unit("units of the CRS").range(0, 1e9);
  o.add("output", &output, "folder for classification.tif, confidence.tif and validity.tif").path().required();
  return o;
}

void mosaic(const MosaicCommand& command, const Context& context) {
  const auto check_count = [&](const std::vector<std::string>& files, const std::string& name) {
    if (!files.empty() && files.size() != command.classification.size())
      throw UserError(
          join_text("--", name, ": expected ", command.classification.size(), " files, one for each --classification, got ", files.size()));
  };
  if (command.classification.empty()) throw UserError("--classification: expected at least one class map");
  check_count(command.confidence, "confidence");
  check_count(command.validity, "validity");
  check_count(command.uncertainty, "uncertainty");
  std::vector<TileMaps> tiles;
  std::vector<Grid> grids;
  std::vector<std::size_t> order(command.classification.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // Of maps that tie in all else, and in their tile, the first by file name and then by folder wins: never the first that was named.
  std::ranges::sort(order, {}, [&](std::size_t i) {
    const fs::path file = fs::weakly_canonical(fs::absolute(command.classification[i]));
    return std::pair(file.filename().string(), file.string());
  });
  const std::optional<Nomenclature> classes =
      command.nomenclature.empty() ? std::nullopt : std::optional(Nomenclature::load(command.nomenclature));
  int highest = classes ? classes->max_code() : 0;
  for (const std::size_t i : order) {
    TileMaps tile{
        .name = tile_name(command.classification[i]), .classification = command.classification[i], .confidence = {}, .validity = {}};
    const MapInput map = open_map(tile.classification, MapKind::classes, context);
    tile.form_of_classes = map.form();
    highest = std::max(highest, map.form().highest);
    if (!command.confidence.empty()) {
      tile.confidence = command.confidence[i];
      tile.form_of_confidence = open_map(tile.confidence, MapKind::confidence, context).form();
    }
    if (!command.validity.empty()) {
      tile.validity = command.validity[i];
      tile.form_of_validity = open_map(tile.validity, MapKind::validity, context).form();
    }
    if (!command.uncertainty.empty()) tile.uncertainty = {command.uncertainty[i]};
    tiles.push_back(std::move(tile));
    grids.push_back(map.grid());
  }
  const Grid grid = national_grid(grids, command.crs, command.resolution);
  // The plain files are never committed: their AtomicFile removes them.
  const AtomicFile plain_class(command.output + "/class.tif"), plain_confidence(command.output + "/plain_confidence.tif"),
      plain_validity(command.output + "/plain_validity.tif"), plain_uncertainty(command.output + "/plain_uncertainty.tif");
  std::vector<std::string> plain = {plain_class.temporary(), plain_confidence.temporary(), plain_validity.temporary()};
  if (!command.uncertainty.empty()) plain.push_back(plain_uncertainty.temporary());
  const nlohmann::json counts = write_sheet(tiles, class_type(highest), grid, grid.whole(), plain, context);
  if (counts.at("mapped") == 0)
    throw UserError(
        join_text("--classification: no pixel of these ", tiles.size(), " maps has a class (0 is no data); nothing is written"));
  write_cog(plain_class.temporary(), command.output + "/classification.tif",
            {.classes = true, .nomenclature = classes ? &*classes : nullptr, .band_names = {}});
  write_cog(plain_confidence.temporary(), command.output + "/confidence.tif", {});
  write_cog(plain_validity.temporary(), command.output + "/validity.tif", {});
  if (!command.uncertainty.empty()) write_cog(plain_uncertainty.temporary(), command.output + "/uncertainty.tif", {});
}

}  // namespace millesime
