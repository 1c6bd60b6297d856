#pragma once
// Calibration of an ensemble. Where honest models disagree, the mean of their probabilities is less sure than it is right (Rahaman & Thiery
// 2021, "Uncertainty quantification and deep ensembles"). So the probabilities of all are raised to one power, and brought back to a sum
// of 1, before the mean is taken.

#include <cstdint>
#include <vector>

#include "models/base/model_file.h"

namespace millesime {

// What a model, calibrated on its own, says about samples that it did not learn from.
struct HeldOutProbabilities {
  std::vector<float> probabilities;  // [sample][class]
  std::vector<int> target;           // [sample], index of the class
  std::vector<std::int64_t> group;   // [sample]; samples of one group are right or wrong together
};

// A trained model and what it said while a part of the samples was held out from it.
struct LearnedModel {
  ModelFile model;
  std::vector<HeldOutProbabilities> held_out;  // [member], one of a single model; without samples where none were held out
};

// make_ensemble. Where all members were judged by the same held-out samples, the power is that of least cross entropy of their mean, a
// group counting as one sample, under a prior that keeps it near 1 where few groups judge. It becomes part of the members' temperatures and
// sharpenings; the ensemble's metrics tell it (power), and what the mean says of those samples (held_out, as of one model).
LearnedModel join_models(const std::vector<LearnedModel>& models);

}  // namespace millesime
