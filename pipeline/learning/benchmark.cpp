#include "pipeline/learning/benchmark.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "models/registry.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/results.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/cross_validation.h"
#include "pipeline/learning/learn_model.h"
#include "pipeline/learning/learned_samples.h"
#include "pipeline/learning/prediction.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A trained member of a model.
struct Trained {
  LearnedModel learned;
  double seconds = 0;
};

Trained train_member(LearningRequest training, int seed, const std::vector<NamedSamples>& all, const FoldSelections& fold,
                     const Context& context) {
  training.recipe.random_seed += seed;
  const auto start = std::chrono::steady_clock::now();
  LearnedModel learned = learn_model(training, all, fold.learn, context);
  return {std::move(learned), seconds_since(start)};
}

// Its probabilities without any calibration.
ModelFile uncalibrated(ModelFile model) {
  model.spec.temperature = 1, model.spec.sharpening = 0;
  for (ModelFile& member : model.members) member = uncalibrated(member);
  return model;
}

std::vector<std::int32_t> labels_of(const std::vector<SampleSelection>& selections) {
  std::vector<std::int32_t> labels;
  for (const auto& selection : selections)
    for (const auto row : selection.rows) labels.push_back(selection.samples->label[static_cast<std::size_t>(row)]);
  return labels;
}

// The results of the model for the test samples.
BenchmarkRun judge(const ModelFile& model, const std::vector<SampleSelection>& test, const Context& context) {
  const auto& classes = model.spec.classes;
  const auto labels = labels_of(test);
  BenchmarkRun run;
  run.confusion = ConfusionMatrix(classes);
  run.parameters = model.parameters();
  const auto judge_by = [&](const ModelFile& judged, const auto& each) {
    const auto probabilities = predict_probabilities(judged, test, context);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto first = probabilities.begin() + static_cast<std::ptrdiff_t>(i * classes.size());
      const auto winner = std::max_element(first, first + static_cast<std::ptrdiff_t>(classes.size()));  // the first of equals
      each(labels[i], classes[static_cast<std::size_t>(winner - first)], std::clamp(static_cast<double>(*winner), 0.0, 1.0));
    }
  };
  judge_by(model, [&](int label, int code, double confidence) {
    run.confusion.add(label, code);
    run.calibration.add(confidence, label == code);
  });
  judge_by(uncalibrated(model), [&](int label, int code, double confidence) { run.uncalibrated.add(confidence, label == code); });
  double seconds = 0;
  for (const ModelFile& part : model.members.empty() ? std::vector{model} : model.members)
    seconds += seconds_per_pixel(part, make_input(part.spec, test), context);
  run.pixels_per_second = 1 / seconds;
  return run;
}

// Labels of samples that are not for learning are taken away.
void forget_others(std::vector<NamedSamples>& all, int seed) {
  for (auto& [file, samples] : all) {
    std::vector<std::int32_t> label(samples.label.size(), 0);
    for (const std::int64_t row : select_samples(samples, file, SampleUse::learn, seed).rows)
      label[static_cast<std::size_t>(row)] = samples.label[static_cast<std::size_t>(row)];
    samples.label = std::move(label);
  }
}

double deviation(const std::vector<double>& values) {
  const auto interval = mean_interval(values);
  return interval.standard_error * std::sqrt(interval.n);
}

double overall(const ConfusionMatrix& confusion, const Calibration&) { return measure(confusion).overall; }
double kappa(const ConfusionMatrix& confusion, const Calibration&) { return measure(confusion).kappa; }
double macro_f(const ConfusionMatrix& confusion, const Calibration&) { return measure(confusion).macro_f; }
double calibration_error(const ConfusionMatrix&, const Calibration& calibration) { return calibration.expected_error(); }

double mean_over_runs(const BenchmarkResult& result, double (*value)(const BenchmarkRun&)) {
  double sum = 0;
  for (const auto& run : result.runs) sum += value(run);
  return sum / static_cast<double>(result.runs.size());
}
double train_seconds(const BenchmarkResult& result) {
  return mean_over_runs(result, [](const BenchmarkRun& run) { return run.train_seconds; });
}
double kilopixels_per_second(const BenchmarkResult& result) {
  return mean_over_runs(result, [](const BenchmarkRun& run) { return run.pixels_per_second; }) / 1000;
}

// The calibration error of the same runs before calibration, over all folds of a seed together, mean over the seeds.
double uncalibrated_error(const BenchmarkResult& result) {
  std::map<int, Calibration> of_seed;
  for (const auto& run : result.runs) of_seed[run.seed].merge(run.uncalibrated);
  double sum = 0;
  for (const auto& [seed, calibration] : of_seed) sum += calibration.expected_error();
  return sum / static_cast<double>(of_seed.size());
}

