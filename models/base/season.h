#pragma once
// A model for maps of any day (train.season_cut). Its own weights are those of the whole season. For each part of the year the file has
// another set of weights, which learned while the season was hidden after days of this part. One network for all days is worse on each of
// them, and so are copies of the network of the whole season that go on learning: early in the year it knows its samples by heart
// (models/MEASURED.md). How sure a map may be depends on its day: probabilities are raised to a power that was fitted, day by day, to
// held-out samples of which nothing later was shown.
//
// In the spec: metrics.season = {"cut": share of the samples that lost the end of their season, "parts": [{"until": last day of the year
// whose maps it makes, "epoch": where its training stopped}, ...], "powers": [[day of the year, power], ...]}. The weights of part p are
// the tensors "season/p/<name>". Files of earlier versions have no parts: one network for all days.

#include <string>
#include <vector>

#include "kernels/base/training_batch_args.h"
#include "models/base/model_file.h"
#include "models/base/model_input.h"

namespace millesime {

inline constexpr int kSeasonStep = 30, kFirstSeasonDay = 60, kWholeSeason = 366;  // days of the year

bool knows_early_maps(const ModelFile& model);  // it, or a member of it, learned with cuts

// The samples as they are known on a day: what is later than it is hidden.
ModelInput known_on(const ModelInput& input, int day);

struct SeasonPart {
  int until = 0;  // day of the year: last day whose maps it makes
  int middle = 0;
  SeasonCut cut;  // between positions in time: days since 1 January, or thermal time
};

// The parts of the year in which something of these samples is known and something is not yet. They overlap in what they learn.
std::vector<SeasonPart> season_parts(const ModelInput& samples, double share);

// Adds the weights of a part, the next one in time, to the file of the whole season.
void add_season_part(ModelFile& whole, const SeasonPart& part, const ModelFile& learned);
bool is_of_season_part(const std::string& tensor);

// The power g from 0.05 to 5 for which p^g, divided by its sum, has the highest likelihood; 1 without samples. probabilities
// [sample][class]; targets of -1 do not count.
double best_power(const std::vector<float>& probabilities, int n_classes, const std::vector<int>& target);

// The weights and the calibration, of each member that has them, become those of a map of this day; the calibration is linear between two
// days. UserError if weights are missing.
void serve_day(ModelFile& model, int day);

}  // namespace millesime
