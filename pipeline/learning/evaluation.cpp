#include "pipeline/learning/evaluation.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/csv.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/special_file.h"
#include "pipeline/core/static_groups.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/learn_model.h"
#include "pipeline/learning/prediction.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {
namespace {

// JSON has no NaN: an undefined measure is null.
nlohmann::json number(double value) { return std::isnan(value) ? nlohmann::json() : nlohmann::json(value); }

std::string name_of(const ModelSpec& spec, int code) {
  const auto index = spec.nomenclature.index_of_code(code);
  return index ? spec.nomenclature.at(*index).name : "not known to the model";
}

struct Winner {
  int index = 0;
  double probability = 0;
};

Winner winner_of(const float* probabilities, int n_classes) {
  const float* best = std::max_element(probabilities, probabilities + n_classes);  // the first of equals
  return {static_cast<int>(best - probabilities), *best};
}

}  // namespace

SampleSelection judging_samples(const Samples& samples, const std::string& file, int seed, bool all_samples) {
  auto selection = select_samples(samples, file, all_samples ? SampleUse::all : SampleUse::test, seed);
  return selection.rows.empty() ? select_samples(samples, file, SampleUse::all, 0) : selection;
}

Options EvaluateCommand::declare() {
  Options o;
  o.add("model", &model, "model file").path().required();
  o.add("samples", &samples, "files of samples, .safetensors or .csv").path().required();
  o.add("output", &output, "folder for confusion.csv and evaluation.json").path();
  o.add("seed", &seed, "seed whose split defines the test samples; all samples of files without test samples are used").range(0, 1000);
  o.add("all_samples", &all_samples, "test on all samples, also those for training");
  o.add("trust_model", &trust_model, "run a model that is a program (TorchScript, .pt), which can do anything that you can");
  tables.declare(o);
  return o;
}

Evaluation evaluate_model(const EvaluateCommand& command, const Context& context) {
  const ModelFile model = ModelFile::read(command.model, command.trust_model ? Trust::programs : Trust::data_only);
  Evaluation evaluation;
  evaluation.confusion = ConfusionMatrix(model.spec.classes);
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> groups;
  context.progress->start("evaluate", static_cast<std::int64_t>(command.samples.size()), "files");
  for (const auto& file : command.samples) {
    evaluation.files.push_back(std::filesystem::path(file).filename().string());
    for (const Samples& samples : load_parts(file, &model.spec.nomenclature, command.tables.for_reading())) {
      const auto selection = judging_samples(samples, file, command.seed, command.all_samples);
      evaluation.learned.add(learned_share(model.spec, selection, std::ssize(selection.rows) == samples.size()));
      const auto probabilities = predict_probabilities(model, std::vector{selection}, context);
      for (std::size_t i = 0; i < selection.rows.size(); ++i) {
        const int label = samples.label[static_cast<std::size_t>(selection.rows[i])];
        if (label == 0) continue;  // not known
        const Winner winner = winner_of(probabilities.data() + i * model.spec.classes.size(), model.spec.n_classes());
        const int produced = model.spec.classes[static_cast<std::size_t>(winner.index)];
        if (std::ranges::find(model.spec.classes, label) == model.spec.classes.end()) ++evaluation.unknown;
        evaluation.confusion.add(label, produced);
        const std::pair group(samples.reference.empty() ? "file " + file : samples.reference,
                              samples.polygon[static_cast<std::size_t>(selection.rows[i])]);
        evaluation.outcomes.push_back({label, produced, groups.emplace(group, static_cast<std::int64_t>(groups.size())).first->second});
        evaluation.calibration.add(std::clamp(winner.probability, 0.0, 1.0), label == produced);
      }
    }
    context.progress->advance(1);
  }
  context.progress->finish();
  if (evaluation.confusion.total() == 0)
    throw UserError(join_text(join_list(command.samples, ", "), ": no labelled samples to evaluate on"));
  evaluation.accuracy = measure(evaluation.confusion);
  if (!command.output.empty()) {
    write_confusion_csv(evaluation.confusion, command.output + "/confusion.csv");
    write_text(command.output + "/evaluation.json", json_text(to_json(evaluation, model.spec), 2) + "\n");
  }
  return evaluation;
}

