#pragma once
// The weights of a network as a list, and their moving average during a training. Includes torch.

#include <cstdint>
#include <vector>

#include "models/base/network.h"

namespace millesime {

// Parameters and running statistics, on the network's device, always in the same order.
std::vector<torch::Tensor> weights_of(const Network& network);  // copies
void set_weights(Network& network, const std::vector<torch::Tensor>& weights);

// Moving average of weights and running statistics (Polyak & Juditsky 1992), without a bias towards the start.
class AveragedWeights {
 public:
  AveragedWeights(const Network& network, double decay);
  void update(const Network& network);
  const std::vector<torch::Tensor>& mean() const { return mean_; }
  std::int64_t steps() const { return step_; }
  void go_on(std::int64_t steps, const std::vector<torch::Tensor>& mean);  // restores the state of an interrupted training

 private:
  double decay_;
  std::int64_t step_ = 0;
  std::vector<torch::Tensor> mean_;
};

}  // namespace millesime
