#include "pipeline/stages/fuse.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "kernels/ops/fuse_maps.h"
#include "pipeline/core/class_meanings.h"
#include "pipeline/core/class_names.h"
#include "pipeline/core/error.h"
#include "pipeline/core/samples.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/common_classes.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/tiles.h"
#include "pipeline/stages/validate.h"

namespace millesime {
namespace {

// Values of the choice map, as in iota2's fusion of radar and optical maps.
constexpr std::uint8_t kNone = 0, kBoth = 1, kFirst = 2, kSecond = 3;

struct FuseMaps {
  std::vector<MapInput> classes, confidence;  // of one grid
  Fusion method = Fusion::majority;
  std::vector<ConfusionMatrix> confusion;  // of each map, Dempster-Shafer only
  std::string mass = "precision";
  bool resolve = true;
  bool confidence_of_chosen = false;  // Dempster-Shafer: instead of the belief
  const Nomenclature* nomenclature = nullptr;
};

struct FusedFiles {
  std::string classification, confidence;
  std::string choice;  // "": none
};

Fusion method_of(const std::string& name) { return name == "majority" ? Fusion::majority : Fusion::dempster_shafer; }

void require_one_grid(const std::vector<MapInput>& maps, const MapInput& first) {
  for (const MapInput& map : maps) require_same(first.grid(), map.grid(), map.path() + " and " + first.path());
}

int highest_code(const FuseMaps& maps) {
  int highest = maps.nomenclature ? maps.nomenclature->max_code() : 0;
  for (const MapInput& map : maps.classes) highest = std::max(highest, map.form().highest);
  return highest;
}

// Whether a class of a map or of the nomenclature has this code.
bool occurs(const FuseMaps& maps, int code) {
  if (maps.nomenclature && maps.nomenclature->index_of_code(code)) return true;
  constexpr std::int64_t kAtOnce = 1 << 22;
  std::vector<std::uint16_t> labels;
  for (const MapInput& map : maps.classes) {
    if (map.form().highest < code) continue;
    const RasterInfo& info = map.reader().info();
    for (const Window& window : split(map.grid().whole(), info.block_width, info.block_height, kAtOnce)) {
      labels.resize(static_cast<std::size_t>(window.pixels()));
      map.read(window, labels.data());
      if (std::ranges::find(labels, code) != labels.end()) return true;
    }
  }
  return false;
}

// A label for undecided pixels that no class has.
int undecided_label(const FuseMaps& maps, int highest) {
  constexpr int kOf8Bits = 255, kOf16Bits = 65535;
  if (highest <= kOf8Bits && !occurs(maps, kOf8Bits)) return kOf8Bits;
  if (!occurs(maps, kOf16Bits)) return kOf16Bits;
  throw UserError("fuse --keep-undecided: 65535, the label of undecided pixels, is the code of a class; renumber the class");
}

// Of each map the belief in each label below `n_labels`.
std::vector<float> masses_of(const FuseMaps& maps, int n_labels) {
  std::vector<float> masses;
  for (const ConfusionMatrix& confusion : maps.confusion) {
    const std::vector<float> one = mass_of_belief(confusion, maps.mass, n_labels);
    masses.insert(masses.end(), one.begin(), one.end());
  }
  return masses;
}

// What follows from the labels of the maps and of the result, pixel by pixel.
struct Chosen {
  std::size_t pixels;
  const std::vector<std::uint16_t>& labels;  // [map][pixel]
  const std::vector<std::uint16_t>& label;   // of the result