std::string cell(const Spread& spread) {
  std::string text = fixed(spread.mean, 3);
  if (!std::isnan(spread.over_folds)) text += " ± " + fixed(spread.over_folds, 3);
  if (!std::isnan(spread.over_seeds)) text += " (seeds ± " + fixed(spread.over_seeds, 3) + ")";
  return text;
}

}  // namespace

MemberText read_member(const std::string& member) {
  const auto parts = split_text(member, ':');
  MemberText text{std::string(trim(parts.front())), {}, {}};
  for (const auto& part : std::vector(parts.begin() + 1, parts.end())) {
    const bool option = part.substr(0, part.find('=')).find('.') != std::string::npos;
    (option ? text.assignments : text.parameters).emplace_back(part);
  }
  return text;
}

LearningRequest training_of(const std::string& member, const std::vector<std::string>& assignments, const std::string& nomenclature) {
  LearningRequest training;
  Options options = training.declare();
  for (const auto& assignment : assignments) options.set(assignment);
  const MemberText text = read_member(member);
  training.model.name = text.architecture;
  for (const auto& parameter : text.parameters) training.model.parameters.push_back(parameter);
  for (const auto& assignment : text.assignments) options.set(assignment);
  check_model(training.model);  // an unknown name is an error before anything is trained
  apply_recipe(options, training.model.name);
  training.nomenclature = nomenclature;
  return training;
}

Options BenchmarkCommand::declare() {
  Options o;
  o.add("samples", &samples, "files of samples, .safetensors or .csv").path().required();
  o.add("models", &models,
        "architectures to compare, each with options after colons (ltae:norm=group:train.epochs=30); names joined by + are an ensemble");
  o.add("folds", &folds, "number of parts of the samples (folds), each tested by models that learned from the others").range(2, 100);
  o.add("group", &group, "unit that is never split between parts").choices({"group", "region", "file"});
  o.add("seeds", &seeds, "number of trainings of each model on each part, with different weights and batches").range(1, 100);
  o.add("test", &test, "samples to test on, instead of cross-validation; those of polygons that learn are left out").path();
  o.add("only_learning", &only_learning,
        "of files with a split, take the learning samples alone: to choose a model that the test samples judge afterwards");
  o.add("seed", &seed, "seed whose split defines the learning samples, with --only-learning").range(0, 1000);
  o.add("fold_seed", &fold_seed, "seed of the parts").range(0, 1e15);
  o.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file; default: the labels that occur")
      .names("nomenclature");
  o.add("output", &output, "report to write: .html, .md or .json; or a folder for all three").path();
  tables.declare(o);
  return o;
}

Spread spread_of(const BenchmarkResult& result, double (*measure_of)(const ConfusionMatrix&, const Calibration&)) {
  struct Pooled {
    ConfusionMatrix confusion;
    Calibration calibration;
  };
  std::map<int, Pooled> by_seed;
  std::map<int, std::vector<double>> by_fold;
  for (const auto& run : result.runs) {
    by_seed[run.seed].confusion.merge(run.confusion);
    by_seed[run.seed].calibration.merge(run.calibration);
    by_fold[run.fold].push_back(measure_of(run.confusion, run.calibration));
  }
  std::vector<double> seeds, folds;
  for (const auto& [seed, pooled] : by_seed) seeds.push_back(measure_of(pooled.confusion, pooled.calibration));
  for (const auto& [fold, values] : by_fold) folds.push_back(mean_interval(values).mean);
  return {mean_interval(seeds).mean, mean_interval(folds).mean, deviation(folds), deviation(seeds)};
}