nlohmann::json to_json(const Evaluation& evaluation, const ModelSpec& spec) {
  const auto& matrix = evaluation.confusion;
  nlohmann::json out{{"model", spec.architecture},
                     {"samples", evaluation.accuracy.total},
                     {"unknown_to_model", evaluation.unknown},
                     {"overall_accuracy", number(evaluation.accuracy.overall)},
                     {"kappa", number(evaluation.accuracy.kappa)},
                     {"macro_f_score", number(evaluation.accuracy.macro_f)},
                     {"calibration_error", number(evaluation.calibration.expected_error())},
                     {"temperature", spec.temperature},
                     {"sharpening", spec.sharpening},
                     {"classes", nlohmann::json::array()},
                     {"confusion", {{"codes", matrix.codes()}, {"counts", nlohmann::json::array()}}}};
  if (evaluation.learned.is_told()) out["note"] = evaluation.learned.to_text();
  for (const auto& entry : evaluation.accuracy.classes)
    out["classes"].push_back({{"code", entry.code},
                              {"name", name_of(spec, entry.code)},
                              {"samples", entry.reference},
                              {"precision", number(entry.precision)},
                              {"recall", number(entry.recall)},
                              {"f_score", number(entry.f_score)}});
  for (int row = 0; row < matrix.size(); ++row) {
    auto counts = nlohmann::json::array();
    for (int col = 0; col < matrix.size(); ++col) counts.push_back(matrix.at(row, col));
    out["confusion"]["counts"].push_back(counts);
  }
  return out;
}

std::string to_table(const Evaluation& evaluation, const ModelSpec& spec) {
  const auto& accuracy = evaluation.accuracy;
  std::string text = join_text("overall accuracy   ", fixed(accuracy.overall, 4), "\nkappa              ", fixed(accuracy.kappa, 4),
                               "\nmean F-score       ", fixed(accuracy.macro_f, 4), "\ncalibration error  ",
                               fixed(evaluation.calibration.expected_error(), 4), "\nsamples            ", accuracy.total);
  if (evaluation.unknown > 0) text += join_text(" (", evaluation.unknown, " of classes that the model does not know)");
  if (evaluation.learned.is_told()) text += "\nnote               " + evaluation.learned.to_text();
  text += "\n\n  code  samples  precision  recall  F-score  class\n";
  char line[128];
  for (const auto& entry : accuracy.classes) {
    std::snprintf(line, sizeof line, "%6d %8lld     %6.3f  %6.3f   %6.3f  ", entry.code, static_cast<long long>(entry.reference),
                  entry.precision, entry.recall, entry.f_score);
    text += join_text(line, name_of(spec, entry.code), "\n");
  }
  return text;
}

Options PredictCommand::declare() {
  Options o;
  o.add("model", &model, "model file").path().required();
  o.add("samples", &samples, "files of samples, .safetensors or .csv").path().required();
  o.add("output", &output, "table to write").path().required();
  o.add("trust_model", &trust_model, "run a model that is a program (TorchScript, .pt), which can do anything that you can");
  tables.declare(o);
  return o;
}

std::int64_t predict_samples(const PredictCommand& command, const Context& context) {
  require_writable(command.output);
  const ModelFile model = ModelFile::read(command.model, command.trust_model ? Trust::programs : Trust::data_only);
  std::string text = "file,sample,label,predicted,confidence";
  for (const int code : model.spec.classes) text += join_text(",p_", code);
  text += "\n";
  std::int64_t written = 0;
  context.progress->start("predict", static_cast<std::int64_t>(command.samples.size()), "files");
  for (const auto& file : command.samples) {
    const std::string name = std::filesystem::path(file).filename().string();
    std::int64_t number = 0;  // of a sample in its file
    for (const Samples& samples : load_parts(file, &model.spec.nomenclature, command.tables.for_reading())) {
      const auto probabilities = predict_probabilities(model, std::vector{select_samples(samples, file, SampleUse::all, 0)}, context);
      for (std::size_t i = 0; i < samples.label.size(); ++i, ++number) {
        const float* p = probabilities.data() + i * model.spec.classes.size();
        const Winner winner = winner_of(p, model.spec.n_classes());
        text += join_text(csv_cell(name), ",", number, ",", samples.label[i], ",",
                          model.spec.classes[static_cast<std::size_t>(winner.index)], ",", fixed(winner.probability, 4));
        for (int k = 0; k < model.spec.n_classes(); ++k) text += join_text(",", fixed(p[k], 4));
        text += "\n";
      }
    }
    written += number;
    context.progress->advance(1);
  }
  write_text(command.output, text);
  context.progress->finish();
  return written;
}

