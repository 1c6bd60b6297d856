#pragma once
// benchmark: compares models on the same samples, by cross-validation or on a separate test set.

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/accuracy.h"
#include "pipeline/core/context.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/options.h"
#include "pipeline/core/table_rules.h"
#include "pipeline/learning/request.h"

namespace millesime {

struct BenchmarkCommand {
  std::vector<std::string> samples;  // .safetensors or .csv
  // Architectures, each with its own parameters or training options after colons ("ltae:norm=group:train.epochs=30"); several
  // joined by "+" are an ensemble, the mean of their probabilities.
  std::vector<std::string> models{"random_forest", "temporal_cnn", "ltae"};
  std::string test;            // samples to test on instead of cross-validation; those of polygons that learn are left out
  bool only_learning = false;  // of files with a split, the learning samples of `seed` alone
  int seed = 0;
  int folds = 5;
  std::string group = "group";  // unit that is never split: group (polygon), region or file
  int seeds = 1;                // of weights and batches; the folds stay the same
  std::int64_t fold_seed = 1;
  std::string nomenclature;              // "": the classes are the labels that occur
  std::string output;                    // report.html, table.md or numbers.json, or a folder for all three; "" for none
  std::vector<std::string> assignments;  // of training, for every model: "train.epochs=30"
  TableRules tables;                     // of samples that are tables

  Options declare();
};

// One training and its results for the samples that it did not learn from.
struct BenchmarkRun {
  int fold = 0, seed = 0;
  ConfusionMatrix confusion;
  Calibration calibration, uncalibrated;  // with the model's temperature, and without
  double train_seconds = 0;
  std::int64_t parameters = 0;
  double pixels_per_second = 0;
};

struct BenchmarkResult {
  std::string model;
  std::vector<BenchmarkRun> runs;  // [seed][fold]
};

// A measure of a model, and its variation.
struct Spread {
  double pooled = 0;                      // over the samples of all folds together, mean over the seeds
  double mean = 0;                        // of the folds
  double over_folds = 0, over_seeds = 0;  // standard deviations; NaN for a single one
};
Spread spread_of(const BenchmarkResult& result, double (*measure_of)(const ConfusionMatrix&, const Calibration&));

// What a member's text says: "ltae:norm=group:train.epochs=30".
struct MemberText {
  std::string architecture;
  std::vector<std::string> parameters, assignments;  // "norm=group"; "train.epochs=30"
};
MemberText read_member(const std::string& member);

// The training that a member's text means ("ltae:norm=group:train.epochs=30"): the options of `millesime train` with the assignments, then
// with its own. UserError for an unknown name or option.
LearningRequest training_of(const std::string& member, const std::vector<std::string>& assignments, const std::string& nomenclature);

// Trains and tests the models; command.output is for pipeline/reports/benchmark_report.h.
std::vector<BenchmarkResult> benchmark(const BenchmarkCommand& command, const Context& context);
std::string to_markdown(const std::vector<BenchmarkResult>& results);
nlohmann::json to_json(const std::vector<BenchmarkResult>& results);

}  // namespace millesime
