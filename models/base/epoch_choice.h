#pragma once
// Which epoch of a training is kept, and what that epoch is worth: samples that choose it must not judge it. Includes torch.

#include <array>
#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "models/base/input_table.h"

namespace millesime {

// Standard error of an accuracy; the errors of samples of one group are correlated.
double standard_error(double share, const std::vector<std::int64_t>& groups);

// Either half of the held-out groups chooses an epoch as all of them do, and the other half judges it: the accuracy that a training reports
// is of samples that had no part in the choice, while the model that it keeps is chosen by all of them.
class EpochHalves {
 public:
  EpochHalves(const InputTable& held_out, int n_classes);

  bool can_choose() const { return !halves_.empty(); }  // there are enough groups
  void meet(const torch::Tensor& logits);               // of the held-out samples, after an epoch

  std::array<std::vector<double>, 2> kept() const;  // logits of all held-out samples at the epoch that each half kept
  std::vector<double> judged_by_other() const;      // of each sample at the epoch that the other half kept

  // For checkpoints.
  std::vector<torch::Tensor> state() const;
  std::array<double, 2> scores() const { return {choices_[0].best_score, choices_[1].best_score}; }
  void go_on(const std::array<double, 2>& scores, const std::vector<torch::Tensor>& state);

 private:
  struct Choice {
    std::vector<std::int64_t> samples;  // of the half
    std::vector<int> target;
    std::vector<std::int64_t> group;
    double best_score = -1;
    torch::Tensor logits;  // float64 on the host
  };

  std::vector<int> halves_;  // of each held-out sample
  std::size_t n_classes_;
  std::array<Choice, 2> choices_;
};

}  // namespace millesime
