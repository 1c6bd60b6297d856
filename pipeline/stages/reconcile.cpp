#include "pipeline/stages/reconcile.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <optional>

#include "kernels/base/transfer.h"
#include "kernels/ops/reconcile.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/chance.h"
#include "pipeline/core/class_names.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/rotation.h"
#include "pipeline/core/text.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/map_years.h"
#include "pipeline/stages/transitions.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

constexpr int kFewestYears = 3, kLearningSteps = 5;
constexpr std::size_t kLearningPixels = 20000;
constexpr std::uint64_t kLearningSeed = 0x9e3779b97f4a7c15;
constexpr double kPrior = 100;  // pixels that the rule counts for in learning
constexpr float kPerMille = 0.001f;

// The evidence that a map of one year gives.
class YearInput {
 public:
  YearInput(const ReconcileCommand& command, std::size_t year, const Nomenclature& classes, const Context& context)
      : classes_(classes), accuracy_(static_cast<float>(command.accuracy)), reader_(command.maps[year]) {
    const std::string& map = command.maps[year];
    if (reader_.info().bands == 1) {
      map_.emplace(open_map(map, MapKind::classes, context));
      if (!command.confidence.empty()) {
        confidence_.emplace(open_map(command.confidence[year], MapKind::confidence, context));
        require_same(confidence_->grid(), reader_.grid(), command.confidence[year] + " and " + map);
      }
    } else if (reader_.info().bands != classes.size()) {
      throw UserError(join_text(map, ": has ", reader_.info().bands, " bands; expected one, a class map, or ", classes.size(),
                                ", a probability x 1000 for each class of ", classes.name, " (classify.all_classes writes them)"));
    } else if (!command.confidence.empty()) {
      throw UserError(join_text("reconcile --confidence: expected with class maps alone; ", map, " has probabilities"));
    }
  }

  const Grid& grid() const { return reader_.grid(); }
  const std::string& path() const { return reader_.path(); }

  // evidence [class][pixel] and the class index of the map, kNoClassIndex where there is none.
  void read(const Window& window, float* evidence, std::uint8_t* own) const {
    const auto n = static_cast<std::size_t>(window.pixels());
    const auto k = static_cast<std::size_t>(classes_.size());
    if (!map_) {
      std::vector<std::uint16_t> band(n), most(n);
      std::fill_n(own, n, kNoClassIndex);
      for (std::size_t c = 0; c < k; ++c) {
        reader_.read(window, static_cast<int>(c), band.data());
        for (std::size_t p = 0; p < n; ++p) {
          evidence[c * n + p] = static_cast<float>(band[p]) * kPerMille;
          if (band[p] > most[p]) most[p] = band[p], own[p] = static_cast<std::uint8_t>(c);
        }
      }
      return;
    }
    std::vector<std::uint16_t> codes(n);
    std::vector<float> sure(n, accuracy_);
    map_->read(window, codes.data());
    if (confidence_) confidence_->read_probabilities(window, sure.data());
    std::fill_n(evidence, n * k, 0.0f);
    for (std::size_t p = 0; p < n; ++p) {
      own[p] = kNoClassIndex;
      if (codes[p] == 0) continue;
      const auto index = classes_.index_of_code(codes[p]);
      if (!index)
        throw UserError(join_text(path(), ": has the class ", codes[p], ", which ", classes_.name,
                                  " lacks; expected maps of one nomenclature: `millesime nomenclature convert` makes them so"));
      own[p] = static_cast<std::uint8_t>(*index);
      // At least chance: a class that the map says is not less likely for it.
      const float least = 1.0f / static_cast<float>(k), probability = std::max(sure[p], least);
      for (std::size_t c = 0; c < k; ++c)
        evidence[c * n + p] = c == own[p] ? probability : k > 1 ? (1 - probability) / static_cast<float>(k - 1) : 0.0f;
    }
  }

 private:
  const Nomenclature& classes_;
  float accuracy_;
  RasterReader reader_;
  std::optional<MapInput> map_, confidence_;
};

// The evidence of some pixels, [year][class] of each: those with the smallest random numbers, whatever the order in which they are added.
class LearningPixels {
 public:
  explicit LearningPixels(std::size_t numbers) : numbers_(numbers) {}

  bool takes(std::int64_t pixel) const { return random_number(pixel) < limit_; }
  template <class Evidence>
  void add(std::int64_t pixel, const Evidence& evidence) {  // number -> evidence
    Chosen chosen{random_number(pixel), pixel, {}};
    for (std::size_t i = 0; i < numbers_; ++i) chosen.evidence.push_back(evidence(i));
    chosen_.push_back(std::move(chosen));
    if (chosen_.size() == 2 * kLearningPixels) keep_first();
  }
  std::vector<float> take() {
    keep_first();
    std::ranges::sort(chosen_, {}, &Chosen::pixel);
    std::vector<float> all;
    for (const Chosen& chosen : chosen_) all.insert(all.end(), chosen.evidence.begin(), chosen.evidence.end());
    return all;
  }

