#pragma once
// Accuracy against the day of the year: how good a model is when the season is known up to a day alone, on samples that it did not learn
// from; and when a class is known.

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/base/model_file.h"
#include "pipeline/core/accuracy.h"
#include "pipeline/core/context.h"
#include "pipeline/core/options.h"
#include "pipeline/core/samples.h"
#include "pipeline/learning/learned_samples.h"

namespace millesime {

struct SeasonCommand {
  std::string model;
  std::vector<std::string> samples;
  std::string output;  // .html; beside it the numbers, .json
  int from = 0;        // first day; 0: that of the first acquisition
  int step_days = 10;
  double known = 0.8;  // F-score from which a class counts as known
  int seed = 0;
  bool all_samples = false;
  TableRules tables;

  Options declare();
};

struct SeasonDay {
  int day = 0;               // of the year: what is later is hidden
  std::int64_t samples = 0;  // that have a valid date by then
  double accuracy = 0;       // of these
  double confidence = 0;     // mean
  double calibration = 0;    // expected calibration error
  std::vector<double> f;     // F-score of each class of the model, NaN where it has none
};

struct SeasonAccuracy {
  ModelSpec spec;
  bool early = false;  // the model learned with cuts
  std::vector<SeasonDay> days;
  std::vector<std::int64_t> samples;         // of each class, on the last day
  std::vector<std::optional<int>> known_on;  // of each class: the first day from which its F-score stays at or above `known`
  double known = 0;
  LearnedShare learned;  // of the samples that judge
};

// UserError where the first day lies before the first acquisition, or no sample judges.
SeasonAccuracy season_accuracy(const SeasonCommand& command, const Context& context);
nlohmann::ordered_json to_json(const SeasonAccuracy& season);
std::string to_text(const SeasonAccuracy& season);  // for a terminal

}  // namespace millesime
