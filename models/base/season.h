#pragma once
// A model that learned with hidden ends of the season (train.season_cut) makes maps of any day. How sure it may be depends on the day: its
// probabilities are raised to a power that was fitted, day by day, to held-out samples of which nothing later was shown.
//
// In the spec: metrics.season = {"cut": share of the samples, "powers": [[day of the year, power], ...]}.

#include <vector>

#include "models/base/model_file.h"
#include "models/base/model_input.h"

namespace millesime {

inline constexpr int kSeasonStep = 30, kFirstSeasonDay = 60, kWholeSeason = 366;  // days of the year

bool knows_early_maps(const ModelFile& model);  // it, or a member of it, learned with cuts

// The samples as they are known on a day: what is later than it is hidden.
ModelInput known_on(const ModelInput& input, int day);

// The power g from 0.05 to 5 for which p^g, divided by its sum, has the highest likelihood; 1 without samples. probabilities
// [sample][class]; targets of -1 do not count.
double best_power(const std::vector<float>& probabilities, int n_classes, const std::vector<int>& target);

// The calibration of each member that has one becomes that of a map of this day; between two days linear.
void calibrate_for_day(ModelFile& model, int day);

}  // namespace millesime
