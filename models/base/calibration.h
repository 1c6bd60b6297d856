#pragma once
// Calibration of a network's probabilities by one temperature (Guo et al. 2017, "On calibration of modern neural networks").

#include <cstdint>
#include <vector>

namespace millesime {

// What a network says about samples that it did not learn from.
struct HeldOutLogits {
  int n_classes = 0;
  std::vector<double> logits;       // [sample][class]
  std::vector<int> target;          // [sample], index of the class
  std::vector<std::int64_t> group;  // [sample]; samples of one group are right or wrong together
};

struct TemperatureChoice {
  double temperature = 1;   // that logits are divided by
  double error_before = 0;  // expected calibration error of the logits as they are
  double error = 0;         // with temperatures fitted on one half of the groups and measured on the other, so that it is no wishful number
};

// The temperature of least cross entropy, a group counting as one sample, under a prior that keeps it near 1 where few groups judge. It
// stays 1 where there is no good reason for another: the likelihood ratio is not significant (95 %), or what one half of the groups says
// does not lower the calibration error on the other half.
TemperatureChoice choose_temperature(const HeldOutLogits& held_out);

}  // namespace millesime
