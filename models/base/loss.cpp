#include "models/base/loss.h"

#include <cmath>

#include <torch/utils.h>

namespace millesime {

using torch::Tensor;

Tensor class_weights(const std::vector<int>& target, int n_classes, double balance) {
  std::vector<double> count(static_cast<std::size_t>(n_classes), 0);
  for (const int t : target) ++count[static_cast<std::size_t>(t)];
  auto weight = torch::zeros({n_classes}, torch::kFloat32);
  double mean = 0;
  for (const double c : count)
    if (c > 0) mean += c * std::pow(c, -balance);
  mean /= static_cast<double>(target.size());
  for (int k = 0; k < n_classes; ++k)
    if (const double c = count[static_cast<std::size_t>(k)]; c > 0) weight[k] = std::pow(c, -balance) / mean;
  return weight;
}

Tensor logit_adjustment(const std::vector<int>& target, int n_classes, double tau) {
  std::vector<double> count(static_cast<std::size_t>(n_classes), 0);
  for (const int t : target) ++count[static_cast<std::size_t>(t)];
  auto adjustment = torch::zeros({n_classes}, torch::kFloat32);
  for (int k = 0; k < n_classes; ++k)
    if (const double c = count[static_cast<std::size_t>(k)]; c > 0) adjustment[k] = tau * std::log(c / static_cast<double>(target.size()));
  return adjustment;
}

Tensor generalised_cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& weight, double q) {
  const auto p = torch::softmax(logits, 1).gather(1, target.unsqueeze(1)).squeeze(1);
  return (weight.index_select(0, target) * (1 - torch::pow(p, q)) / q).sum();
}

}  // namespace millesime