 private:
  struct Chosen {
    std::uint64_t random = 0;
    std::int64_t pixel = 0;
    std::vector<float> evidence;
  };
  static std::uint64_t random_number(std::int64_t pixel) { return mix(static_cast<std::uint64_t>(pixel) ^ kLearningSeed); }
  void keep_first() {
    if (chosen_.size() <= kLearningPixels) return;
    const auto first_out = chosen_.begin() + kLearningPixels;
    std::ranges::nth_element(chosen_, first_out, {}, &Chosen::random);
    limit_ = first_out->random;
    chosen_.erase(first_out, chosen_.end());
  }

  std::size_t numbers_;
  std::vector<Chosen> chosen_;
  std::uint64_t limit_ = std::numeric_limits<std::uint64_t>::max();
};

// Pixels spread over the map, [pixel][year][class], of those that were seen in every year. They are drawn: pixels of equal distances may
// all lie in one column.
std::vector<float> learning_pixels(const std::vector<YearInput>& inputs, int n_classes, std::int64_t at_once) {
  const Grid& grid = inputs.front().grid();
  const auto k = static_cast<std::size_t>(n_classes), years = inputs.size();
  LearningPixels pixels(years * k);
  std::vector<float> evidence;
  std::vector<std::uint8_t> own;
  for (const Window& window : split(grid.whole(), grid.cols, kMapBlock, at_once)) {
    const auto n = static_cast<std::size_t>(window.pixels());
    evidence.resize(years * k * n), own.resize(years * n);
    for (std::size_t y = 0; y < years; ++y) inputs[y].read(window, evidence.data() + y * k * n, own.data() + y * n);
    for (std::size_t p = 0; p < n; ++p) {
      const int row = window.row + static_cast<int>(p) / window.width, col = window.col + static_cast<int>(p) % window.width;
      const std::int64_t pixel = std::int64_t{row} * grid.cols + col;
      bool seen = pixels.takes(pixel);
      for (std::size_t y = 0; y < years; ++y) seen = seen && own[y * n + p] != kNoClassIndex;
      if (seen) pixels.add(pixel, [&](std::size_t i) { return std::max(evidence[i * n + p], kLeastEvidence); });
    }
  }
  return pixels.take();
}

Transitions transitions_of(const ReconcileCommand& command, const Nomenclature& classes, const std::vector<YearInput>& inputs,
                           const std::vector<int>& years, std::int64_t at_once, const Context& context) {
  std::vector<int> rotating = command.rotating.empty() ? rotating_groups(command.nomenclature) : std::vector<int>();
  for (const std::string& code : command.rotating) {
    const auto number = code_of_text(code);
    if (!number) throw UserError(join_text("reconcile --rotating: expected codes of groups, got \"", code, "\""));
    rotating.push_back(static_cast<int>(*number));
  }
  Transitions transitions = transitions_by_rule(classes, command.stay, rotating);
  if (!command.transitions.empty()) read_transitions(command.transitions, classes, transitions);
  if (!command.learn) return transitions;
  const std::vector<float> evidence = learning_pixels(inputs, classes.size(), at_once);
  if (evidence.empty()) throw UserError("reconcile --learn: no pixel has a class in every year; leave the option away");
  for (int step = 0; step < kLearningSteps; ++step) learn_transitions(evidence, years, kPrior, transitions);
  context.progress->note(
      join_text("transitions learned from ", evidence.size() / inputs.size() / static_cast<std::size_t>(classes.size()), " px"));
  return transitions;
}

// What is to be said of years without a map; "": nothing.
std::string missing_years(const std::vector<int>& years) {
  std::string list;
  bool missing = false;
  for (std::size_t y = 1; y < years.size(); ++y) {
    missing = missing || years[y] - years[y - 1] > 1;
    list += join_text(y == 1 ? "" : ", ", years[y - 1], " to ", years[y], ": ", years[y] - years[y - 1]);
  }
  return missing ? join_text("not every year has a map: transitions are those of as many years as lie between (", list, ")") : "";
}

struct Outputs {
  std::vector<RasterWriter> labels, confidences;
  std::vector<RasterWriter> change, codes;  // {probability}; {year, from, to}

