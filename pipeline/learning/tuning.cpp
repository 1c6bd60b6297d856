#include "pipeline/learning/tuning.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <random>
#include <set>

#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/silent_progress.h"
#include "pipeline/core/special_file.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/sample_input.h"
#include "pipeline/learning/search_space.h"
#include "pipeline/learning/unread_options.h"

namespace millesime {
namespace {

constexpr std::array kShares = {1.0 / 9, 1.0 / 3, 1.0};  // of the epochs or trees, in the rounds
constexpr std::size_t kKept = 3;                         // one of so many goes on to the next round

using Measure = double (*)(const ConfusionMatrix&, const Calibration&);

const std::map<std::string, Measure>& measures() {
  static const std::map<std::string, Measure> all{
      {"macro_f_score", [](const ConfusionMatrix& confusion, const Calibration&) { return measure(confusion).macro_f; }},
      {"overall_accuracy", [](const ConfusionMatrix& confusion, const Calibration&) { return measure(confusion).overall; }},
      {"kappa", [](const ConfusionMatrix& confusion, const Calibration&) { return measure(confusion).kappa; }},
  };
  return all;
}

constexpr std::string_view kModelName = "model.name";  // the architecture, as a configuration calls it

std::string key_of(const std::string& assignment) { return assignment.substr(0, assignment.find('=')); }

// A candidate as BenchmarkCommand::models has it: "ltae:train.learning_rate=0.004:d_model=64".
std::string member_of(const std::vector<std::string>& values, const TuneCommand& command) {
  std::string name = command.model, rest;
  for (const std::string& value : values)
    if (key_of(value) == kModelName)
      name = value.substr(kModelName.size() + 1);
    else
      rest += ":" + value;
  return name + rest;
}

LearningRequest training_of_candidate(const std::vector<std::string>& values, const TuneCommand& command) {
  return training_of(member_of(values, command), command.assignments, command.nomenclature);
}

// The same with a share of its epochs and trees.
std::string with_share(const std::vector<std::string>& values, const TuneCommand& command, double share, std::int64_t samples) {
  const std::string member = member_of(values, command);
  if (share >= 1) return member;
  const Recipe recipe = training_of_candidate(values, command).recipe;
  const auto part = [&](int whole) { return std::max<std::int64_t>(1, std::llround(share * whole)); };
  return join_text(member, ":train.epochs=", part(recipe.epochs_for(samples)), ":train.trees=", part(recipe.trees));
}

// UserError with the line of the space that names an option or a value that training does not have.
void check_values(const SearchSpace& space, const TuneCommand& command) {
  for (const SearchDimension& dimension : space.dimensions)
    for (const std::string& value : dimension.extremes()) {
      try {
        training_of_candidate({dimension.key + "=" + value}, command);
      } catch (const UserError& error) {
        throw with_context(dimension.place, error);
      }
    }
}

// Options, of the command and of the space, that no candidate reads.
std::string unread_in(const SearchSpace& space, const TuneCommand& command) {
  std::vector<std::string> models{command.model}, assignments = command.assignments;
  for (const SearchDimension& dimension : space.dimensions)
    if (dimension.key == kModelName)
      models = dimension.extremes();
    else if (dimension.key.find('.') != std::string::npos)
      assignments.push_back(dimension.key + "=" + dimension.extremes().front());
  return unread_assignments(assignments, models);
}

std::vector<Trial> draw_trials(const SearchSpace& space, const TuneCommand& command) {
  std::mt19937_64 generator(static_cast<std::uint64_t>(command.search_seed));
  std::vector<Trial> trials(static_cast<std::size_t>(command.trials));
  constexpr int kDraws = 1000;  // in a row that were drawn before: a small space has no other candidate
  std::set<std::vector<std::string>> drawn;
  for (std::size_t i = 1; i < trials.size(); ++i) {
    int draws = 0;
    do trials[i].values = space.draw(generator);
    while (!drawn.insert(trials[i].values).second && ++draws < kDraws);
    if (draws == kDraws) trials.resize(i);
  }
  return trials;
}

// What makes another search of it.
nlohmann::json identity_of(const TuneCommand& command, const std::vector<Trial>& trials) {
  nlohmann::json search{{"model", command.model},
                        {"folds", command.folds},
                        {"group", command.group},
                        {"measure", command.measure},
                        {"seed", command.search_seed},
                        {"nomenclature", command.nomenclature},
                        {"split_seed", command.all_samples ? -1 : command.seed},
                        {"set", command.assignments},
                        {"static", command.tables.statics},
                        {"ignore", command.tables.ignored},
                        {"missing", command.tables.missing}};
  for (const std::string& file : command.samples) search["samples"].push_back(xxh3_of_file(file));
  for (const Trial& trial : trials) search["candidates"].push_back(trial.values);
  return search;
}

// The results so far.
class TrialFile {
 public:
  TrialFile(const std::string& path, nlohmann::json search, std::vector<Trial>& trials) : path_(path), search_(std::move(search)) {
    if (!std::filesystem::exists(path_)) return;
    try {
      const auto document = nlohmann::json::parse(read_text(path_));
      if (document.at("search") != search_)
        throw UserError(path_ + ": holds a search with other samples, options or space; choose another folder, or remove it");
      const auto& known = document.at("trials");
      for (std::size_t i = 0; i < trials.size() && i < known.size(); ++i) {
        trials[i].seconds = known[i].at("seconds").get<double>();
        for (const auto& score : known[i].at("scores"))
          trials[i].scores.push_back(
              {NAN, score.at("mean").get<double>(), score.at("over_folds").get<double>(), std::numeric_limits<double>::quiet_NaN()});
      }
    } catch (const nlohmann::json::exception& error) {
      throw UserError(join_text(path_, ": expected the results of a search: ", error.what(), "; remove it to begin again"));
    }
  }

