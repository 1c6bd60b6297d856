#pragma once
// Losses beside LibTorch's own. Includes torch.

#include <vector>

#include <torch/types.h>

namespace millesime {

// Weight of each class in the loss, frequency^-balance, 1 on average over the samples. [K], on the host
torch::Tensor class_weights(const std::vector<int>& target, int n_classes, double balance);

// Against wrong labels (Zhang & Sabuncu 2018, equation 7): (1 - p^q) / q of the label's probability p, which a label that all else
// contradicts hardly moves. Sum over the samples.
torch::Tensor generalised_cross_entropy(const torch::Tensor& logits, const torch::Tensor& target, const torch::Tensor& weight, double q);

}  // namespace millesime
