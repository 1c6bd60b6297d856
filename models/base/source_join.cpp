#include "models/base/source_join.h"

#include <torch/utils.h>

namespace millesime {

SourceJoinImpl::SourceJoinImpl(int sources, int width) {
  if (sources == 1) return;
  absent_ = register_parameter("absent", torch::zeros({sources, width}));
  gate_ = register_parameter("gate", torch::zeros({sources - 1, width}));
}

torch::Tensor SourceJoinImpl::forward(const std::vector<torch::Tensor>& embeddings, const NetworkInput& input) {
  if (embeddings.size() == 1) return embeddings.front();
  std::vector<torch::Tensor> parts;
  for (std::size_t s = 0; s < embeddings.size(); ++s) {
    const auto source = static_cast<std::int64_t>(s);
    const auto present = input.series[s].valid.any(1, true);  // [N,1]
    const auto part = torch::where(present, embeddings[s], absent_[source]);
    parts.push_back(s == 0 ? part : part * gate_[source - 1]);
  }
  return torch::cat(parts, 1);
}

std::pair<torch::Tensor, torch::Tensor> SourceJoinImpl::fold(std::int64_t source, const torch::Tensor& columns) const {
  if (!absent_.defined()) return {columns, torch::empty({0})};
  const auto gated = source == 0 ? columns : columns * gate_[source - 1].to(torch::kFloat64);
  return {gated, torch::matmul(gated, absent_[source].to(torch::kFloat64))};
}

}  // namespace millesime
