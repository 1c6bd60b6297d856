#include "pipeline/stages/mosaic.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <regex>

#include "kernels/ops/mosaic_rule.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/class_meanings.h"
#include "pipeline/core/class_names.h"
#include "pipeline/core/error.h"
#include "pipeline/core/position_lattice.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/uncertainty_map.h"
#include "pipeline/stages/common_classes.h"
#include "pipeline/stages/internal/mosaic_sheet.h"
#include "pipeline/stages/levels.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

constexpr int kWindow = 4096;     // widest part of a map that is computed at once, px: the width of a country would take hundreds of MB
constexpr int kNodeSpacing = 32;  // px between exactly transformed positions; bilinear in between: error far below 1/100 px

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

// What the seeds agree on.
std::vector<std::uint16_t> read_levels(LevelMap kind, const TileMaps& tile, const Window& window, const Grid& expected) {
  std::vector<std::vector<std::uint16_t>> seeds;
  for (const std::string& file : kind == LevelMap::level1 ? tile.level1 : tile.deepest)
    seeds.push_back(read_layer<std::uint16_t>(file, MapForm{.kind = MapKind::classes}, window, expected));
  if (seeds.size() == 1) return std::move(seeds.front());
  std::vector<std::uint16_t> agreed(static_cast<std::size_t>(window.pixels()), 0), said(seeds.size());
  for (std::size_t i = 0; i < agreed.size() && !seeds.empty(); ++i) {
    for (std::size_t seed = 0; seed < seeds.size(); ++seed) said[seed] = seeds[seed][i];
    agreed[i] = agreed_level(kind, said, tile.groups);
  }
  return agreed;
}

}  // namespace

namespace {
// Corners need not lie at multiples of the pixel size: all of a lattice are rounded alike.
std::int64_t whole_pixels(double position, double pixel) {
  constexpr double kRounding = 1e-6;
  return static_cast<std::int64_t>(std::floor(position / pixel + kRounding));
}
}  // namespace

std::int64_t absolute_col(const Grid& grid) { return whole_pixels(grid.x0, grid.pixel_width); }
std::int64_t absolute_row(const Grid& grid) { return whole_pixels(-grid.y0, grid.pixel_height); }

MapLayers mosaic_window(const std::vector<TileMaps>& tiles, const Grid& grid, const Window& window, const Context& context) {
  const Grid part = grid.crop(window);
  MapLayers map{Raster<std::uint16_t>(part), Raster<std::uint16_t>(part), Raster<std::uint16_t>(part),
                Raster<std::uint8_t>(part),  Raster<std::uint8_t>(part),  Raster<std::uint8_t>(part)};
  const auto pixels = static_cast<std::size_t>(window.pixels());
  std::vector<std::uint16_t> rank(pixels, kNoTile);
  std::vector<std::uint16_t> classification(pixels), level1(pixels), deepest(pixels);
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
    const auto tile_level1 = read_levels(LevelMap::level1, tile, needed, tile_grid);
    const auto tile_deepest = read_levels(LevelMap::deepest, tile, needed, tile_grid);
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
        uncertainty[out] = tile_uncertainty[in], level1[out] = tile_level1[in], deepest[out] = tile_deepest[in];
      }
    MosaicRuleArgs args;
    args.pixels = window.pixels();
    args.tile_label = classification.data(), args.tile_confidence = confidence.data(), args.tile_validity = validity.data();
    args.tile_rank = static_cast<std::uint16_t>(t);
    args.label = map.classification.samples.data(), args.confidence = map.confidence.samples.data();
    args.validity = map.validity.samples.data(), args.rank = rank.data();
    mosaic_rule(Stream(Device{}, context.threads), args);
    for (std::size_t i = 0; i < pixels; ++i)
      if (rank[i] == args.tile_rank)
        map.uncertainty.samples[i] = uncertainty[i], map.level1.samples[i] = level1[i], map.deepest.samples[i] = deepest[i];
  }
  return map;
}