  Outputs(const std::string& folder, const std::vector<int>& years, const Grid& grid, const Nomenclature& classes) {
    RasterOptions named, plain;
    named.nodata = 0, named.nomenclature = &classes, plain.nodata = 0;
    const PixelType type = class_type(classes.max_code());
    for (const int year : years) {
      labels.emplace_back(join_text(folder, "/OCS_", year, ".tif"), grid, type, 1, named);
      confidences.emplace_back(join_text(folder, "/OCS_", year, "_confidence.tif"), grid, PixelType::u8, 1, plain);
    }
    change.emplace_back(folder + "/change.tif", grid, PixelType::u8, 1, RasterOptions{});
    codes.emplace_back(folder + "/change_year.tif", grid, PixelType::u16, 1, plain);
    codes.emplace_back(folder + "/change_from.tif", grid, type, 1, named);
    codes.emplace_back(folder + "/change_to.tif", grid, type, 1, named);
  }
  void commit() {
    for (auto* writers : {&labels, &confidences, &change, &codes})
      for (RasterWriter& writer : *writers) writer.commit();
  }
};

struct Result {
  std::vector<std::uint8_t> label, confidence;  // [year][pixel]
  std::vector<std::uint8_t> change, year;       // [pixel]
};

// The model of a window on the device that computes.
class OnDevice {
 public:
  OnDevice(const Transitions& transitions, const std::vector<int>& years, int threshold, const Context& context)
      : stream_(context.device, context.threads),
        transfer_(stream_),
        n_years_(static_cast<int>(years.size())),
        n_classes_(transitions.n),
        threshold_(threshold),
        initial_(transfer_.to_device(transitions.initial)),
        transition_(transfer_.to_device(transitions_between(years, transitions))),
        unit_(transfer_.to_device(transitions.unit)) {}

  Result run(const std::vector<float>& evidence, std::int64_t pixels) {
    const Buffer<float> seen = transfer_.to_device(evidence);
    Buffer<std::uint8_t> label(stream_.device, n_years_ * pixels), confidence(stream_.device, n_years_ * pixels),
        change(stream_.device, pixels), year(stream_.device, pixels);
    reconcile(stream_, {pixels, n_years_, n_classes_, seen.data(), initial_.data(), transition_.data(), unit_.data(), label.data(),
                        confidence.data(), change.data(), year.data(), threshold_});
    return {transfer_.to_host(label), transfer_.to_host(confidence), transfer_.to_host(change), transfer_.to_host(year)};
  }

 private:
  Stream stream_;
  Transfer transfer_;
  int n_years_, n_classes_, threshold_;
  Buffer<float> initial_, transition_;
  Buffer<std::uint8_t> unit_;
};

nlohmann::ordered_json to_json(const ReconcileCounts& counts) {
  nlohmann::ordered_json json{{"pixels", counts.pixels}, {"seen", counts.seen}, {"lasting_changes", counts.lasting}};
  json["years"] = nlohmann::ordered_json::array();
  for (std::size_t y = 0; y < counts.years.size(); ++y)
    json["years"].push_back({{"year", counts.years[y]},
                             {"years_since_map_before", y == 0 ? 0 : counts.years[y] - counts.years[y - 1]},
                             {"relabelled", counts.relabelled[y]},
                             {"lasting_changes", counts.changed_in[y]}});
  return json;
}

}  // namespace

Options ReconcileCommand::declare() {
  Options o;
  o.add("maps", &maps,
        "maps of three or more years in their order, on one grid: class maps, or probabilities x 1000 with one band for each class")
      .path()
      .required();
  o.add("confidence", &confidence, "of class maps: the confidence of each, percent or probabilities").path();
  o.add("years", &years, "the year of each map; default: the one in its file name");
  o.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file").names("nomenclature").required();
  o.add("transitions", &transitions,
        "table of how likely each class (row) is followed by each (column) a year later; default: by stay and rotating")
      .path();
  o.add("stay", &stay, "probability that a class, or a rotating group, is the same a year later").range(0.5, 0.9999);
  o.add("rotating", &rotating,
        "codes of groups whose classes follow one another without being a change; default: those of the nomenclature");
  o.add("learn", &learn, "learn the transitions from the maps, beginning with those of the rule or the table");
  o.add("accuracy", &accuracy, "of class maps without confidence: share of pixels that are right").range(0.05, 0.999);
  o.add("threshold", &threshold, "probability from which a lasting change is shown").unit("%").range(1, 100);
  names.declare(o);
  o.add("output", &output, "folder of the maps").path().required();
  return o;
}

