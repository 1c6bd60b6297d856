// The units of the mosaic: its sheets, and the rasters of the whole map that consist of them. mosaic.cpp computes them.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "pipeline/core/error.h"
#include "pipeline/imagery/area.h"
#include "pipeline/io/census.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/virtual_raster.h"
#include "pipeline/stages/internal/mosaic_sheet.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/levels.h"
#include "pipeline/stages/planning.h"
#include "pipeline/stages/tiles.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0); }

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

struct Layer {
  MapLayer kind;
  std::string name;  // in the names of its sheets
  std::string file;  // of the whole map
};

std::vector<Layer> layers_of(const MosaicMaps& maps) {
  std::vector<Layer> layers = {{MapLayer::classes, "class", maps.classification}, {MapLayer::confidence, "confidence", maps.confidence},
                               {MapLayer::validity, "validity", maps.validity},   {MapLayer::uncertainty, "uncertainty", maps.uncertainty},
                               {MapLayer::level1, "level1", maps.level1},         {MapLayer::deepest, "deepest", maps.deepest}};
  std::erase_if(layers, [](const Layer& layer) { return layer.file.empty(); });
  return layers;
}

std::optional<std::vector<Unit>> make_units(const Config& config) {
  const Layout layout(config);
  const auto found = grids_of_tiles(config);
  if (!found) return std::nullopt;
  const std::vector<Grid>& grids = *found;
  const MosaicMaps whole = mosaic_maps(config);
  std::vector<TileMaps> maps;
  for (const auto& tile : tiles_of(config)) {
    TileMaps& own =
        maps.emplace_back(TileMaps{tile, layout.final_classification(tile), layout.final_confidence(tile), layout.validity(tile)});
    for (int seed = 0; seed < layout.seeds; ++seed) {
      if (!whole.uncertainty.empty()) own.uncertainty.push_back(layout.uncertainty(tile, seed));
      if (whole.level1.empty()) continue;
      own.level1.push_back(layout.level1(tile, seed)), own.deepest.push_back(layout.deepest(tile, seed));
    }
  }
  const bool agree = !whole.level1.empty() && layout.seeds > 1;  // on levels, by the groups of the classes
  const Nomenclature classes = agree ? Nomenclature::load(config.nomenclature) : Nomenclature();
  for (TileMaps& tile : maps) tile.groups = groups_of_classes(classes);
  const std::vector<Layer> layers = layers_of(whole);
  const Grid grid = *mosaic_grid(config);
  const BoxesOf turns(grid.crs);
  std::vector<Box> boxes;
  for (const Grid& tile : grids)
    boxes.push_back(
        turns.near(tile.crs == grid.crs ? tile.extent() : CoordinateTransform(tile.crs, grid.crs)(tile.extent()), grid.extent()));

  std::vector<Unit> units;
  std::map<MapLayer, std::vector<RasterPart>> parts;
  std::vector<std::string> all_sheets;
  for (const Sheet& sheet : sheets_of(grid, config.mosaic.sheet_px)) {
    std::vector<TileMaps> inside;
    Unit unit{.stage = "mosaic", .key = sheet.key, .tile = "", .inputs = {}, .outputs = {}, .config_keys = {}, .facts = {}, .run = {}};
    for (std::size_t t = 0; t < maps.size(); ++t) {
      if (!boxes[t].intersects(grid.extent(sheet.window))) continue;
      inside.push_back(maps[t]);
      for (const auto* input : {&maps[t].classification, &maps[t].confidence, &maps[t].validity}) unit.inputs.push_back(*input);
      for (const auto* input : {&maps[t].uncertainty, &maps[t].level1, &maps[t].deepest})
        unit.inputs.insert(unit.inputs.end(), input->begin(), input->end());
    }
    if (inside.empty()) continue;
    for (const Layer& layer : layers) {
      unit.outputs.push_back(layout.sheet(sheet.key, layer.name));
      parts[layer.kind].push_back({unit.outputs.back(), sheet.window});
      all_sheets.push_back(unit.outputs.back());
    }
    unit.facts = {"grid = " + to_text(grid.crop(sheet.window))};
    if (agree) unit.facts.push_back("classes = " + classes.to_json());
    unit.run = [=, outputs = unit.outputs](const Context& context) {
      std::vector<MosaicFile> files;
      for (std::size_t i = 0; i < layers.size(); ++i)
        files.push_back({layers[i].kind, outputs[i], is_of_classes(layers[i].kind) ? widest_type(inside, layers[i].kind) : PixelType::u8});
      return write_sheet(inside, grid, sheet.window, files, context);
    };
    units.push_back(std::move(unit));
  }
  Unit map{.stage = "mosaic", .key = "map", .tile = "", .inputs = all_sheets, .outputs = {}, .config_keys = {}, .facts = {}, .run = {}};
  for (const Layer& layer : layers) map.outputs.push_back(layer.file);
  map.facts = {"grid = " + to_text(grid)};
  map.run = [=](const Context&) {
    for (const Layer& layer : layers) {
      const bool wide = is_of_classes(layer.kind) && std::ranges::any_of(parts.at(layer.kind), [](const RasterPart& sheet) {
                          return RasterReader(sheet.file).info().type != PixelType::u8;
                        });
      write_virtual_raster(layer.file, grid, parts.at(layer.kind), wide ? PixelType::u16 : PixelType::u8);
    }
    return nlohmann::json{{"cols", grid.cols}, {"rows", grid.rows}, {"sheets", parts.at(MapLayer::classes).size()}};
  };
  units.push_back(std::move(map));
  return units;
}

// The stages that follow ask for them, too.
std::optional<std::vector<Unit>> plan_mosaic(const Config& config) {
  return once(config, "units of the mosaic", [&] { return make_units(config); });
}

}  // namespace

MosaicMaps mosaic_maps(const Config& config) {
  const auto raster = [folder = Layout(config).stage("mosaic")](const char* layer) { return folder + "/" + layer + ".vrt"; };
  MosaicMaps maps{raster("class"), raster("confidence"), raster("validity"), "", "", ""};
  if (config.classify.uncertainty != "none") maps.uncertainty = raster("uncertainty");
  if (config.classify.levels) maps.level1 = raster("level1"), maps.deepest = raster("deepest");
  return maps;
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
          .reads = "class, confidence and validity of every tile (and uncertainty, levels)",
          .writes = "sheets of the national map",
          .command = "mosaic",
          .example = "millesime run france-2021.toml --to mosaic",
          .revision = 2,
          .papers = {},
          .options = {"mosaic"},
          .kept_when_mending = false,
          .side_by_side = true,
          .of_any_edition = true,
          .units_from = {"catalog"},
          .joins = {"classify", "fuse"},
          .plan = plan_mosaic};
}

}  // namespace millesime
