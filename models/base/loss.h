#pragma once
// Losses that LibTorch does not have. Includes torch.

#include <vector>

#include <torch/types.h>

namespace millesime {

// Weight of each class in the loss, frequency^-balance, 1 on average over the samples. [K], on the host
torch::Tensor class_weights(const std::vector<int>& target, int n_classes, double balance);

// Robust against wrong labels (Zhang & Sabuncu 2018, equation 7): (1 - p^q) / q, where p is the probability of the label. A label with a
// very low probability has a small gradient. Sum over the samples.
torch::Tensor generalised_cross_entropy(const torch::Tensor& logits, const torch::Tensor& target, const torch::Tensor& weight, double q);

}  // namespace millesime
