#pragma once
// Losses that LibTorch does not have. Includes torch.

#include <vector>

#include <torch/types.h>

namespace millesime {

// Weight of each class in the loss, frequency^-balance, 1 on average over the samples. [K], on the host
torch::Tensor class_weights(const std::vector<int>& target, int n_classes, double balance);

// Of rare classes (Menon et al. 2021, equation 10): tau x logarithm of a class's share of the targets, to be added to the logits while
// learning. [K], on the host; 0 for classes without a target
torch::Tensor logit_adjustment(const std::vector<int>& target, int n_classes, double tau);

// Robust against wrong labels (Zhang & Sabuncu 2018, equation 7): (1 - p^q) / q, where p is the probability of the label. A label with a
// very low probability has a small gradient. Sum over the samples.
torch::Tensor generalised_cross_entropy(const torch::Tensor& logits, const torch::Tensor& target, const torch::Tensor& weight, double q);

}  // namespace millesime
