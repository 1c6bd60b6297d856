#include "models/base/packed_layers.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

namespace millesime {
namespace {

using torch::Tensor;

const std::vector<std::int64_t> kOnes = {1, 1};  // stride and dilation
std::vector<std::int64_t> around_dates(std::int64_t padding) { return {0, padding}; }
const c10::List<std::optional<at::Scalar>> kNoScalars;  // of the ReLU

// The operation of this name in oneDNN's part of LibTorch; undefined if there is none.
template <class... Arguments>
Tensor call(const std::string& name, Arguments... arguments) {
  const auto operation = c10::Dispatcher::singleton().findSchema({"mkldnn::" + name, ""});
  if (!operation) return {};
  std::vector<c10::IValue> stack = {c10::IValue(std::move(arguments))...};
  operation->callBoxed(&stack);
  return stack.front().toTensor();
}

// What `work` gives; undefined where LibTorch refuses it for this processor.
template <class Work>
Tensor if_possible(const Work& work) {
  try {
    return work();
  } catch (const c10::Error&) {
    return {};
  }
}

}  // namespace

Tensor rectified_convolution(const Tensor& x, const Tensor& packed, const Tensor& bias, std::int64_t padding) {
  return call("_convolution_pointwise", x, packed, bias, around_dates(padding), kOnes, kOnes, std::int64_t{1}, std::string("relu"),
              kNoScalars, std::string());
}

Tensor rectified_linear(const Tensor& x, const Tensor& packed, const Tensor& bias) {
  return call("_linear_pointwise", x, packed, bias, std::string("relu"), kNoScalars, std::string());
}

Tensor packed_convolution(const Tensor& weight, std::int64_t padding, torch::IntArrayRef input) {
  return if_possible([&]() -> Tensor {
    const Tensor packed = call("_reorder_convolution_weight", weight, around_dates(padding), kOnes, kOnes, std::int64_t{1},
                               std::vector<std::int64_t>(input.vec()));
    if (!packed.defined()) return {};
    const Tensor tried = torch::zeros(input, weight.options()).contiguous(torch::MemoryFormat::ChannelsLast);
    return rectified_convolution(tried, packed, torch::zeros({weight.size(0)}, weight.options()), padding).defined() ? packed : Tensor();
  });
}

Tensor packed_linear(const Tensor& weight, std::int64_t rows) {
  return if_possible([&]() -> Tensor {
    const Tensor packed = call("_reorder_linear_weight", weight, rows);
    if (!packed.defined()) return {};
    const Tensor tried = torch::zeros({rows, weight.size(1)}, weight.options());
    return rectified_linear(tried, packed, torch::zeros({weight.size(0)}, weight.options())).defined() ? packed : Tensor();
  });
}

}  // namespace millesime
