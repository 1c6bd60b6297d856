#pragma once
// Inside models/base only: samples as tensors on the training device, and the output of a network for them. Includes torch.

#include <cstdint>
#include <vector>

#include "models/base/network.h"
#include "pipeline/core/accuracy.h"

namespace millesime {

struct TrainingTensors {
  NetworkInput input;
  torch::Tensor target;  // [N] int64
  std::int64_t size() const { return target.size(0); }
};

class SampleFeed;
// Logits [N,K] on the host, float64, in evaluation mode.
torch::Tensor evaluate(Network& network, const SampleFeed& feed, int threads);

std::vector<double> numbers_of(const torch::Tensor& tensor);  // of such logits

// Of class indices.
Accuracy judge(const torch::Tensor& logits, const std::vector<int>& target);

}  // namespace millesime
