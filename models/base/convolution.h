#pragma once
// Convolutions over the dates of short series, for networks of any device. Includes torch; included by sources only.

#include <torch/nn/modules/conv.h>

namespace millesime {

// The convolution as one matrix product: each output date is a row of the numbers that its filters see. x [N,C,T], weight [F,C,K],
// bias [F] or undefined -> [N,F,T + 2 padding - K + 1].
torch::Tensor convolution_by_product(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, std::int64_t padding);

// nn::Conv1d with stride 1, in float32 on a GPU as a matrix product: what cuDNN chooses there for float32 without TF32 and 64 channels
// takes seventy times as long (models/MEASURED.md).
class ConvolutionImpl : public torch::nn::Conv1dImpl {
 public:
  using Conv1dImpl::Conv1dImpl;
  torch::Tensor forward(const torch::Tensor& x);
};
TORCH_MODULE(Convolution);

}  // namespace millesime