nlohmann::json model_info(const std::string& file) {
  const ModelFile model = ModelFile::read(file, Trust::programs);  // the program is not run here
  nlohmann::json info = model.spec.to_json();
  for (const char* digests : {"known", "known_samples"}) info["provenance"].erase(digests);  // long, and for the program alone
  info["file"] = file;
  info["numbers"] = model.parameters();
  for (const auto& member : model.members) info["members"].push_back(member.spec.to_json());
  return info;
}

namespace {

// The accuracy on held-out polygons; "" if there were none.
std::string held_out_text(const ModelSpec& spec) {
  if (!spec.metrics.contains("held_out")) return "";
  const auto& held = spec.metrics["held_out"];
  const auto value = [&](const char* key) { return held.contains(key) && held[key].is_number() ? fixed(held[key].get<double>(), 4) : "?"; };
  const auto unknown = held.value("unknown_to_model", std::int64_t{0});
  return join_text("held out     accuracy ", value("accuracy"), ", F-score ", value("f_score"), ", calibration error ",
                   value("calibration_error"), " (before scaling ", value("calibration_error_before"), ")",
                   held.value("chose_epoch", spec.metrics.contains("epoch")) ? "; these samples also chose the epoch: optimistic" : "",
                   unknown > 0 ? join_text("; ", unknown, " of them have classes that the model does not know and count as wrong") : "",
                   "\n");
}

std::string held_out_unit(const ModelSpec& spec) {
  const auto side = spec.metrics.find("held_out_blocks_km");
  if (side != spec.metrics.end()) return join_text(" by squares of ", side->get<double>(), " km");
  return "";
}

// The features that a forest divides its samples by, the most important first.
std::string importance_text(const ModelSpec& spec) {
  if (!spec.metrics.contains("importance") || !spec.metrics["importance"].is_object()) return "";
  std::string text;
  for (const char* kind : {"bands", "days", "statics"}) {
    const auto found = spec.metrics["importance"].find(kind);
    if (found == spec.metrics["importance"].end() || !found->is_object() || found->empty()) continue;
    std::vector<std::pair<double, std::string>> shares;
    for (const auto& [name, share] : found->items())
      if (share.is_number()) shares.emplace_back(-share.get<double>(), name);
    std::ranges::sort(shares);
    constexpr std::size_t kShown = 12;
    std::vector<std::string> parts;
    for (const auto& [share, name] : shares)
      if (parts.size() < kShown)
        parts.push_back(join_text(kind == std::string_view("days") ? "day " : "", name, " ", fixed(-100 * share, 1), " %"));
    text += join_text(text.empty() ? "importance   " : "             ", join_list(parts, ", "),
                      shares.size() > kShown ? join_text(", and ", shares.size() - kShown, " more") : "", "\n");
  }
  return text;
}

// Of a model for any day (models/base/season.h).
std::string any_day_text(const ModelSpec& spec) {
  const auto season = spec.metrics.find("season");
  if (season == spec.metrics.end() || !season->contains("parts")) return "";
  const nlohmann::json& parts = season->at("parts");
  const bool alone = !parts.empty() && parts.front().contains("until");  // of an earlier version
  std::vector<std::string> days;
  for (const auto& part : parts) days.push_back(std::to_string(part.at(alone ? "until" : "middle").get<int>()));
  if (days.size() > 4) days = {days[0], days[1], "...", days.back()};  // in equal steps
  return join_text("any day      weights of the whole season, and others for maps ", alone ? "until day " : "around day ",
                   join_list(days, ", "), " of the year", alone ? "" : ": the mean of those near", "\n");
}

// The models that fine-tuning began from, the last first.
std::string base_text(const nlohmann::json& provenance) {
  if (!provenance.contains("base")) return "";
  const auto& base = provenance.at("base");
  const auto& before = base.at("provenance");
  const std::string split = before.value("split", "");
  return join_text("started from ", base.at("path").get<std::string>(), "  ", base.at("xxh3").get<std::string>(), ", trained on ",
                   before.value("n_samples", std::int64_t{0}), " samples", split.empty() ? "" : ": " + split,
                   base.value("knows_samples", false) ? "; it knows polygons of these samples: the held-out accuracy is optimistic" : "",
                   "\n", base_text(before));
}

std::string years_text(const Provenance& provenance) {
  std::vector<std::string> years;
  for (const int year : provenance.years) years.push_back(std::to_string(year));
  return years.empty() ? std::to_string(provenance.year) : join_list(years, " and ");
}

}  // namespace

