#pragma once
// A model for maps of any day (train.season_cut). Its own weights are those of the whole season. For parts of the year the file has further
// networks: each learned while the season was hidden after days within ten days of the middle of its part. The map of a day is the mean of
// the two or three networks whose middles are near, weighted by nearness, so that nothing jumps from day to day; the whole season is the
// last of these middles. A network of many days is worse on each of them than one of the day alone, and a mean of networks is better: the
// two effects cancel (models/MEASURED.md). Calibration depends on the day: probabilities are raised to a power that was fitted, for single
// days, to held-out samples whose later dates were hidden; between these days it is linear.
//
// In the spec: metrics.season = {"cut": share of the samples that lost the end of their season, "parts": [{"middle": day of the year,
// "epoch": where its training stopped}, ...], "known": first day of the year on which the whole season is known, "powers": [[day of the
// year, power], ...]}. The weights of part p are the tensors "season/p/<name>". Files of earlier versions have parts with "until", the last
// day of the year whose maps it makes alone, or no parts: one network for all days.

#include <string>
#include <vector>

#include "kernels/base/training_batch_args.h"
#include "models/base/model_file.h"
#include "models/base/model_input.h"

namespace millesime {

// Powers are fitted for every kSeasonStep-th day of the year from kFirstSeasonDay on; from kWholeSeason on nothing is hidden.
inline constexpr int kSeasonStep = 15, kFirstSeasonDay = 60, kWholeSeason = 366;

bool knows_early_maps(const ModelFile& model);  // it, or a member of it, learned with cuts

// The samples as they are known on a day: what is later than it is hidden.
ModelInput known_on(const ModelInput& input, int day);

struct SeasonPart {
  int middle = 0;  // day of the year
  SeasonCut cut;   // between positions in time: days since 1 January, or thermal time
};
struct SeasonPlan {
  std::vector<SeasonPart> parts;  // in time; they overlap in what they learn
  int known = kWholeSeason;       // first day of the year on which nothing is hidden any more
};

// The parts of the year in which something of these samples is known and something is not yet.
SeasonPlan plan_season(const ModelInput& samples, double share);

// Adds the weights of a part, the next one in time, to the file of the whole season.
void add_season_part(ModelFile& whole, const SeasonPart& part, const ModelFile& learned);
bool is_of_season_part(const std::string& tensor);

// What a network says of samples, and its share of the mean.
struct SaidByNetwork {
  std::vector<float> probabilities;  // [sample][class]
  double weight = 1;
};

// The power g from 0.05 to 5 for which the mean of the networks' p^g, each divided by its sum, has the highest likelihood; 1 without
// samples. Targets of -1 do not count.
double best_power(const std::vector<SaidByNetwork>& networks, int n_classes, const std::vector<int>& target);

// The weights and the calibration, of each member that has them, become those of a map of this day; the calibration is linear between two
// days. A model whose map is the mean of several networks becomes an ensemble, and a member of an ensemble several. UserError if weights
// are missing.
void serve_day(ModelFile& model, int day);

}  // namespace millesime