ReconcileCounts reconcile_maps(const ReconcileCommand& command, const Context& context) {
  if (command.maps.size() < kFewestYears)
    throw UserError(join_text("reconcile: expected the maps of ", kFewestYears, " years or more, got ", command.maps.size(),
                              "; `millesime compare` compares two"));
  if (!command.confidence.empty() && command.confidence.size() != command.maps.size())
    throw UserError(join_text("reconcile --confidence: expected ", command.maps.size(), ", one a map, got ", command.confidence.size()));
  const Nomenclature classes = Nomenclature::load(command.nomenclature);
  if (classes.size() > kMostStates)
    throw UserError(join_text("reconcile: expected at most ", kMostStates, " classes, got ", classes.size()));
  ReconcileCounts counts;
  counts.years = years_of_maps("reconcile", command.maps, command.years);
  const std::size_t years = counts.years.size(), k = static_cast<std::size_t>(classes.size());
  counts.relabelled.resize(years), counts.changed_in.resize(years);
  std::vector<YearInput> inputs;
  for (std::size_t y = 0; y < years; ++y) {
    inputs.emplace_back(command, y, classes, context);
    require_same(inputs.front().grid(), inputs.back().grid(), inputs.front().path() + " and " + inputs.back().path());
  }
  if (const std::string gaps = missing_years(counts.years); !gaps.empty()) context.progress->note(gaps);
  const auto per_pixel = static_cast<std::int64_t>(years * (k * 8 + 4) + 16);
  const std::int64_t at_once = std::clamp<std::int64_t>(context.memory_bytes / 4 / per_pixel, 1, 1 << 20);
  const Transitions transitions = transitions_of(command, classes, inputs, counts.years, at_once, context);
  const Grid& grid = inputs.front().grid();

  const OutputFolder folder(command.output);
  Outputs outputs(command.output, counts.years, grid, command.names.named(classes));
  OnDevice device(transitions, counts.years, command.threshold, context);
  std::vector<float> evidence;
  std::vector<std::uint8_t> own;
  std::vector<std::uint16_t> codes;
  context.progress->start("reconcile", grid.pixels(), "px");
  for (const Window& window : split(grid.whole(), grid.cols, kMapBlock, at_once)) {
    const auto n = static_cast<std::size_t>(window.pixels());
    evidence.resize(years * k * n), own.resize(years * n), codes.resize(n);
    for (std::size_t y = 0; y < years; ++y) inputs[y].read(window, evidence.data() + y * k * n, own.data() + y * n);
    const Result result = device.run(evidence, window.pixels());
    const auto code_in = [&](std::size_t y, std::size_t p) {
      const std::uint8_t index = result.label[y * n + p];
      return static_cast<std::uint16_t>(index == kNoClassIndex ? 0 : classes.at(index).code);
    };
    const auto lasts = [&](std::size_t p) { return result.year[p] > 0; };
    for (std::size_t y = 0; y < years; ++y) {
      for (std::size_t p = 0; p < n; ++p) {
        codes[p] = code_in(y, p);
        counts.relabelled[y] += own[y * n + p] != kNoClassIndex && own[y * n + p] != result.label[y * n + p];
        counts.changed_in[y] += lasts(p) && result.year[p] == y;
      }
      outputs.labels[y].write(window, 0, codes.data());
      outputs.confidences[y].write(window, 0, result.confidence.data() + y * n);
    }
    outputs.change.front().write(window, 0, result.change.data());
    for (std::size_t p = 0; p < n; ++p) {
      codes[p] = lasts(p) ? static_cast<std::uint16_t>(counts.years[result.year[p]]) : std::uint16_t{0};
      counts.seen += result.label[p] != kNoClassIndex;
      counts.lasting += lasts(p);
    }
    outputs.codes[0].write(window, 0, codes.data());
    for (const std::size_t before : {std::size_t{1}, std::size_t{0}}) {  // change_from, change_to
      for (std::size_t p = 0; p < n; ++p) codes[p] = lasts(p) ? code_in(result.year[p] - before, p) : std::uint16_t{0};
      outputs.codes[2 - before].write(window, 0, codes.data());
    }
    counts.pixels += window.pixels();
    context.progress->advance(window.pixels());
  }
  context.progress->finish();
  outputs.commit();
  write_text(command.output + "/transitions.csv", transitions_csv(transitions, classes));
  write_text(command.output + "/reconcile.json", json_text(to_json(counts), 2) + "\n");
  return counts;
}

std::string to_text(const ReconcileCounts& counts) {
  char line[160];
  std::snprintf(line, sizeof line,
                "%lld of %lld px with a class have a lasting change\n\n  year   lasting changes   px of another class than before\n",
                static_cast<long long>(counts.lasting), static_cast<long long>(counts.seen));
  std::string text = line;
  for (std::size_t y = 0; y < counts.years.size(); ++y) {
    std::snprintf(line, sizeof line, "  %4d %17lld %33lld\n", counts.years[y], static_cast<long long>(counts.changed_in[y]),
                  static_cast<long long>(counts.relabelled[y]));
    text += line;
  }
  return text;
}

}  // namespace millesime