namespace {

std::string tile_name(const std::string& file) {
  static const std::regex kTile("T[0-9]{2}[A-Z]{3}");
  std::smatch match;
  const std::string name = fs::path(file).filename();
  return std::regex_search(name, match, kTile) ? match.str() : name;
}

}  // namespace

PixelType widest_type(const std::vector<TileMaps>& tiles, MapLayer layer) {
  const auto is_wide = [](const std::string& file) { return RasterReader(file).info().type != PixelType::u8; };
  const bool wide = std::ranges::any_of(tiles, [&](const TileMaps& tile) {
    if (layer == MapLayer::classes) return is_wide(tile.classification);
    return std::ranges::any_of(layer == MapLayer::level1 ? tile.level1 : tile.deepest, is_wide);
  });
  return wide ? PixelType::u16 : PixelType::u8;
}

nlohmann::json write_sheet(const std::vector<TileMaps>& tiles, const Grid& grid, const Window& sheet, const std::vector<MosaicFile>& files,
                           const Context& context, std::vector<std::int64_t>* pixels_of_code) {
  std::vector<RasterWriter> writers;
  const Grid sheet_grid = grid.crop(sheet);
  for (const MosaicFile& file : files) {
    RasterOptions options{.nodata = 0, .block = kMapBlock, .nomenclature = nullptr, .band_names = {}};
    if (file.layer == MapLayer::uncertainty) options.band_names = {kUncertaintyBand};
    writers.emplace_back(file.path, sheet_grid, file.type, 1, options);
  }
  std::int64_t mapped = 0;
  context.progress->start("mosaic", sheet.pixels(), "px");
  for (const Window& strip : split(sheet_grid.whole(), std::min(sheet.width, kWindow), kMapBlock, 1)) {
    const MapLayers map = mosaic_window(tiles, sheet_grid, strip, context);
    mapped += std::ranges::count_if(map.classification.samples, [](std::uint16_t code) { return code != 0; });
    if (pixels_of_code)
      for (const std::uint16_t code : map.classification.samples) ++(*pixels_of_code)[code];
    for (std::size_t i = 0; i < files.size(); ++i) {
      switch (files[i].layer) {
        case MapLayer::classes: writers[i].write(strip, 0, map.classification.samples.data()); break;
        case MapLayer::confidence: writers[i].write(strip, 0, map.confidence.samples.data()); break;
        case MapLayer::validity: writers[i].write(strip, 0, map.validity.samples.data()); break;
        case MapLayer::uncertainty: writers[i].write(strip, 0, map.uncertainty.samples.data()); break;
        case MapLayer::level1: writers[i].write(strip, 0, map.level1.samples.data()); break;
        case MapLayer::deepest: writers[i].write(strip, 0, map.deepest.samples.data()); break;
      }
    }
    context.progress->advance(strip.pixels());
  }
  for (auto& writer : writers) writer.commit();
  context.progress->finish();
  return {{"pixels", sheet.pixels()}, {"mapped", mapped}, {"tiles", tiles.size()}};
}

