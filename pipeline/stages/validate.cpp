#include "pipeline/stages/validate.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <optional>
#include <unordered_set>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/mosaic.h"
#include "pipeline/stages/tiles.h"

namespace millesime {
namespace {

void write_report(const AccuracyReport& report, const Nomenclature& nomenclature, const std::string& json_file,
                  const std::string& text_file) {
  std::vector<ConfusionMatrix> runs;
  for (const MapAccuracy& run : report.runs) runs.push_back(run.confusion);
  write_text(json_file, accuracy_json(report, nomenclature).dump(1) + "\n");
  write_text(text_file, results_text(runs, nomenclature));
}

// The pixels of a tile that have a reference label.
struct Positions {
  std::vector<int> col, row;
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

void compare(std::int32_t reference, std::int32_t produced, std::optional<std::int32_t> confidence_percent, MapAccuracy& result) {
  if (produced == 0) {
    ++result.unmapped;
    return;
  }
  result.confusion.add(reference, produced);
  if (confidence_percent && result.calibration)
    result.calibration->add(std::clamp(*confidence_percent, 0, 100) / 100.0, reference == produced);
}

// The samples that are held out in the runs of all `seeds`.
std::vector<std::size_t> held_out_of(const Samples& samples, const std::vector<int>& seeds) {
  const auto tests = [&](std::int64_t i, int seed) {
    return samples.split_of(i, seed) == Split::test || samples.split_of(i, seed) == Split::both;
  };
  std::vector<std::size_t> chosen;
  for (std::int64_t i = 0; i < samples.size(); ++i)
    if (std::ranges::all_of(seeds, [&](int seed) { return tests(i, seed); })) chosen.push_back(static_cast<std::size_t>(i));
  return chosen;
}

void compare_at(const Positions& positions, const std::vector<std::int32_t>& labels, const RasterReader& classification,
                const RasterReader* confidence, MapAccuracy& result) {
  const std::vector<std::int32_t> produced = values_at(classification, positions);
  std::vector<std::int32_t> percent;
  if (confidence) percent = values_at(*confidence, positions);
  for (std::size_t i = 0; i < labels.size(); ++i)
    compare(labels[i], produced[i], confidence ? std::optional(percent[i]) : std::nullopt, result);
}

}  // namespace

void add_held_out(const Samples& samples, const std::vector<int>& seeds, const std::string& classification, const std::string& confidence,
                  MapAccuracy& result) {
  Positions positions;
  std::vector<std::int32_t> labels;
  for (const std::size_t i : held_out_of(samples, seeds)) {
    positions.col.push_back(samples.col[i]);
    positions.row.push_back(samples.row[i]);
    labels.push_back(samples.label[i]);
  }
  if (labels.empty()) return;
  std::optional<RasterReader> of_confidence;
  if (!confidence.empty()) of_confidence.emplace(confidence);
  compare_at(positions, labels, RasterReader(classification), of_confidence ? &*of_confidence : nullptr, result);
}

namespace {

// The mosaic at samples of the tiles, tile by tile.
class MosaicJudge {
 public:
  explicit MosaicJudge(const MosaicMaps& maps) : classification_(maps.classification), confidence_(maps.confidence) {}

  // At the pixels that hold the samples' positions. Tiles overlap: a pixel of the map that was judged before is left out.
  void add_held_out(const Samples& samples, const std::vector<int>& seeds, const Grid& tile, MapAccuracy& result) {
    const Grid& grid = classification_.grid();
    const std::vector<std::size_t> held_out = held_out_of(samples, seeds);
    std::vector<double> x, y;
    for (const std::size_t i : held_out) {
      const Point centre = tile.centre(samples.col[i], samples.row[i]);
      x.push_back(centre.x), y.push_back(centre.y);
    }
    if (tile.crs != grid.crs) CoordinateTransform(tile.crs, grid.crs).apply(x, y);
    Positions positions;
    std::vector<std::int32_t> labels;
    for (std::size_t k = 0; k < held_out.size(); ++k) {
      const double col = std::floor(grid.col(x[k])), row = std::floor(grid.row(y[k]));
      if (!(col >= 0 && row >= 0 && col < grid.cols && row < grid.rows)) {
        ++result.unmapped;
        continue;
      }
      if (!judged_.insert(static_cast<std::int64_t>(row) * grid.cols + static_cast<std::int64_t>(col)).second) continue;
      positions.col.push_back(static_cast<int>(col));
      positions.row.push_back(static_cast<int>(row));
      labels.push_back(samples.label[held_out[k]]);
    }
    compare_at(positions, labels, classification_, &confidence_, result);
  }