std::vector<BenchmarkResult> benchmark(const BenchmarkCommand& command, const Context& context) {
  const std::filesystem::path out(command.output);
  if (const std::string extension = out.extension().string();
      !extension.empty() && extension != ".html" && extension != ".md" && extension != ".json" && !std::filesystem::is_directory(out))
    throw UserError(join_text("benchmark --output ", command.output, ": cannot be written as \"", extension,
                              "\"; expected a name that ends in .html, .md or .json, or a folder (", command.output, "/)"));
  std::vector<BenchmarkResult> results;
  std::map<std::string, LearningRequest> training;  // of each member of any model
  for (const auto& model : command.models) {
    results.push_back({model, {}});
    for (const auto& member : members_of(model)) training.emplace(member, training_of(member, command.assignments, command.nomenclature));
  }
  if (results.empty()) throw UserError("benchmark: no models given; `millesime model list` shows them");
  auto all = load_named(command.samples, command.nomenclature, command.tables, context.progress);
  if (command.only_learning) forget_others(all, command.seed);
  const auto tests =
      command.test.empty() ? std::vector<NamedSamples>{} : load_named({command.test}, command.nomenclature, command.tables.for_reading());

  const GroupBy by = command.group == "region" ? GroupBy::region : command.group == "file" ? GroupBy::file : GroupBy::polygon;
  std::vector<FoldSelections> folds;
  if (tests.empty()) {
    const Folds made = make_folds(all, command.folds, by, command.fold_seed);
    for (int fold = 0; fold < made.n; ++fold) folds.push_back(select_fold(all, made, fold));
  } else {
    const auto learning = select_labelled(all, SampleUse::all, 0, std::nullopt);
    folds.push_back(
        {learning, fair_samples("--test " + command.test, "test", " for cross-validation",
                                select_labelled(tests, SampleUse::all, 0, std::nullopt), digests_of_polygons(all, learning), context)});
  }
  for (const auto& fold : folds)
    if (fold.learn.empty() || fold.test.empty()) throw UserError(join_text(command.samples.front(), ": a part without labelled samples"));

  for (int seed = 0; seed < command.seeds; ++seed)
    for (std::size_t fold = 0; fold < folds.size(); ++fold) {
      std::map<std::string, Trained> trained;
      for (const auto& [member, options] : training) {
        context.progress->note(join_text("seed ", seed, ", part ", fold, ": ", member));
        trained.emplace(member, train_member(options, seed, all, folds[fold], context));
      }
      for (auto& result : results) {
        std::vector<LearnedModel> members;
        double seconds = 0;
        for (const auto& member : members_of(result.model)) {
          members.push_back(trained.at(member).learned);
          seconds += trained.at(member).seconds;
        }
        const LearnedModel model = members.size() == 1 ? members.front() : join_models(members);
        auto& run = result.runs.emplace_back(judge(model.model, folds[fold].test, context));
        run.train_seconds = seconds;
        run.fold = static_cast<int>(fold);
        run.seed = seed;
      }
    }
  return results;
}

std::string to_markdown(const std::vector<BenchmarkResult>& results) {
  std::string text =
      "| model | overall accuracy | kappa | macro F-score | calibration error | training (s) | parameters | kpx/s |\n"
      "|---|---|---|---|---|---|---|---|\n";
  std::set<int> folds, seeds;
  for (const auto& result : results) {
    text += join_text("| ", result.model, " | ", cell(spread_of(result, overall)), " | ", cell(spread_of(result, kappa)), " | ",
                      cell(spread_of(result, macro_f)), " | ", fixed(spread_of(result, calibration_error).pooled, 3), " | ",
                      fixed(train_seconds(result), 1), " | ", result.runs.front().parameters, " | ",
                      fixed(kilopixels_per_second(result), 1), " |\n");
    for (const auto& run : result.runs) folds.insert(run.fold), seeds.insert(run.seed);
  }
  text += join_text(
      "\n", folds.size() > 1 ? join_text(folds.size(), " parts") : "A test set", ", ", counted(seeds.size(), "seed"),
      ". Mean ± standard deviation over the parts; the calibration error is that of all parts together; training and speed are means.\n");
  return text;
}

nlohmann::json to_json(const std::vector<BenchmarkResult>& results) {
  const auto number = [](double value) { return std::isnan(value) ? nlohmann::json() : nlohmann::json(value); };
  auto out = nlohmann::json::array();
  for (const auto& result : results) {
    nlohmann::json entry{{"model", result.model},
                         {"parameters", result.runs.front().parameters},
                         {"train_seconds", train_seconds(result)},
                         {"kilopixels_per_second", kilopixels_per_second(result)},
                         {"calibration_error_before_scaling", number(uncalibrated_error(result))},
                         {"runs", nlohmann::json::array()}};
    const auto add = [&](const char* name, double (*measure_of)(const ConfusionMatrix&, const Calibration&)) {
      const Spread spread = spread_of(result, measure_of);
      entry[name] = {{"pooled", number(spread.pooled)},
                     {"mean", number(spread.mean)},
                     {"over_folds", number(spread.over_folds)},
                     {"over_seeds", number(spread.over_seeds)}};
    };
    add("overall_accuracy", overall);
    add("kappa", kappa);
    add("macro_f_score", macro_f);
    add("calibration_error", calibration_error);
    for (const auto& run : result.runs) {
      const Accuracy accuracy = measure(run.confusion);
      entry["runs"].push_back({{"fold", run.fold},
                               {"seed", run.seed},
                               {"samples", accuracy.total},
                               {"overall_accuracy", number(accuracy.overall)},
                               {"kappa", number(accuracy.kappa)},
                               {"macro_f_score", number(accuracy.macro_f)},
                               {"calibration_error", number(run.calibration.expected_error())},
                               {"train_seconds", run.train_seconds}});
    }
    out.push_back(entry);
  }
  return out;
}

}  // namespace millesime
