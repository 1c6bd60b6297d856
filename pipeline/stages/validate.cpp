#include "pipeline/stages/validate.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <unordered_set>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/csv.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/land_blocks.h"
#include "pipeline/core/manifest.h"
#include "pipeline/core/text.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/confusion_places.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/mosaic.h"
#include "pipeline/stages/planning.h"
#include "pipeline/stages/right_or_wrong.h"
#include "pipeline/stages/sample.h"
#include "pipeline/stages/tiles.h"
#include "pipeline/stages/train.h"

namespace millesime {
namespace {

// The pixels of a map that have a reference label, and the polygon of each.
struct Positions {
  std::vector<int> col, row;
  std::vector<std::int32_t> labels;
  std::vector<std::int64_t> polygons;

  void add(int at_col, int at_row, const Samples& samples, std::size_t i) {
    col.push_back(at_col), row.push_back(at_row);
    labels.push_back(samples.label[i]), polygons.push_back(samples.polygon[i]);
  }
};

// The raster's values at these positions. Reads only the rows of blocks that contain some, and of them the columns in between.
std::vector<std::int32_t> values_at(const RasterReader& raster, const Positions& positions) {
  std::vector<std::size_t> order(positions.row.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return positions.row[i]; });

  std::vector<std::int32_t> values(order.size());
  if (values.empty()) return values;
  std::vector<std::int32_t> strip;
  Window read;
  const auto [first_col, last_col] = std::ranges::minmax(positions.col);
  for (const std::size_t i : order) {
    const int col = positions.col[i], row = positions.row[i];
    if (!raster.grid().whole().contains(col, row))
      throw UserError(join_text(raster.path(), ": has no pixel at column ", col, ", row ", row, ", the position of a sample (the map has ",
                                raster.grid().cols, " x ", raster.grid().rows, " px); run the sample and classify stages again"));
    if (!read.contains(col, row)) {
      const int height = std::max(1, raster.info().block_height);
      read = Window{first_col, row / height * height, last_col - first_col + 1, height}.intersect(raster.grid().whole());
      strip.resize(static_cast<std::size_t>(read.pixels()));
      raster.read(read, 0, strip.data());
    }
    values[i] =
        strip[static_cast<std::size_t>(row - read.row) * static_cast<std::size_t>(read.width) + static_cast<std::size_t>(col - read.col)];
  }
  return values;
}

std::vector<std::size_t> samples_of(const Samples& samples, int seed, Split use) {
  std::vector<std::size_t> chosen;
  for (std::int64_t i = 0; i < samples.size(); ++i)
    if (samples.split_of(i, seed) == use) chosen.push_back(static_cast<std::size_t>(i));
  return chosen;
}

// A part of a map's accuracy: the pixels of some blocks.
struct Part {
  MapAccuracy accuracy;
  std::set<std::pair<std::string, std::int64_t>> blocks;
};

// The blocks of the reference (reference.block_km; stages/sample.h), and those that a model learned from. Blocks are of a reference system.
struct Blocks {
  std::set<std::pair<std::string, std::int64_t>> all, learned;
  std::map<std::string, std::unordered_map<std::int64_t, std::int64_t>> of_polygon;  // by tile

  void add(const Samples& samples, const std::string& table, const std::string& crs, int seeds) {
    auto& blocks = of_polygon[samples.tile];
    if (!std::filesystem::exists(table)) return;
    CsvReader reader(table);
    while (reader.next()) blocks[number_in(reader, 0)] = number_in(reader, 1);
    for (const auto& [polygon, block] : blocks) all.insert({crs, block});
    for (std::int64_t i = 0; i < samples.size(); ++i)
      for (int seed = 0; seed < seeds; ++seed)
        if (const auto block = blocks.find(samples.polygon[static_cast<std::size_t>(i)]);
            block != blocks.end() && samples.split_of(i, seed) == Split::learn)
          learned.insert({crs, block->second});
  }

 private:
  static std::int64_t number_in(const CsvReader& reader, std::size_t column) {
    const std::string_view text = reader.cells().at(column);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size())
      throw UserError(join_text(reader.where(column), ": expected a number, got \"", text, "\"; run the sample stage again"));
    return number;
  }
};

struct Parts {
  Part near, far;  // of blocks that a model learned from, of the others
};