 private:
  RasterReader classification_, confidence_;
  std::unordered_set<std::int64_t> judged_;
};

}  // namespace

namespace {

nlohmann::json run_validate(const Config& config, const Context& context) {
  const Layout layout(config);
  const std::vector<std::string> tiles = tiles_of(config);
  const Nomenclature nomenclature = Nomenclature::load(config.nomenclature);
  const auto new_map = [](const std::string& name) { return MapAccuracy{name, {}, Calibration{}, 0}; };

  AccuracyReport report;
  report.reference = "pixels of the reference polygons that the models did not learn from";
  std::vector<int> seeds(static_cast<std::size_t>(layout.seeds));
  std::iota(seeds.begin(), seeds.end(), 0);
  for (const int seed : seeds) report.runs.push_back(new_map(join_text("seed ", seed)));
  report.final_map = new_map("final map");

  MosaicJudge mosaic(mosaic_maps(config));
  context.progress->start("validate", static_cast<std::int64_t>(tiles.size()), "tiles");
  for (const std::string& tile : tiles) {
    const Samples samples = read_samples(layout.samples(tile));
    if (samples.size() > 0 && samples.n_seeds < layout.seeds)
      throw UserError(join_text(layout.samples(tile), ": holds the splits of ", samples.n_seeds, " seeds, ", layout.seeds,
                                " are requested; run the sample stage again"));
    for (const int seed : seeds)
      add_held_out(samples, {seed}, layout.classification(tile, seed), layout.confidence(tile, seed),
                   report.runs[static_cast<std::size_t>(seed)]);
    mosaic.add_held_out(samples, seeds, RasterReader(layout.classification(tile, 0)).grid(), *report.final_map);
    context.progress->advance(1);
  }
  context.progress->finish();

  for (int seed = 0; seed < layout.seeds; ++seed) {
    require_known_classes(report.runs[static_cast<std::size_t>(seed)].confusion, nomenclature, join_text("maps of seed ", seed));
    write_confusion_csv(report.runs[static_cast<std::size_t>(seed)].confusion, layout.confusion(seed));
  }
  write_report(report, nomenclature, layout.accuracy(), layout.results());
  const Accuracy accuracy = measure(report.final_map->confusion);
  return {{"pixels", accuracy.total},
          {"unmapped", report.final_map->unmapped},
          {"overall_accuracy", accuracy.overall},
          {"kappa", accuracy.kappa},
          {"macro_f_score", accuracy.macro_f}};
}

std::optional<std::vector<Unit>> plan_validate(const Config& config) {
  if (config.reference.path.empty()) return std::vector<Unit>{};  // a map made with a trained model, without a reference to compare it with
  const Layout layout(config);
  const auto mosaic_units = mosaic_stage().plan(config);
  if (!mosaic_units) return std::nullopt;
  Unit unit;
  unit.stage = "validate";
  unit.key = "map";
  unit.config_keys = {"nomenclature", "reference.seeds"};
  for (const std::string& tile : tiles_of(config)) {
    unit.inputs.push_back(layout.samples(tile));
    for (int seed = 0; seed < layout.seeds; ++seed) {
      unit.inputs.push_back(layout.classification(tile, seed));
      unit.inputs.push_back(layout.confidence(tile, seed));
    }
  }
  for (const Unit& sheet : *mosaic_units) unit.inputs.insert(unit.inputs.end(), sheet.outputs.begin(), sheet.outputs.end());
  for (int seed = 0; seed < layout.seeds; ++seed) unit.outputs.push_back(layout.confusion(seed));
  unit.outputs.push_back(layout.accuracy());
  unit.outputs.push_back(layout.results());
  unit.facts = {Nomenclature::load(config.nomenclature).to_json()};
  unit.run = [config](const Context& context) { return run_validate(config, context); };
  return std::vector<Unit>{std::move(unit)};
}

}  // namespace

Stage validate_stage() {
  return {.name = "validate",
          .summary = "compares the maps with reference pixels that the models did not learn from",
          .reads = "samples, maps of every seed, the mosaic",
          .writes = "confusion matrices, accuracy.json, RESULTS.txt",
          .revision = 2,
          .papers = {"Cohen 1960, Educational and Psychological Measurement 20 (kappa)",
                     "Naeini et al. 2015, AAAI (expected calibration error)"},
          .kept_when_mending = false,
          .units_from = {"catalog"},
          .plan = plan_validate};
}

Options ValidateCommand::declare() {
  Options options;
  options.add("classification", &classification, "map of class codes to validate").path();
  options.add("confidence", &confidence, "confidence of that map, 0 to 100, for its calibration").unit("%").path();
  options.add("reference", &reference, "polygons to validate it with, any vector format and CRS").path();
  options.add("layer", &layer, "layer in that file; default: the first");
  options.add("field", &field, "field of the polygons that holds the class code or name");
  options.add("confusion", &confusion, "confusion matrices (CSV of OTB's ComputeConfusionMatrix) instead of a map, one a run").path();
  options.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file");
  options.add("output", &output, "folder of RESULTS.txt and accuracy.json").path().required();
  return options;
}

namespace {

// Class code of each polygon, 0 where it has none (as in the sample stage).
std::vector<std::int32_t> polygon_codes(const VectorLayer& layer, const std::string& field,
                                        const std::optional<Nomenclature>& nomenclature) {
  std::vector<std::int32_t> codes;
  std::map<std::string, int> unknown;
  for (const Feature& feature : layer.features) {
    const std::string& text = feature.attributes.at(field);
    const auto code = code_of_class(text, nomenclature ? &*nomenclature : nullptr);
    if (!code) ++unknown[text];
    codes.push_back(code.value_or(0));
  }
  if (unknown.empty()) return codes;
  std::vector<std::string> list;
  for (const auto& [text, n] : unknown) list.push_back(join_text("\"", text, "\" (", n, n == 1 ? " polygon)" : " polygons)"));
  throw UserError(join_text(
      layer.path, ", field ", field, ": expected ",
      nomenclature ? "codes or names of the nomenclature " + nomenclature->name : std::string("class codes (whole numbers from 1)"),
      ", got ", join_list(list, ", "), nomenclature ? "; correct them or add the classes" : "; add --nomenclature for class names"));
}

// Removes the polygons without a class and returns how many there were.
std::size_t drop_without_class(VectorLayer& layer, std::vector<std::int32_t>& codes) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] == 0) continue;
    if (kept != i) layer.features[kept] = std::move(layer.features[i]), codes[kept] = codes[i];
    ++kept;
  }
  const std::size_t dropped = codes.size() - kept;
  layer.features.resize(kept);
  codes.resize(kept);
  return dropped;
}

