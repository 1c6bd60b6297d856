#include "models/base/convolution.h"

#include <algorithm>
#include <vector>

#include <ATen/autocast_mode.h>
#include <torch/nn/functional/padding.h>

namespace millesime {
namespace {

constexpr std::int64_t kMostNumbers = std::int64_t{1} << 24;  // of the rows of a product: 64 MiB of float32

}  // namespace

torch::Tensor convolution_by_product(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, std::int64_t padding) {
  const std::int64_t n = x.size(0), filters = weight.size(0), kernel = weight.size(2), seen = x.size(1) * kernel;
  const std::int64_t dates = x.size(2) + 2 * padding - kernel + 1;
  const torch::Tensor columns = weight.flatten(1).t();  // [C K,F]
  const torch::nn::functional::PadFuncOptions ends({padding, padding});
  const std::int64_t most = std::max<std::int64_t>(1, kMostNumbers / (dates * seen));
  std::vector<torch::Tensor> parts;
  for (std::int64_t first = 0; first < n; first += most) {
    const torch::Tensor part = torch::nn::functional::pad(x.narrow(0, first, std::min(most, n - first)), ends);
    const torch::Tensor rows = part.unfold(2, kernel, 1).transpose(1, 2).reshape({-1, seen});  // [n dates,C K]
    parts.push_back(bias.defined() ? torch::addmm(bias, rows, columns) : torch::mm(rows, columns));
  }
  const torch::Tensor all = parts.size() == 1 ? parts.front() : torch::cat(parts);
  return all.view({n, dates, filters}).transpose(1, 2);
}

torch::Tensor ConvolutionImpl::forward(const torch::Tensor& x) {
  const bool float32 = x.scalar_type() == torch::kFloat32 && !at::autocast::is_autocast_enabled(x.device().type());
  if (!x.is_cuda() || !float32) return Conv1dImpl::forward(x);
  return convolution_by_product(x, weight, bias, std::get<torch::ExpandingArray<1>>(options.padding())->front());
}

}  // namespace millesime