  void write(const std::vector<Trial>& trials) const {
    nlohmann::json document{{"search", search_}, {"trials", nlohmann::json::array()}};
    for (const Trial& trial : trials) {
      nlohmann::json entry{{"values", trial.values}, {"seconds", trial.seconds}, {"scores", nlohmann::json::array()}};
      for (const Spread& score : trial.scores) entry["scores"].push_back({{"mean", score.mean}, {"over_folds", score.over_folds}});
      document["trials"].push_back(entry);
    }
    write_text(path_, json_text(document, 1) + "\n");
  }

 private:
  std::string path_;
  nlohmann::json search_;
};

std::vector<std::size_t> by_score(std::vector<std::size_t> trials, const std::vector<Trial>& all) {
  std::ranges::stable_sort(trials, [&](std::size_t a, std::size_t b) {
    const auto& left = all[a].scores;
    const auto& right = all[b].scores;
    if (left.size() != right.size()) return left.size() > right.size();
    return !left.empty() && left.back().mean > right.back().mean;
  });
  return trials;
}

// The best third, and the defaults.
std::vector<std::size_t> survivors(const std::vector<std::size_t>& took_part, const std::vector<Trial>& trials) {
  std::vector<std::size_t> best = by_score(took_part, trials);
  best.resize((best.size() + kKept - 1) / kKept);
  if (std::ranges::find(best, std::size_t{0}) == best.end()) best.push_back(0);
  return best;
}

// Sections [model] and [train] with what the trial sets.
std::string recipe_text(const Trial& trial, const TuneCommand& command) {
  LearningRequest told;
  Options options = told.declare();
  for (const std::string& assignment : command.assignments) options.set(assignment);
  const LearningRequest trained = training_of_candidate(trial.values, command);
  for (const std::string& value : trial.values)
    if (key_of(value) != kModelName && key_of(value).find('.') != std::string::npos) options.set(value);
  if (!trained.model.parameters.empty()) options.set("model.parameters=" + join_list(trained.model.parameters, ","));
  std::map<std::string, std::string> sections{{"model", "name = \"" + trained.model.name + "\"\n"}};
  for (const Option& option : options.all()) {
    const auto dot = option.key().find('.');
    if (option.origin() == "default" || dot == std::string::npos) continue;
    sections[option.key().substr(0, dot)] += option.key().substr(dot + 1) + " = " + option.value_text() + "\n";
  }
  std::string text;
  for (const auto& [section, lines] : sections) text += (text.empty() ? "[" : "\n[") + section + "]\n" + lines;
  return text;
}

}  // namespace

Options TuneCommand::declare() {
  Options o;
  o.add("samples", &samples, "files of samples, .safetensors or .csv").path().required();
  o.add("space", &space, "TOML file with the options to search and their values: a list, or {from = 0.001, to = 0.02, scale = \"log\"}")
      .path()
      .required();
  o.add("model", &model, "architecture, unless the space has model.name").names("architecture");
  o.add("trials", &trials, "number of candidates; the first is the defaults").range(2, 10000);
  o.add("folds", &folds, "number of parts of the samples (folds), each tested by models that learned from the others").range(2, 100);
  o.add("group", &group, "unit that is never split between parts").choices({"group", "region", "file"});
  std::vector<std::string> names;
  for (const auto& [name, value] : measures()) names.push_back(name);
  o.add("measure", &measure, "what the best candidate has most of").choices(names);
  o.add("search_seed", &search_seed, "seed of the candidates and the parts").range(0, 1e15);
  o.add("seed", &seed, "seed whose split defines the samples that take part: those for learning").range(0, 1000);
  o.add("all_samples", &all_samples, "all samples take part, also those of the test split, which then judge no model fairly");
  o.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file; default: the labels that occur")
      .names("nomenclature");
  o.add("output", &output, "folder of trials.json, table.md and best.toml; a search that was stopped goes on there").path().required();
  tables.declare(o);
  return o;
}

Tuning tune(const TuneCommand& command, const Context& context) {
  for (const char* name : {"/trials.json", "/table.md", "/best.toml"}) require_writable(command.output + name);
  Tuning tuning;
  const SearchSpace space = read_search_space(command.space);
  check_values(space, command);
  if (const std::string unread = unread_in(space, command); !unread.empty()) context.progress->note("tune: " + unread);
  tuning.trials = draw_trials(space, command);
  for (const Trial& trial : tuning.trials) training_of_candidate(trial.values, command);  // all are checked before anything is trained
  if (std::ssize(tuning.trials) < command.trials)
    context.progress->note(join_text("tune: ", command.space, " has ", tuning.trials.size() - 1, " candidates; with the defaults ",
                                     tuning.trials.size(), " are tried, not ", command.trials));
  const TrialFile file(command.output + "/trials.json", identity_of(command, tuning.trials), tuning.trials);

  std::int64_t samples = 0;
  for (const NamedSamples& named : load_named(command.samples, command.nomenclature, command.tables))
    samples += command.all_samples ? named.samples.size()
                                   : std::ssize(select_samples(named.samples, named.file, SampleUse::learn, command.seed).rows);
  samples -= samples / command.folds;  // what a model learns from
  BenchmarkCommand cross_validation;
  cross_validation.samples = command.samples;
  cross_validation.folds = command.folds;
  cross_validation.group = command.group;
  cross_validation.fold_seed = command.search_seed;
  cross_validation.only_learning = !command.all_samples;
  cross_validation.seed = command.seed;
  cross_validation.nomenclature = command.nomenclature;
  cross_validation.assignments = command.assignments;
  cross_validation.tables = command.tables;

  SilentProgress unheard;  // the progress of a search counts its candidates, not what each of them trains
  Context of_candidate = context;
  of_candidate.progress = &unheard;
  std::vector<std::size_t> round;
  for (std::size_t i = 0; i < tuning.trials.size(); ++i) round.push_back(i);
  context.progress->start("tune", 0, "candidates");
  for (std::size_t r = 0; r < kShares.size(); ++r) {
    context.progress->extend(std::ssize(round));
    for (std::size_t k = 0; k < round.size(); ++k, context.progress->advance(1)) {
      Trial& trial = tuning.trials[round[k]];
      if (trial.scores.size() > r) continue;
      cross_validation.models = {with_share(trial.values, command, kShares[r], samples)};
      const BenchmarkResult result = benchmark(cross_validation, of_candidate).front();
      trial.scores.push_back(spread_of(result, measures().at(command.measure)));
      for (const BenchmarkRun& run : result.runs) trial.seconds += run.train_seconds;
      ++tuning.trained;
      context.progress->note(join_text("round ", r + 1, " of ", kShares.size(), ", ",
                                       trial.values.empty() ? "the defaults" : join_list(trial.values, ", "), ": ", command.measure, " ",
                                       fixed(trial.scores.back().mean, 3)));
      file.write(tuning.trials);
    }
    round = survivors(round, tuning.trials);
  }
  context.progress->finish();

  std::vector<std::size_t> everyone(tuning.trials.size());
  for (std::size_t i = 0; i < everyone.size(); ++i) everyone[i] = i;
  tuning.order = by_score(everyone, tuning.trials);
  const Trial& best = tuning.trials[tuning.order.front()];
  write_text(command.output + "/table.md", to_markdown(tuning, command));
  write_text(command.output + "/best.toml", recipe_text(best, command));
  return tuning;
}

std::string to_markdown(const Tuning& tuning, const TuneCommand& command) {
  std::string text = join_text("| rank | candidate | rounds | ", command.measure, " | training (s) |\n|---|---|---|---|---|\n");
  for (std::size_t k = 0; k < tuning.order.size(); ++k) {
    const Trial& trial = tuning.trials[tuning.order[k]];
    const Spread& score = trial.scores.back();
    text += join_text("| ", k + 1, " | ", trial.values.empty() ? "the defaults" : join_list(trial.values, ", "), " | ", trial.scores.size(),
                      " | ", fixed(score.mean, 3), std::isnan(score.over_folds) ? "" : " ± " + fixed(score.over_folds, 3), " | ",
                      fixed(trial.seconds, 1), " |\n");
  }
  return text + join_text("\n", command.folds,
                          " parts: mean ± standard deviation. Scores of one round are compared; the last has all epochs and trees.\n");
}

}  // namespace millesime