MapAccuracy validate_map(const ValidateCommand& command, const std::optional<Nomenclature>& nomenclature, const Context& context,
                         std::size_t& without_class) {
  const RasterReader map(command.classification);
  std::optional<RasterReader> confidence;
  if (!command.confidence.empty()) {
    confidence.emplace(command.confidence);
    require_same(map.grid(), confidence->grid(), command.confidence + " and " + command.classification);
  }
  VectorLayer layer = read_polygons(command.reference, command.layer, {command.field}, map.grid().crs);
  std::vector<std::int32_t> codes = polygon_codes(layer, command.field, nomenclature);
  without_class = drop_without_class(layer, codes);
  if (without_class > 0)
    context.progress->note(join_text(command.reference, ": ", without_class, without_class == 1 ? " polygon" : " polygons",
                                     " without a class in field ", command.field, " are left out"));
  std::vector<Box> extents;
  for (const Feature& feature : layer.features) extents.push_back(feature.extent());

  MapAccuracy result{command.classification, {}, confidence ? std::optional(Calibration{}) : std::nullopt, 0};
  constexpr std::int64_t kBytesPerPixel = 64;  // labels, reference, confidence and GDAL's buffers of them
  const std::int64_t max_pixels = std::clamp<std::int64_t>(context.memory_bytes / kBytesPerPixel, 1, 1 << 22);
  const auto windows = split(map.grid().whole(), map.info().block_width, map.info().block_height, max_pixels);
  context.progress->start("validate", static_cast<std::int64_t>(windows.size()), "windows");
  for (const Window& window : windows) {
    std::vector<Feature> inside;
    std::vector<std::int32_t> inside_codes;
    const Box box = map.grid().extent(window);
    for (std::size_t i = 0; i < extents.size(); ++i)
      if (extents[i].intersects(box)) inside.push_back(layer.features[i]), inside_codes.push_back(codes[i]);
    context.progress->advance(1);
    if (inside.empty()) continue;

    const auto reference = rasterise(inside, map.grid().crop(window), [&](std::size_t i) { return inside_codes[i]; });
    const auto pixels = static_cast<std::size_t>(window.pixels());
    std::vector<std::int32_t> produced(pixels), percent(confidence ? pixels : 0);
    map.read(window, 0, produced.data());
    if (confidence) confidence->read(window, 0, percent.data());
    for (std::size_t i = 0; i < pixels; ++i)
      if (reference.samples[i] != 0)
        compare(reference.samples[i], produced[i], confidence ? std::optional(percent[i]) : std::nullopt, result);
  }
  context.progress->finish();
  if (result.confusion.total() == 0)
    throw UserError(join_text(command.reference, ": expected polygons on ", command.classification, ", got none on a mapped pixel (",
                              layer.features.size(), " polygons with a class, ", without_class, " without, ", result.unmapped,
                              " px on 0 = no data); the map covers ", to_text(map.grid())));
  return result;
}

}  // namespace

