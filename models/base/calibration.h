#pragma once
// Calibration of a model's probabilities by a temperature (Guo et al. 2017, "On calibration of modern neural networks") and, with many
// held-out samples, a sharpening. With d, the distance of a class's logit below the largest one, probabilities are
//   p ~ exp(-(u + sharpening u^2)),  u = d / temperature.
// Label smoothing bounds the distances that a network learns: it is overconfident at low confidence and underconfident at high confidence,
// which no temperature corrects. The order of classes stays, and the loss is convex in 1 / temperature and sharpening / temperature^2.

#include <array>
#include <cstdint>
#include <vector>

#include "models/base/model_spec.h"
#include "pipeline/core/accuracy.h"

namespace millesime {

// The output of a network for samples that it did not learn from.
struct HeldOutLogits {
  int n_classes = 0;
  std::vector<double> logits;       // [sample][class]
  std::vector<int> target;          // [sample], index of the class
  std::vector<std::int64_t> group;  // [sample]; the errors of samples of one group are correlated
  double spread = 0.2;              // expected deviation of 1 / temperature from 1: small for models trained by likelihood
  bool chose_epoch = false;         // these samples chose the epoch of the logits, which are optimistic then
  // Logits at the epoch that either half of the groups chose (halves_of_groups); the other half is judged by them. Empty if no epoch was
  // chosen, or by too few groups.
  std::array<std::vector<double>, 2> crossed = {};
};

struct CalibrationChoice {
  double temperature = 1, sharpening = 0;
  double error_before = 0;  // expected calibration error of the logits as they are
  double error = 0;         // fitted on one half of the groups and measured on the other, so that it is not optimistic
};

// The numbers of least cross entropy, a group counting as one sample, under a prior that keeps them near 1 and 0 if there are few groups.
// They stay 1 and 0 without good evidence: if the likelihood ratio is not significant (95 %, for each of the two), or if the numbers of one
// half of the groups do not lower the calibration error on the other half.
CalibrationChoice choose_calibration(const HeldOutLogits& held_out);

// 0 or 1 for each sample: every second group, in order of appearance.
std::vector<int> halves_of_groups(const std::vector<std::int64_t>& groups);

// Probabilities of logits [sample][class].
std::vector<float> calibrated_probabilities(const std::vector<double>& logits, int n_classes, double temperature, double sharpening);

// Stores them in the spec, and the accuracy of the model on the held-out samples.
void enter_calibration(ModelSpec& spec, const HeldOutLogits& held_out);

// Stores in metrics.held_out: accuracy, F-score and confusion matrix of class indices, and the expected calibration error before and
// after calibration; and whether the samples that these are of chose the epoch, too (chose_epoch), which makes them optimistic.
void enter_held_out(ModelSpec& spec, const ConfusionMatrix& confusion, double error_before, double error, bool chose_epoch);

}  // namespace millesime
