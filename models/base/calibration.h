#pragma once
// Calibration of a model's probabilities by a temperature (Guo et al. 2017, "On calibration of modern neural networks") and, where many
// samples judge, a sharpening. Of d, how far a class's logit lies below the largest one, probabilities are
//   p ~ exp(-(u + sharpening u^2)),  u = d / temperature.
// Label smoothing bounds the distances that a network learns, so that it is too sure where it doubts and not sure enough where it knows: no
// temperature mends both. The order of classes stays, and the loss is convex in 1 / temperature and sharpening / temperature^2.

#include <cstdint>
#include <vector>

#include "models/base/model_spec.h"
#include "pipeline/core/accuracy.h"

namespace millesime {

// What a network says about samples that it did not learn from.
struct HeldOutLogits {
  int n_classes = 0;
  std::vector<double> logits;       // [sample][class]
  std::vector<int> target;          // [sample], index of the class
  std::vector<std::int64_t> group;  // [sample]; samples of one group are right or wrong together
  double spread = 0.2;              // expected of 1 / temperature around 1: little of what was learned by likelihood
};

struct CalibrationChoice {
  double temperature = 1, sharpening = 0;
  double error_before = 0;  // expected calibration error of the logits as they are
  double error = 0;         // with numbers fitted on one half of the groups and measured on the other, so that it is no wishful number
};

// The numbers of least cross entropy, a group counting as one sample, under a prior that keeps them near 1 and 0 where few groups judge.
// They stay 1 and 0 where there is no good reason for others: the likelihood ratio is not significant (95 %, for each of the two), or what
// one half of the groups says does not lower the calibration error on the other half.
CalibrationChoice choose_calibration(const HeldOutLogits& held_out);

// Enters them into the spec, and beside them what the samples say of the model.
void enter_calibration(ModelSpec& spec, const HeldOutLogits& held_out);

// metrics.held_out: accuracy, F-score and confusion matrix of class indices, calibration error before and after something was done about
// it.
void enter_held_out(ModelSpec& spec, const ConfusionMatrix& confusion, double error_before, double error);

}  // namespace millesime
