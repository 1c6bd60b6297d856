#pragma once
// tune: searches the options of a training by successive halving (Jamieson & Talwalkar 2016, AISTATS). Random candidates of the space are
// cross-validated with a ninth of the epochs (of a forest: trees), the best third of them with a third, the best third of those with all.
// The first candidate is the defaults: it takes part in every round, so the table says what the search has gained.
//
// Files of the output folder: trials.json (every result so far: a search that was stopped goes on), table.md, and best.toml, sections
// [model] and [train] of a configuration.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/core/options.h"
#include "pipeline/core/table_rules.h"
#include "pipeline/learning/benchmark.h"

namespace millesime {

struct TuneCommand {
  std::vector<std::string> samples;
  std::string space;           // a SearchSpace
  std::string model = "ltae";  // the architecture, unless the space has model.name
  int trials = 27;             // candidates, the defaults among them
  int folds = 3;
  std::string group = "group";  // unit that is never split, as of BenchmarkCommand
  std::string measure = "macro_f_score";
  std::int64_t search_seed = 1;  // of the candidates and the folds
  int seed = 0;                  // of files with a split, its learning samples alone take part
  bool all_samples = false;
  std::string nomenclature;              // "": the classes are the labels that occur
  std::string output;                    // a folder
  std::vector<std::string> assignments;  // of training, for every candidate
  TableRules tables;

  Options declare();
};

struct Trial {
  std::vector<std::string> values;  // what differs from the defaults, "train.learning_rate=0.004"
  std::vector<Spread> scores;       // of the rounds that it took part in
  double seconds = 0;               // of training
};

struct Tuning {
  std::vector<Trial> trials;       // the first: the defaults
  std::vector<std::size_t> order;  // the best first: more rounds, then the better score of the last one
  int trained = 0;                 // trials x rounds that this call has trained; the others were in trials.json
};

// Writes the files of command.output. UserError if the folder holds another search.
Tuning tune(const TuneCommand& command, const Context& context);
std::string to_markdown(const Tuning& tuning, const TuneCommand& command);

}  // namespace millesime