// `positions`: of one tile, where a polygon has one number. `part_of`: of each position and the class that
// the map has there, or null.
void compare_at(const Positions& positions, const RasterReader& classification, const RasterReader* confidence, MapAccuracy& result,
                const std::function<Part*(std::size_t, int)>& part_of = nullptr) {
  const std::vector<std::int32_t> produced = values_at(classification, positions);
  std::vector<std::int32_t> percent;
  if (confidence) percent = values_at(*confidence, positions);
  std::map<MapAccuracy*, std::unordered_set<std::int64_t>> judging;  // polygons
  for (std::size_t i = 0; i < produced.size(); ++i) {
    Part* part = part_of ? part_of(i, produced[i]) : nullptr;
    for (MapAccuracy* of : {&result, part ? &part->accuracy : nullptr}) {
      if (!of) continue;
      of->add(positions.labels[i], produced[i], confidence ? std::optional<double>(middle_of_percent(percent[i])) : std::nullopt);
      if (produced[i] != 0) judging[of].insert(positions.polygons[i]);
    }
  }
  for (const auto& [of, polygons] : judging) of->polygons = of->polygons.value_or(0) + std::ssize(polygons);
  if (!result.polygons) result.polygons = 0;
}

}  // namespace

void add_tests(const Samples& samples, int seed, const std::string& classification, const std::string& confidence, MapAccuracy& result) {
  Positions positions;
  for (const std::size_t i : samples_of(samples, seed, Split::test)) positions.add(samples.col[i], samples.row[i], samples, i);
  if (positions.labels.empty()) return;
  std::optional<RasterReader> of_confidence;
  if (!confidence.empty()) of_confidence.emplace(confidence);
  compare_at(positions, RasterReader(classification), of_confidence ? &*of_confidence : nullptr, result);
}

namespace {

// The mosaic at samples of the tiles, tile by tile.
class MosaicJudge {
 public:
  explicit MosaicJudge(const MosaicMaps& maps) : classification_(maps.classification), confidence_(maps.confidence) {}

  std::vector<PlacedConfusion> confusions() const { return places_.result(classification_.grid().crs); }

  // At the pixels that hold the positions of the samples of this use. Tiles overlap: a pixel of the map that was judged before is left out.
  void add(const Samples& samples, Split use, const Grid& tile, const Blocks& blocks, MapAccuracy& result, Parts& parts) {
    const Grid& grid = classification_.grid();
    const std::vector<std::size_t> held_out = samples_of(samples, 0, use);
    std::vector<double> x, y;
    for (const std::size_t i : held_out) {
      const Point centre = tile.centre(samples.col[i], samples.row[i]);
      x.push_back(centre.x), y.push_back(centre.y);
    }
    if (tile.crs != grid.crs) CoordinateTransform(tile.crs, grid.crs).apply(x, y);
    Positions positions;
    for (std::size_t k = 0; k < held_out.size(); ++k) {
      const double col = std::floor(grid.col(x[k])), row = std::floor(grid.row(y[k]));
      if (!(col >= 0 && row >= 0 && col < grid.cols && row < grid.rows)) {
        ++result.unmapped;
        continue;
      }
      if (!judged_.insert(static_cast<std::int64_t>(row) * grid.cols + static_cast<std::int64_t>(col)).second) continue;
      positions.add(static_cast<int>(col), static_cast<int>(row), samples, held_out[k]);
    }
    const auto& of_polygon = blocks.of_polygon.at(samples.tile);
    compare_at(positions, classification_, &confidence_, result, [&](std::size_t i, int produced) -> Part* {
      const auto block = of_polygon.find(positions.polygons[i]);
      places_.add({positions.labels[i],
                   produced,
                   {samples.tile, positions.polygons[i]},
                   {tile.crs, block == of_polygon.end() ? 0 : block->second},
                   grid.centre(positions.col[i], positions.row[i])});
      if (block == of_polygon.end()) return nullptr;
      const std::pair place(tile.crs, block->second);
      Part& part = blocks.learned.contains(place) ? parts.near : parts.far;
      part.blocks.insert(place);
      return &part;
    });
  }

