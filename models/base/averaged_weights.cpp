#include "models/base/averaged_weights.h"

#include <algorithm>

#include <torch/utils.h>

namespace millesime {
namespace {

using torch::Tensor;

template <class F>
void for_each_weight(const Network& network, F&& f) {
  for (const auto& item : network.named_parameters()) f(item.value());
  for (const auto& item : network.named_buffers())
    if (item.value().is_floating_point()) f(item.value());
}

}  // namespace

std::vector<Tensor> weights_of(const Network& network) {
  std::vector<Tensor> copy;
  for_each_weight(network, [&](const Tensor& t) { copy.push_back(t.detach().clone()); });
  return copy;
}

void set_weights(Network& network, const std::vector<Tensor>& weights) {
  const torch::NoGradGuard no_grad;
  std::size_t i = 0;
  for_each_weight(network, [&](const Tensor& t) { t.detach().copy_(weights[i++]); });
}

AveragedWeights::AveragedWeights(const Network& network, double decay) : decay_(decay), mean_(weights_of(network)) {}

void AveragedWeights::update(const Network& network) {
  const double decay = std::min(decay_, static_cast<double>(1 + step_) / static_cast<double>(10 + step_));
  ++step_;
  std::size_t i = 0;
  for_each_weight(network, [&](const Tensor& t) { mean_[i++].lerp_(t.detach(), 1 - decay); });
}

void AveragedWeights::go_on(std::int64_t steps, const std::vector<Tensor>& mean) {
  step_ = steps;
  for (std::size_t i = 0; i < mean_.size(); ++i) mean_[i].copy_(mean[i]);
}

}  // namespace millesime