  // The confidence of the map whose label won, the highest of several.
  void confidence(const std::vector<std::uint8_t>& of_maps, std::vector<std::uint8_t>& chosen) const {
    std::ranges::fill(chosen, std::uint8_t{0});
    for (std::size_t i = 0; i < of_maps.size(); ++i)
      if (const std::size_t p = i % pixels; label[p] != 0 && labels[i] == label[p]) chosen[p] = std::max(chosen[p], of_maps[i]);
  }
  // Of two maps.
  void choice(std::vector<std::uint8_t>& choice) const {
    for (std::size_t p = 0; p < pixels; ++p) {
      const bool first = label[p] != 0 && labels[p] == label[p], second = label[p] != 0 && labels[pixels + p] == label[p];
      choice[p] = first && second ? kBoth : first ? kFirst : second ? kSecond : kNone;
    }
  }
};

FuseCounts write_fused(const FuseMaps& maps, const FusedFiles& files, const Context& context) {
  const std::size_t n_maps = maps.classes.size();
  require_one_grid(maps.classes, maps.classes.front());
  require_one_grid(maps.confidence, maps.classes.front());
  const Grid& grid = maps.classes.front().grid();

  FuseCounts counts;
  int highest = highest_code(maps);
  const int n_labels = highest + 1;
  if (!maps.resolve) counts.undecided_label = undecided_label(maps, highest), highest = std::max(highest, counts.undecided_label);
  const std::vector<float> mass = masses_of(maps, n_labels);

  RasterOptions class_options, number_options;
  class_options.nodata = 0;
  class_options.nomenclature = maps.nomenclature;
  RasterWriter class_writer(files.classification, grid, class_type(highest), 1, class_options);
  RasterWriter confidence_writer(files.confidence, grid, PixelType::u8, 1, number_options);
  std::optional<RasterWriter> choice_writer;
  if (!files.choice.empty()) choice_writer.emplace(files.choice, grid, PixelType::u8, 1, number_options);

  // A label and a confidence of each map and of the result, and the same for GDAL's buffers.
  const auto bytes_per_pixel = static_cast<std::int64_t>(6 * (n_maps + 1));
  const std::int64_t max_pixels = std::clamp<std::int64_t>(context.memory_bytes / 4 / bytes_per_pixel, 1, 1 << 24);
  std::vector<std::uint16_t> labels, label;
  std::vector<std::uint8_t> confidences, winner_confidence, choice;
  std::vector<std::int64_t> pixels_of_code(std::size_t{kMaxCode} + 1);
  context.progress->start("fuse", grid.pixels(), "px");
  for (const Window& window : split(grid.whole(), grid.cols, kMapBlock, max_pixels)) {
    const auto pixels = static_cast<std::size_t>(window.pixels());
    labels.resize(n_maps * pixels);
    confidences.resize(maps.confidence.size() * pixels);
    label.resize(pixels);
    winner_confidence.resize(pixels);
    for (std::size_t m = 0; m < n_maps; ++m) maps.classes[m].read(window, labels.data() + m * pixels);
    for (std::size_t m = 0; m < maps.confidence.size(); ++m) maps.confidence[m].read(window, confidences.data() + m * pixels);

    FuseMapsArgs args;
    args.pixels = window.pixels();
    args.n_maps = static_cast<int>(n_maps);
    args.method = maps.method;
    args.resolve = maps.resolve;
    args.undecided = static_cast<std::uint16_t>(counts.undecided_label);
    args.labels = labels.data();
    args.confidences = confidences.empty() ? nullptr : confidences.data();
    args.mass = mass.empty() ? nullptr : mass.data();
    args.n_labels = n_labels;
    args.label = label.data();
    args.confidence = winner_confidence.data();
    fuse_maps(Device{}, args);  // little work a pixel: the disk is slower than any device

    const Chosen chosen{pixels, labels, label};
    if (maps.confidence_of_chosen) chosen.confidence(confidences, winner_confidence);
    class_writer.write(window, 0, label.data());
    confidence_writer.write(window, 0, winner_confidence.data());
    if (choice_writer) {
      choice.resize(pixels);
      chosen.choice(choice);
      choice_writer->write(window, 0, choice.data());
    }
    counts.pixels += window.pixels();
    counts.mapped += std::ranges::count_if(label, [](std::uint16_t code) { return code != 0; });
    for (const std::uint16_t code : label) ++pixels_of_code[code];
    context.progress->advance(window.pixels());
  }
  if (!maps.resolve) counts.undecided = std::exchange(pixels_of_code[static_cast<std::size_t>(counts.undecided_label)], 0);
  if (maps.nomenclature) require_codes(maps.classes.front().path(), pixels_of_code, *maps.nomenclature);
  class_writer.commit();
  confidence_writer.commit();
  if (choice_writer) choice_writer->commit();
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

std::vector<ConfusionMatrix> read_all(const std::vector<std::string>& confusion_files) {
  std::vector<ConfusionMatrix> matrices;
  for (const std::string& file : confusion_files) matrices.push_back(read_confusion_csv(file));
  return matrices;
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
const std::vector<std::string> kFuseOptions = {"fuse"};

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
    std::vector<std::string> classification, confidence;
    for (int seed = 0; seed < layout.seeds; ++seed) {
      classification.push_back(layout.classification(tile, seed));
      confidence.push_back(layout.confidence(tile, seed));
    }
    Unit unit;
    unit.stage = "fuse";
    unit.key = unit.tile = tile;
    unit.inputs = classification;
    unit.inputs.insert(unit.inputs.end(), confidence.begin(), confidence.end());
    unit.inputs.insert(unit.inputs.end(), confusion.begin(), confusion.end());
    unit.outputs = {layout.fused_classification(tile), layout.fused_confidence(tile)};
    unit.config_keys = kFuseOptions;
    unit.run = [=, options = config.fuse, outputs = unit.outputs](const Context& context) {
      FuseMaps maps;
      maps.method = method;
      maps.confidence_of_chosen = options.confidence == "chosen";
      for (const std::string& file : classification) maps.classes.emplace_back(file, MapKind::classes);
      for (const std::string& file : confidence) maps.confidence.emplace_back(file, MapForm{.kind = MapKind::confidence});
      maps.confusion = read_all(confusion);
      const FuseCounts counts = write_fused(maps, {outputs[0], outputs[1], ""}, context);
      return nlohmann::json{{"maps", classification.size()}, {"pixels", counts.pixels}, {"mapped", counts.mapped}};
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
          .revision = 2,
          .papers = {"Dempster 1967, Annals of Mathematical Statistics 38; Shafer 1976 (evidence theory)"},
          .options = kFuseOptions,
          .kept_when_mending = false,
          .of_any_edition = true,
          .plan = plan_fuse};
}

std::vector<float> mass_of_belief(const ConfusionMatrix& confusion, const std::string& mass, int n_labels) {
  const Accuracy accuracy = measure(confusion);
  std::vector<float> belief(static_cast<std::size_t>(n_labels), 0.0f);
  for (const ClassAccuracy& c : accuracy.classes) {
    if (c.code < 0 || c.code >= n_labels) continue;  // no label of the maps
    const double value = mass == "precision"  ? c.precision
                         : mass == "recall"   ? c.recall
                         : mass == "accuracy" ? accuracy.overall
                                              : accuracy.kappa;
    belief[static_cast<std::size_t>(c.code)] = std::isnan(value) ? 0.0f : static_cast<float>(std::clamp(value, 0.0, 1.0));
  }
  return belief;
}

namespace {

constexpr const char* kMethodHelp =
    "method of fusion. majority: the class with most votes; of equal votes the class with the highest confidence among them; if that is "
    "equal, too, the lowest code. dempster-shafer: the class of highest belief; of equal beliefs the lowest code";
constexpr const char* kConfidenceHelp =
    "confidence of dempster-shafer. belief: 100 x the belief in the class; chosen: that of the map whose class won, the highest of several "
    "(as iota2 has it for two maps)";

}  // namespace

void FuseOptions::declare(Options& options) {
  options.add("method", &method, kMethodHelp).choices({"majority", "dempster-shafer"});
  options.add("confidence", &confidence, kConfidenceHelp).choices({"belief", "chosen"});
}

Options FuseCommand::declare() {
  Options options;
  options.add("classification", &classification, "class maps of one grid, codes up to 65535, 0 = no data").path();
  options.add("confidence", &confidence, "confidence of each map, percent or probabilities; none: all equal").unit("%").path();
  options.add("method", &method, kMethodHelp).choices({"majority", "dempster-shafer"});
  options.add("confusion", &confusion, "dempster-shafer: confusion matrix of each map (CSV of OTB's ComputeConfusionMatrix)").path();
  options.add("mass", &mass, "dempster-shafer: measure of the confusion matrix that is used as belief in a label")
      .choices({"precision", "recall", "accuracy", "kappa"});
  options.add("fused_confidence", &fused_confidence, kConfidenceHelp).choices({"belief", "chosen"});
  options.add(
      "choice", &choice,
      "of two maps, also write choice.tif, whose class the result has: 1 both, 2 the first, 3 the second, 0 none (as iota2 has it)");
  options.add(
      "keep_undecided", &keep_undecided,
      "mark the pixels that no class wins, instead of giving them the lowest of the tied codes: with 255, or, where that is a class, "
      "with 65535 in a map of 16 bits");
  options.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file; adds palette and names")
      .names("nomenclature");
  names.declare(options);
  options.add("output", &output, "folder of classification.tif, confidence.tif and choice.tif").path().required();
  return options;
}

FuseCounts fuse(const FuseCommand& command, const Context& context) {
  const std::size_t n_maps = command.classification.size();
  if (n_maps < 2 || n_maps > kMaxMaps) throw UserError(join_text("fuse --classification: expected 2 to ", kMaxMaps, " maps, got ", n_maps));
  if (!command.confidence.empty()) check_count(n_maps, command.confidence.size(), "confidence");

  const bool dempster_shafer = method_of(command.method) == Fusion::dempster_shafer;
  if (!dempster_shafer && !command.confusion.empty())
    throw UserError("fuse --confusion: expected only with --method dempster-shafer; majority uses no confusion matrix");
  if (dempster_shafer) check_count(n_maps, command.confusion.size(), "confusion");
  if (command.fused_confidence == "chosen" && command.confidence.empty())
    throw UserError("fuse --fused-confidence chosen: expected also --confidence, of which the fused one is taken");
  if (command.choice && n_maps != 2)
    throw UserError(join_text("fuse --choice: expected two maps, of which one, both or none is chosen, got ", n_maps));

  FuseMaps maps;
  for (const std::string& file : command.classification) maps.classes.push_back(open_map(file, MapKind::classes, context));
  for (const std::string& file : command.confidence) maps.confidence.push_back(open_map(file, MapKind::confidence, context));
  maps.method = method_of(command.method);
  maps.confusion = read_all(command.confusion);
  maps.mass = command.mass;
  maps.resolve = !command.keep_undecided;
  maps.confidence_of_chosen = dempster_shafer && command.fused_confidence == "chosen";
  std::optional<Nomenclature> nomenclature;
  if (!command.nomenclature.empty()) nomenclature = Nomenclature::load(command.nomenclature);
  maps.nomenclature = nomenclature ? &*nomenclature : nullptr;
  require_same_meanings(command.classification, maps.nomenclature, context);
  if (nomenclature) nomenclature = command.names.named(*std::move(nomenclature));
  return write_fused(maps,
                     {command.output + "/classification.tif", command.output + "/confidence.tif",
                      command.choice ? command.output + "/choice.tif" : std::string()},
                     context);
}

}  // namespace millesime