 private:
  RasterReader classification_, confidence_;
  std::unordered_set<std::int64_t> judged_;
  ConfusionPlaces places_;
};

// Classes with samples of which no pixel judged the map.
std::vector<int> not_judged(const std::set<int>& sampled, const MapAccuracy& map) {
  std::vector<int> classes;
  for (const int code : sampled)
    if (map.confusion.reference_total(code) == 0) classes.push_back(code);
  return classes;
}

// Tiles whose samples are others than those that a finished model of this production learned from: nobody knows which of their polygons it
// has seen.
std::vector<std::string> tiles_of_other_samples(const Config& config) {
  if (!config.model.path.empty()) return {};
  const Layout layout(config);
  std::set<std::string> others;
  for (const TrainedModel& model : models_of(config).value_or(ProductionModels{}).trained) {
    const std::string manifest = layout.manifest("train", std::filesystem::path(model.file).stem().string());
    if (!std::filesystem::exists(manifest)) continue;
    std::map<std::string, Fingerprint> learned;  // by name of the file
    for (const Fingerprint& input : read_manifest(manifest).inputs) learned[std::filesystem::path(input.path).filename().string()] = input;
    for (const std::string& tile : tiles_of(config)) {
      const std::string file = layout.samples(tile);
      const auto then = learned.find(std::filesystem::path(file).filename().string());
      if (!std::filesystem::exists(file)) continue;
      if (then == learned.end() || fingerprint(file, then->second).xxh3 != then->second.xxh3) others.insert(tile);
    }
  }
  return {others.begin(), others.end()};
}

nlohmann::json run_validate(const Config& config, const std::vector<std::string>& left_out, const Context& context) {
  const Layout layout(config);
  std::vector<std::string> tiles = tiles_of(config);
  std::erase_if(tiles, [&](const std::string& tile) { return std::ranges::find(left_out, tile) != left_out.end(); });
  if (tiles.empty())
    throw UserError(
        "the samples of every tile were drawn anew after the models had learned, so that polygons which these know would judge the map; "
        "run "
        "without --tiles and --from, which trains again");
  const Nomenclature nomenclature = Nomenclature::load(config.nomenclature);
  const auto new_map = [](const std::string& name) {
    MapAccuracy map;
    map.name = name, map.calibration = Calibration{}, map.polygons = 0;
    return map;
  };

  AccuracyReport report;
  const bool final_set = config.reference.draws_final_set();
  report.reference = final_set ? "pixels of the reference polygons that no seed learned from and that were kept for the final map"
                               : "pixels of the reference polygons that the models did not learn from";
  if (!left_out.empty()) {
    report.reference +=
        join_text("; without those of ", join_list(left_out, ", "), ", whose samples were drawn after the models had learned");
    context.progress->note(
        join_text(join_list(left_out, ", "),
                  ": judges nothing, because its samples were drawn after the models had learned, and polygons that these "
                  "know would judge the map; run without --tiles and --from, which trains again"));
  }
  for (int seed = 0; seed < layout.seeds; ++seed) report.runs.push_back(new_map(join_text("seed ", seed)));
  report.final_map = new_map("final map");

  Blocks blocks;
  for (const std::string& tile : tiles)
    blocks.add(read_samples(layout.samples(tile)), layout.blocks(tile), RasterReader(layout.classification(tile, 0)).grid().crs,
               layout.seeds);
  Parts parts{{new_map("polygons"), {}}, {new_map("blocks"), {}}};
  std::set<int> sampled;
  MosaicJudge mosaic(mosaic_maps(config));
  context.progress->start("validate", static_cast<std::int64_t>(tiles.size()), "tiles");
  for (const std::string& tile : tiles) {
    const Samples samples = read_samples(layout.samples(tile));
    if (samples.size() > 0 && samples.n_seeds < layout.seeds)
      throw UserError(join_text(layout.samples(tile), ": holds the splits of ", samples.n_seeds, " seeds, ", layout.seeds,
                                " are requested; run the sample stage again"));
    sampled.insert(samples.label.begin(), samples.label.end());
    std::map<int, std::set<std::int64_t>> learned;  // polygons of each class; a polygon belongs to one tile
    for (std::int64_t i = 0; i < samples.size(); ++i)
      for (int seed = 0; seed < layout.seeds; ++seed)
        if (samples.split_of(i, seed) == Split::learn)
          learned[samples.label[static_cast<std::size_t>(i)]].insert(samples.polygon[static_cast<std::size_t>(i)]);
    for (const auto& [code, polygons] : learned) report.learned_polygons[code] += std::ssize(polygons);
    for (int seed = 0; seed < layout.seeds; ++seed)
      add_tests(samples, seed, layout.classification(tile, seed), layout.confidence(tile, seed),
                report.runs[static_cast<std::size_t>(seed)]);
    mosaic.add(samples, final_set ? Split::final_map : Split::test, RasterReader(layout.classification(tile, 0)).grid(), blocks,
               *report.final_map, parts);
    context.progress->advance(1);
  }
  context.progress->finish();

  report.confusions = mosaic.confusions();
  if (blocks.all.size() > kFewBlocks && parts.far.accuracy.confusion.total() > 0) {
    parts.near.accuracy.blocks = std::ssize(parts.near.blocks), parts.far.accuracy.blocks = std::ssize(parts.far.blocks);
    for (MapAccuracy* part : {&parts.near.accuracy, &parts.far.accuracy}) part->not_judged = not_judged(sampled, *part);
    report.near_learners = parts.near.accuracy, report.far_from_learners = parts.far.accuracy;
  }
  for (MapAccuracy& run : report.runs) run.not_judged = not_judged(sampled, run);
  report.final_map->not_judged = not_judged(sampled, *report.final_map);

  if (report.final_map->confusion.total() == 0 && report.runs.front().confusion.total() == 0)
    context.progress->note(
        "no pixel of a reference polygon tests the map: its accuracy is not known; see reference.learn_ratio, reference.split and "
        "reference.block_km");

  for (int seed = 0; seed < layout.seeds; ++seed) {
    require_known_classes(report.runs[static_cast<std::size_t>(seed)].confusion, nomenclature, join_text("maps of seed ", seed));
    write_confusion_csv(report.runs[static_cast<std::size_t>(seed)].confusion, layout.confusion(seed));
  }
  write_report(report, named_in(nomenclature, language_of(config.publish.language)), layout.accuracy(), layout.results());
  const Accuracy accuracy = measure(report.final_map->confusion);
  return {{"pixels", accuracy.total},
          {"polygons", *report.final_map->polygons},
          {"not_judged", report.final_map->not_judged},
          {"unmapped", report.final_map->unmapped},
          {"overall_accuracy", accuracy.overall},
          {"kappa", accuracy.kappa},
          {"macro_f_score", accuracy.macro_f}};
}

// Keys of the configuration that shape what the units make.
const std::vector<std::string> kValidateOptions = {"reference.seeds", "reference.final_ratio", "publish.language"};

std::optional<std::vector<Unit>> plan_validate(const Config& config) {
  if (config.reference.path.empty()) return std::vector<Unit>{};  // a map made with a trained model, without a reference to compare it with
  const Layout layout(config);
  const auto mosaic_units = mosaic_stage().plan(config);
  if (!mosaic_units) return std::nullopt;
  Unit unit;
  unit.stage = "validate";
  unit.key = "map";
  unit.config_keys = kValidateOptions;
  for (const std::string& tile : tiles_of(config)) {
    unit.inputs.push_back(layout.samples(tile));
    unit.inputs.push_back(layout.blocks(tile));
    for (int seed = 0; seed < layout.seeds; ++seed) {
      unit.inputs.push_back(layout.classification(tile, seed));
      unit.inputs.push_back(layout.confidence(tile, seed));
    }
  }
  for (const Unit& sheet : *mosaic_units) unit.inputs.insert(unit.inputs.end(), sheet.outputs.begin(), sheet.outputs.end());
  for (int seed = 0; seed < layout.seeds; ++seed) unit.outputs.push_back(layout.confusion(seed));
  unit.outputs.push_back(layout.accuracy());
  unit.outputs.push_back(layout.results());
  unit.facts = {"classes = " + Nomenclature::load(config.nomenclature).to_json()};
  const auto left_out = once(config, "tiles of other samples", [&] { return tiles_of_other_samples(config); });
  if (!left_out.empty()) unit.facts.push_back("samples drawn after the models had learned = " + join_list(left_out, ", "));
  unit.run = [config, left_out](const Context& context) { return run_validate(config, left_out, context); };
  return std::vector<Unit>{std::move(unit)};
}

}  // namespace

Stage validate_stage() {
  return {.name = "validate",
          .summary = "compares the maps with reference pixels that the models did not learn from",
          .reads = "samples, maps of every seed, the mosaic",
          .writes = "confusion matrices, accuracy.json, RESULTS.txt",
          .command = "validate",
          .example = "millesime run france-2021.toml --to validate",
          .revision = 9,
          .papers = {"Cohen 1960, Educational and Psychological Measurement 20 (kappa)",
                     "Naeini et al. 2015, AAAI (expected calibration error)",
                     "Olofsson et al. 2014, Remote Sensing of Environment 148 (areas with intervals)",
                     "Stehman 2014, International Journal of Remote Sensing 35",
                     "Stehman & Wickham 2011, Remote Sensing of Environment 115", "Cochran 1977, Sampling Techniques"},
          .options = kValidateOptions,
          .kept_when_mending = false,
          .units_from = {"catalog"},
          .plan = plan_validate};
}

}  // namespace millesime
