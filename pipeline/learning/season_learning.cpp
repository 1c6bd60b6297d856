// The part of Learning that makes models for any day (models/base/season.h).

#include <span>

#include "models/base/rare_classes.h"
#include "pipeline/core/error.h"
#include "pipeline/learning/learning.h"
#include "pipeline/learning/prediction.h"

namespace millesime {
namespace {

// As these samples are known on a day.
InputTable as_known_on(const InputTable& table, int day) {
  return {table.target,
          table.group,
          table.bytes_per_sample(),
          false,
          join_text(table.identity(), " until day ", day),
          [&table, day](std::span<const std::int64_t> samples) { return known_on(table.read(samples), day); }};
}

// Its name ends with no digit: that of a second training is the same and a 2.
std::string checkpoint_of_part(const std::string& checkpoint, const SeasonPart& part) {
  return checkpoint.empty() ? "" : join_text(checkpoint, "-day", part.middle, "-");
}

}  // namespace

// The weights of maps of a part of the season, and the calibration of maps of each month's end. `model` has learned whole seasons.
void Learning::learn_season(ModelFile& model, const InputTable& samples, const InputTable& held_out, const std::string& checkpoint) const {
  model.spec.metrics["season"]["cut"] = recipe_.season_cut;
  TrainingRun run = run_;
  const std::vector<SeasonPart>& parts = season_.parts;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    context_.progress->note(join_text("maps around day ", parts[p].middle, " of the year"));
    run.cut = parts[p].cut;
    run.checkpoint = checkpoint_of_part(checkpoint, parts[p]);
    add_season_part(model, parts[p], train_held_out(spec_, samples, as_known_on(held_out, parts[p].middle), recipe_, run));
  }
  model.spec.metrics["season"]["known"] = season_.known;
  nlohmann::json powers = nlohmann::json::array();
  for (int day = kFirstSeasonDay; day < season_.known && held_out.size() > 0; day += kSeasonStep) {
    ModelFile of_day = model;
    serve_day(of_day, day);
    const InputTable known = as_known_on(held_out, day);
    std::vector<SaidByNetwork> said;
    if (of_day.members.empty()) of_day.members.push_back(of_day);
    for (const ModelFile& network : of_day.members) said.push_back({predict_probabilities(network, known, context_), network.spec.weight});
    powers.push_back({day, best_power(said, model.spec.n_classes(), held_out.target)});
  }
  if (!powers.empty()) powers.push_back({season_.known, 1});  // from then on it is the whole season's model
  model.spec.metrics["season"]["powers"] = powers;
}

// The same from all samples: `model` has learned whole seasons again, `first` has the epochs and the calibration.
void Learning::learn_season_again(ModelFile& model, const ModelFile& first, const Recipe& recipe) const {
  model.spec.metrics["season"].erase("parts");
  TrainingRun run = run_;
  for (std::size_t p = 0; p < season_.parts.size(); ++p) {
    ModelFile chosen = first;
    chosen.spec.metrics["epoch"] = first.spec.metrics["season"]["parts"][p]["epoch"];
    run.cut = season_.parts[p].cut;
    run.checkpoint = checkpoint_of_part(run_.checkpoint, season_.parts[p]);
    add_season_part(model, season_.parts[p], learn_again(chosen, learners(), recipe, run));
  }
}

}  // namespace millesime