std::string model_info_text(const std::string& file) {
  const ModelFile model = ModelFile::read(file, Trust::programs);  // the program is not run here
  const ModelSpec& spec = model.spec;
  std::string text = join_text("model        ", spec.architecture, ", ", model.parameters(), " numbers\n");
  double weights = 0;
  for (const auto& member : model.members) weights += member.spec.weight;
  for (const auto& member : model.members) {
    text += join_text("member       ", member.spec.architecture, ", weight ", fixed(member.spec.weight / weights, 3), ", ",
                      to_text(member.spec.input), " input, ", member.parameters(), " numbers, seed ", member.spec.provenance.seed,
                      ", temperature ", fixed(member.spec.temperature, 4), ", sharpening ", fixed(member.spec.sharpening, 4), "\n");
    text += held_out_text(member.spec) + importance_text(member.spec) + any_day_text(member.spec);
  }
  if (const auto tried = spec.metrics.find("tried"); tried != spec.metrics.end())
    for (const auto& [name, accuracy] : tried->items()) {
      const auto member = std::ranges::find(model.members, name, [](const ModelFile& m) { return m.spec.architecture; });
      const bool is_kept = member != model.members.end() || spec.architecture == name;
      text += join_text("tried        ", name, ": accuracy ", fixed(accuracy.get<double>(), 3), " on held-out samples",
                        is_kept ? "" : "; left out", "\n");
    }
  for (const auto& paper : spec.papers) text += join_text("paper        ", paper, "\n");
  text += join_text("input        ", model.members.empty() ? to_text(spec.input) : "that of each member");
  if (model.members.empty() && spec.input == InputKind::regular)
    text +=
        join_text(", ", counted(spec.days.size(), "date"), " from day ", spec.days.front(), " to ", spec.days.back(), " after 1 January");
  if (spec.thermal) text += join_text(", placed by thermal time above ", spec.thermal->base_degrees, " deg C, of ", spec.thermal->source);
  text += "\n";
  for (const auto& source : spec.sources) {
    text += join_text("source       ", source.name, ": ", join_list(source.bands, ", "));
    if (!source.indices.empty()) text += join_text("; indices ", join_list(source.indices, ", "));
    text += "\n";
  }
  if (!spec.statics.empty()) {
    std::vector<std::string> names;
    for (const auto& s : spec.statics) names.push_back(s.name);
    text += join_text("statics      ", list_of_statics(names), "\n");
  }
  text +=
      join_text("trained on   ", counted(spec.provenance.n_samples, "sample"), " of ", years_text(spec.provenance), ", ",
                spec.provenance.n_held_out, " held out", held_out_unit(spec), ", seed ", spec.provenance.seed,
                spec.provenance.region.empty() ? "" : ", region ", spec.provenance.region,
                spec.provenance.split.empty() ? "" : ", of the files ", spec.provenance.split, ", version ", spec.provenance.code, "\n");
  for (const auto& sample : spec.provenance.samples) text += join_text("             ", sample.path, "  ", sample.xxh3, "\n");
  text += base_text(spec.provenance.to_json());
  if (const auto left_out = spec.metrics.find("doubtful"); left_out != spec.metrics.end() && left_out->at("polygons") > 0)
    text += join_text("left out     ", counted(left_out->at("polygons").get<std::size_t>(), "polygon"), " of ",
                      counted(left_out->at("samples").get<std::size_t>(), "sample"),
                      " with doubtful labels (train.doubtful); they judge where they are held out\n");
  text += held_out_text(spec) + importance_text(spec) + any_day_text(spec);
  if (!spec.provenance.classes.empty()) text += counts_text(spec) + "\n";
  if (spec.metrics.contains("power") && spec.metrics["power"].is_number())
    text += join_text("power        ", fixed(spec.metrics["power"].get<double>(), 4), ", a part of the members' temperatures\n");
  if (model.members.empty())
    text += join_text("temperature  ", fixed(spec.temperature, 4), "\nsharpening   ", fixed(spec.sharpening, 4), "\n");
  text += join_text("classes      ", spec.n_classes(), " of nomenclature ", spec.nomenclature.name, "\n");
  for (const int code : spec.classes) text += join_text("  ", code, "  ", name_of(spec, code), "\n");
  return text;
}

}  // namespace millesime
