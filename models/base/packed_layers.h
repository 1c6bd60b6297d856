#pragma once
// Layers in bfloat16 on the CPU whose weights are in the order of oneDNN: brought there once instead of at every call, and with the ReLU in
// the product. The same bits as conv2d(), linear() and relu(). LibTorch has these operations for its own compiler and does not document
// them: where it lacks them, or the processor does, weights stay undefined and callers use the documented ones. Includes torch.

#include <torch/types.h>

namespace millesime {

// The weights [F,C,1,K] of a convolution with zeros around its dates, for inputs of these sizes, and [O,I] of a linear layer for this
// number of rows; undefined if they cannot be used.
torch::Tensor packed_convolution(const torch::Tensor& weight, std::int64_t padding, torch::IntArrayRef input);
torch::Tensor packed_linear(const torch::Tensor& weight, std::int64_t rows);

torch::Tensor rectified_convolution(const torch::Tensor& x, const torch::Tensor& packed, const torch::Tensor& bias, std::int64_t padding);
torch::Tensor rectified_linear(const torch::Tensor& x, const torch::Tensor& packed, const torch::Tensor& bias);

}  // namespace millesime