AccuracyReport validate(const ValidateCommand& command, const Context& context) {
  const bool of_map = !command.classification.empty();
  if (of_map == !command.confusion.empty())
    throw UserError("validate: expected either --classification with --reference and --field, or --confusion; use one of the two");
  if (of_map && (command.reference.empty() || command.field.empty()))
    throw UserError("validate --classification: expected also --reference and --field, the polygons and the field of their class");

  std::optional<Nomenclature> nomenclature;
  if (!command.nomenclature.empty()) nomenclature = Nomenclature::load(command.nomenclature);

  AccuracyReport report;
  if (of_map) {
    std::size_t without_class = 0;
    report.runs.push_back(validate_map(command, nomenclature, context, without_class));
    report.reference = join_text("pixels of the polygons of ", std::filesystem::path(command.reference).filename().string(),
                                 without_class > 0 ? join_text(" (", without_class, " without a class are left out)") : "");
  } else {
    report.reference = "confusion matrices";
    for (const std::string& file : command.confusion) report.runs.push_back({file, read_confusion_csv(file), std::nullopt, 0});
  }

  std::vector<int> codes;
  for (const MapAccuracy& run : report.runs) {
    if (nomenclature) require_known_classes(run.confusion, *nomenclature, run.name);
    codes.insert(codes.end(), run.confusion.codes().begin(), run.confusion.codes().end());
  }
  if (!nomenclature) nomenclature = nomenclature_of_codes(ConfusionMatrix(codes).codes());

  if (of_map) write_confusion_csv(report.runs.front().confusion, command.output + "/confusion.csv");
  write_report(report, *nomenclature, command.output + "/accuracy.json", command.output + "/RESULTS.txt");
  return report;
}

}  // namespace millesime
