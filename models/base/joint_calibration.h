#pragma once
// Calibration of an ensemble. Where calibrated models disagree, the mean of their probabilities is underconfident (Rahaman & Thiery
// 2021, "Uncertainty quantification and deep ensembles"). So the probabilities of all members are raised to one power, and normalised to a
// sum of 1, before the weighted mean is taken.

#include <cstdint>
#include <vector>

#include "models/base/model_file.h"

namespace millesime {

// The output of a model, calibrated on its own, for samples that it did not learn from.
struct HeldOutProbabilities {
  std::vector<float> probabilities;  // [sample][class]
  std::vector<int> target;           // [sample], index of the class
  std::vector<std::int64_t> group;   // [sample]; the errors of samples of one group are correlated
  // The same at the epoch that the other half of the groups chose (HeldOutLogits::crossed); empty: no epoch was chosen, or by these
  // samples.
  std::vector<float> crossed = {};
  bool chose_epoch = false;  // these samples chose the epoch, and there is no `crossed`
};

// A trained model, and its output for the samples that were held out from it.
struct LearnedModel {
  ModelFile model;
  std::vector<HeldOutProbabilities> held_out;  // [member], one for a single model; empty if no samples were held out
};

// Weights of the architectures in the mean of their models' probabilities: those of the largest likelihood of the held-out samples, a group
// counting as one sample, under a prior of kEqualGroups groups that fit all architectures alike, so that few groups change little. Models
// of one architecture (seeds) share its weight. By expectation maximisation. Of the models in order, mean 1; all 1 if their held-out
// samples differ, or there are none.
std::vector<double> fit_weights(const std::vector<LearnedModel>& models);

// make_ensemble with these weights. If all members have the same held-out samples, the power is that of least cross entropy of their mean,
// a group counting as one sample, under a prior that keeps it near 1 if there are few groups. It becomes part of the members' temperatures
// and sharpenings; the ensemble's metrics have the power, and the result of the mean on those samples (held_out, as of one model; each half
// of the groups is judged with the weights and the power of the other half).
LearnedModel join_models(const std::vector<LearnedModel>& models);

}  // namespace millesime