Options MosaicCommand::declare() {
  Options o;
  o.add("classification", &classification, "class maps of the tiles, codes up to 65535, 0 = no data").path().required();
  o.add("confidence", &confidence, "confidence of each map, percent or probabilities, in the same order").path();
  o.add("validity", &validity, "valid acquisitions of each map, in the same order").path();
  o.add("uncertainty", &uncertainty, "uncertainty of each map, 1 to 100, in the same order; 0: none").path();
  o.add("level1", &level1, "groups of each map (classify --levels), in the same order").path();
  o.add("deepest", &deepest, "deepest known level of each map (classify --levels), in the same order").path();
  o.add("nomenclature", &nomenclature, "classes of the map: adds palette and names").names("nomenclature");
  o.add("crs", &crs, "reference system of the map; default: that of most tiles");
  o.add("resolution", &resolution, "pixel size; 0: the pixels of the tiles").unit("units of the CRS").range(0, 1e9);
  names.declare(o);
  o.add("output", &output, "folder for classification.tif, and a file of each other layer that is given").path().required();
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
  check_count(command.level1, "level1");
  check_count(command.deepest, "deepest");
  std::vector<TileMaps> tiles;
  std::vector<Grid> grids;
  std::vector<std::size_t> order(command.classification.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // Of maps that tie in all else, and in their tile, the first by file name and then by folder wins: never the first that was named.
  std::ranges::sort(order, {}, [&](std::size_t i) {
    const fs::path file = fs::weakly_canonical(fs::absolute(command.classification[i]));
    return std::pair(file.filename().string(), file.string());
  });
  std::optional<Nomenclature> classes =
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
    for (const auto& [files, of_tile] :
         {std::pair{&command.uncertainty, &tile.uncertainty}, {&command.level1, &tile.level1}, {&command.deepest, &tile.deepest}})
      if (!files->empty()) *of_tile = {(*files)[i]};
    tiles.push_back(std::move(tile));
    grids.push_back(map.grid());
  }
  require_same_meanings(command.classification, classes ? &*classes : nullptr, context);
  if (classes) classes = command.names.named(*std::move(classes));
  const Grid grid = national_grid(grids, command.crs, command.resolution);
  const auto type_of = [&](MapLayer layer) {
    if (layer == MapLayer::classes) return class_type(highest);
    return is_of_classes(layer) ? widest_type(tiles, layer) : PixelType::u8;
  };
  struct Written {
    MapLayer layer;
    const char* name;
    bool wanted;
    std::optional<Nomenclature> legend = {};
  };
  const auto legend_of_level = [&](LevelMap map) { return classes ? std::optional(level_legend(map, *classes)) : std::nullopt; };
  const Written products[] = {{MapLayer::classes, "classification.tif", true, classes},
                              {MapLayer::confidence, "confidence.tif", !command.confidence.empty()},
                              {MapLayer::validity, "validity.tif", !command.validity.empty()},
                              {MapLayer::uncertainty, "uncertainty.tif", !command.uncertainty.empty()},
                              {MapLayer::level1, "level1.tif", !command.level1.empty(), legend_of_level(LevelMap::level1)},
                              {MapLayer::deepest, "deepest.tif", !command.deepest.empty(), legend_of_level(LevelMap::deepest)}};
  for (const Written& product : products) {
    const std::string file = command.output + "/" + product.name;
    if (!product.wanted && fs::exists(file))
      throw UserError(join_text(file, ": is a layer of another map, which this call does not write (its option is not set); remove it, or ",
                                "name another folder"));
  }
  if (command.confidence.empty() || command.validity.empty())
    context.progress->note(join_text(
        command.confidence.empty() && command.validity.empty() ? "no --confidence and no --validity: confidence.tif and validity.tif are"
        : command.confidence.empty()                           ? "no --confidence: confidence.tif is"
                                                               : "no --validity: validity.tif is",
        " not written",
        command.confidence.empty() && tiles.size() > 1 ? "; where tiles overlap, confidence does not choose between them" : ""));
  // The plain files are never committed: their AtomicFile removes them.
  std::vector<std::unique_ptr<AtomicFile>> plain;
  std::vector<MosaicFile> sheet;
  for (const Written& product : products) {
    if (!product.wanted) continue;
    plain.push_back(std::make_unique<AtomicFile>(command.output + "/plain_" + product.name));
    sheet.push_back({product.layer, plain.back()->temporary(), type_of(product.layer)});
  }
  std::vector<std::int64_t> pixels_of_code(std::size_t{kMaxCode} + 1);
  const nlohmann::json counts = write_sheet(tiles, grid, grid.whole(), sheet, context, &pixels_of_code);
  if (classes) require_codes("--classification", pixels_of_code, *classes);
  if (counts.at("mapped") == 0)
    throw UserError(
        join_text("--classification: no pixel of these ", tiles.size(), " maps has a class (0 is no data); nothing is written"));
  auto from = sheet.begin();
  for (const Written& product : products)
    if (product.wanted)
      write_cog((from++)->path, command.output + "/" + product.name,
                {.classes = is_of_classes(product.layer), .nomenclature = product.legend ? &*product.legend : nullptr, .band_names = {}});
}

}  // namespace millesime
