#include "pipeline/stages/fuse.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "kernels/ops/fuse_maps.h"
#include "pipeline/core/error.h"
#include "pipeline/core/samples.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/tiles.h"
#include "pipeline/stages/validate.h"

namespace millesime {
namespace {

constexpr int kLabels = 256;  // of an 8-bit map
constexpr int kBlock = 512;   // of the files that are written, px

struct FuseMaps {
  std::vector<std::string> classification, confidence;
  Fusion method = Fusion::majority;
  std::vector<float> mass;  // [map][label], Dempster-Shafer only
  bool resolve = true;
  const Nomenclature* nomenclature = nullptr;
};

Fusion method_of(const std::string& name) { return name == "majority" ? Fusion::majority : Fusion::dempster_shafer; }

std::vector<RasterReader> open_all(const std::vector<std::string>& files, const std::optional<Grid>& grid, const std::string& what) {
  std::vector<RasterReader> readers;
  for (const std::string& file : files) {
    readers.emplace_back(file);
    if (readers.back().info().type != PixelType::u8)
      throw UserError(join_text(file, ": expected ", what, " of 8-bit numbers (uint8); convert it, e.g. with gdal_translate -ot Byte"));
    require_same(grid ? *grid : readers.front().grid(), readers.back().grid(), file + " and " + files.front());
  }
  return readers;
}

FuseCounts write_fused(const FuseMaps& maps, const std::string& classification, const std::string& confidence, const Context& context) {
  const auto n_maps = maps.classification.size();
  const auto class_maps = open_all(maps.classification, std::nullopt, "a class map");
  const Grid& grid = class_maps.front().grid();
  const auto confidence_maps = open_all(maps.confidence, grid, "a confidence map");

  RasterOptions class_options, confidence_options;
  class_options.nodata = 0;
  class_options.nomenclature = maps.nomenclature;
  class_options.block = confidence_options.block = kBlock;
  RasterWriter class_writer(classification, grid, PixelType::u8, 1, class_options);
  RasterWriter confidence_writer(confidence, grid, PixelType::u8, 1, confidence_options);

  FuseCounts counts;
  // A label and a confidence of each map and of the result, and the same for GDAL's buffers.
  const auto bytes_per_pixel = static_cast<std::int64_t>(4 * (n_maps + 1));
  const std::int64_t max_pixels = std::clamp<std::int64_t>(context.memory_bytes / 4 / bytes_per_pixel, 1, 1 << 24);
  std::vector<std::uint8_t> labels, confidences, label, winner_confidence;
  context.progress->start("fuse", grid.pixels(), "px");
  for (const Window& window : split(grid.whole(), grid.cols, kBlock, max_pixels)) {
    const auto pixels = static_cast<std::size_t>(window.pixels());
    labels.resize(n_maps * pixels);
    confidences.resize(confidence_maps.size() * pixels);
    label.resize(pixels);
    winner_confidence.resize(pixels);
    for (std::size_t m = 0; m < n_maps; ++m) class_maps[m].read(window, 0, labels.data() + m * pixels);
    for (std::size_t m = 0; m < confidence_maps.size(); ++m) confidence_maps[m].read(window, 0, confidences.data() + m * pixels);

    FuseMapsArgs args;
    args.pixels = window.pixels();
    args.n_maps = static_cast<int>(n_maps);
    args.method = maps.method;
    args.resolve = maps.resolve;
    args.labels = labels.data();
    args.confidences = confidences.empty() ? nullptr : confidences.data();
    args.mass = maps.mass.empty() ? nullptr : maps.mass.data();
    args.label = label.data();
    args.confidence = winner_confidence.data();
    fuse_maps(Device{}, args);  // little work a pixel: the disk is slower than any device

    class_writer.write(window, 0, label.data());
    confidence_writer.write(window, 0, winner_confidence.data());
    counts.pixels += window.pixels();
    counts.mapped += std::ranges::count_if(label, [](std::uint8_t code) { return code != 0; });
    if (!maps.resolve) counts.undecided += std::ranges::count(label, kUndecided);
    context.progress->advance(window.pixels());
  }
  class_writer.commit();
  confidence_writer.commit();
  context.progress->finish();
  return counts;
}

void check_count(std::size_t maps, std::size_t files, const std::string& option) {
  if (files != maps)
    throw UserError(
        join_text("fuse --", option, ": expected ", maps, " files, one for each --classification in the same order, got ", files));
}

std::string seed_confusion(const Layout& layout, int seed) {
  return layout.stage("fuse") + "/held_out_seed_" + std::to_string(seed) + ".csv";
}

std::vector<float> masses_of(const std::vector<std::string>& confusion_files, const std::string& mass) {
  std::vector<float> masses;
  for (const std::string& file : confusion_files) {
    const std::vector<float> one = mass_of_belief(read_confusion_csv(file), mass);
    masses.insert(masses.end(), one.begin(), one.end());
  }
  return masses;
}

Unit precision_unit(const Config& config, const std::vector<std::string>& tiles) {
  const Layout layout(config);
  Unit unit;
  unit.stage = "fuse";
  unit.key = "precision";
  for (const std::string& tile : tiles) {
    unit.inputs.push_back(layout.samples(tile));
    for (int seed = 0; seed < layout.seeds; ++seed) unit.inputs.push_back(layout.classification(tile, seed));
  }
  for (int seed = 0; seed < layout.seeds; ++seed) unit.outputs.push_back(seed_confusion(layout, seed));
  unit.run = [=](const Context&) {
    std::vector<MapAccuracy> maps(static_cast<std::size_t>(layout.seeds));
    for (const std::string& tile : tiles) {
      const Samples samples = read_samples(layout.samples(tile));
      for (int seed = 0; seed < layout.seeds; ++seed)
        add_tests(samples, seed, layout.classification(tile, seed), "", maps[static_cast<std::size_t>(seed)]);
    }
    nlohmann::json pixels;
    for (int seed = 0; seed < layout.seeds; ++seed) {
      const ConfusionMatrix& confusion = maps[static_cast<std::size_t>(seed)].confusion;
      write_confusion_csv(confusion, seed_confusion(layout, seed));
      pixels.push_back(confusion.total());
    }
    return nlohmann::json{{"held_out_pixels", pixels}};
  };
  return unit;
}

// Keys of the configuration that shape what the units make.
const std::vector<std::string> kOptions = {"fuse"};

std::optional<std::vector<Unit>> plan_fuse(const Config& config) {
  const Layout layout(config);
  std::vector<Unit> units;
  if (layout.seeds < 2) return units;
  if (layout.seeds > kMaxMaps)
    throw UserError(join_text("reference.seeds: expected at most ", kMaxMaps, ", as many maps as can be fused, got ", layout.seeds));
  const std::vector<std::string> tiles = tiles_of(config);
  const Fusion method = method_of(config.fuse.method);
  std::vector<std::string> confusion;
  if (method == Fusion::dempster_shafer) {
    units.push_back(precision_unit(config, tiles));
    confusion = units.back().outputs;
  }
  for (const std::string& tile : tiles) {
    FuseMaps maps;
    maps.method = method;
    for (int seed = 0; seed < layout.seeds; ++seed) {
      maps.classification.push_back(layout.classification(tile, seed));
      maps.confidence.push_back(layout.confidence(tile, seed));
    }
    Unit unit;
    unit.stage = "fuse";
    unit.key = unit.tile = tile;
    unit.inputs = maps.classification;
    unit.inputs.insert(unit.inputs.end(), maps.confidence.begin(), maps.confidence.end());
    unit.inputs.insert(unit.inputs.end(), confusion.begin(), confusion.end());
    unit.outputs = {layout.fused_classification(tile), layout.fused_confidence(tile)};
    unit.config_keys = kOptions;
    unit.run = [maps, confusion, outputs = unit.outputs](const Context& context) {
      FuseMaps with_mass = maps;
      with_mass.mass = masses_of(confusion, "precision");
      const FuseCounts counts = write_fused(with_mass, outputs[0], outputs[1], context);
      return nlohmann::json{{"maps", maps.classification.size()}, {"pixels", counts.pixels}, {"mapped", counts.mapped}};
    };
    units.push_back(std::move(unit));
  }
  return units;
}

}  // namespace

Stage fuse_stage() {
  return {.name = "fuse",
          .summary = "fuses the maps of several seeds of each tile",
          .reads = "class and confidence maps of every seed",
          .writes = "class and confidence of each tile",
          .command = "fuse",
          .example = "millesime run france-2021.toml --to fuse",
          .revision = 1,
          .papers = {"Dempster 1967, Annals of Mathematical Statistics 38; Shafer 1976 (evidence theory)"},
          .options = kOptions,
          .kept_when_mending = false,
          .plan = plan_fuse};
}

std::vector<float> mass_of_belief(const ConfusionMatrix& confusion, const std::string& mass) {
  const Accuracy accuracy = measure(confusion);
  std::vector<float> belief(kLabels, 0.0f);
  for (const ClassAccuracy& c : accuracy.classes) {
    if (c.code < 0 || c.code >= kLabels)
      throw UserError(join_text("confusion matrix with class code ", c.code, ": expected codes of an 8-bit map, 0 to 255"));
    const double value = mass == "precision"  ? c.precision
                         : mass == "recall"   ? c.recall
                         : mass == "accuracy" ? accuracy.overall
                                              : accuracy.kappa;
    belief[static_cast<std::size_t>(c.code)] = std::isnan(value) ? 0.0f : static_cast<float>(std::clamp(value, 0.0, 1.0));
  }
  return belief;
}

Options FuseCommand::declare() {
  Options options;
  options.add("classification", &classification, "class maps of one grid, 0 = no data").path();
  options.add("confidence", &confidence, "confidence of each map; none: all equal").unit("%").path();
  options.add("method", &method, "method of fusion").choices({"majority", "dempster-shafer"});
  options.add("confusion", &confusion, "dempster-shafer: confusion matrix of each map (CSV of OTB's ComputeConfusionMatrix)").path();
  options.add("mass", &mass, "dempster-shafer: measure of the confusion matrix that is used as belief in a label")
      .choices({"precision", "recall", "accuracy", "kappa"});
  options.add("keep_undecided", &keep_undecided, "keep 255 where no label wins, instead of the lowest of the tied codes");
  options.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file; adds palette and names")
      .names("nomenclature");
  options.add("output", &output, "folder of classification.tif and confidence.tif").path().required();
  return options;
}

FuseCounts fuse(const FuseCommand& command, const Context& context) {
  const std::size_t n_maps = command.classification.size();
  if (n_maps < 2 || n_maps > kMaxMaps) throw UserError(join_text("fuse --classification: expected 2 to ", kMaxMaps, " maps, got ", n_maps));
  if (!command.confidence.empty()) check_count(n_maps, command.confidence.size(), "confidence");

  FuseMaps maps;
  maps.classification = command.classification;
  maps.confidence = command.confidence;
  maps.method = method_of(command.method);
  maps.resolve = !command.keep_undecided;
  if (maps.method == Fusion::dempster_shafer) {
    check_count(n_maps, command.confusion.size(), "confusion");
    maps.mass = masses_of(command.confusion, command.mass);
  } else if (!command.confusion.empty()) {
    throw UserError("fuse --confusion: expected only with --method dempster-shafer; majority uses no confusion matrix");
  }
  std::optional<Nomenclature> nomenclature;
  if (!command.nomenclature.empty()) nomenclature = Nomenclature::load(command.nomenclature);
  maps.nomenclature = nomenclature ? &*nomenclature : nullptr;
  return write_fused(maps, command.output + "/classification.tif", command.output + "/confidence.tif", context);
}

}  // namespace millesime
