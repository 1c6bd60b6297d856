#include "models/base/augmentation.h"

#include <vector>

#include <torch/utils.h>

namespace millesime {
namespace {

using torch::Tensor;

// Chance of a source of a sample to be hidden: the main one seldom, as it is the one that is there; the others often, so that the network
// does not come to rely on them.
constexpr double kHideMain = 0.1, kHideOther = 0.5;

// As if a sample lacked some of its sources, but never all that it has: so the network learns to do without each of them.
void hide_sources(NetworkInput& input, const at::Generator& random) {
  std::vector<Tensor> present;
  for (const auto& s : input.series) present.push_back(s.valid.any(1));
  const auto has = torch::stack(present, 1);  // [N,S]
  auto share = torch::full({static_cast<std::int64_t>(present.size())}, kHideOther, torch::kFloat32);
  share[0] = kHideMain;
  const auto keep = torch::rand(has.sizes(), random, torch::TensorOptions().dtype(torch::kFloat32)).ge(share).to(has.device());
  const auto kept = torch::where((has & keep).any(1, true), has & keep, has);
  for (std::size_t s = 0; s < input.series.size(); ++s)
    input.series[s].valid = input.series[s].valid & kept.narrow(1, static_cast<std::int64_t>(s), 1);
}

}  // namespace

Augmentation::Augmentation(const Recipe& recipe, InputKind kind, bool gaps)
    : dropout_(kind == InputKind::raw && gaps ? recipe.date_dropout : 0),
      shift_(kind == InputKind::raw ? recipe.shift_days : 0),
      noise_(recipe.noise) {}

void Augmentation::operator()(NetworkInput& input, const at::Generator& random) const {
  if (input.series.size() > 1) hide_sources(input, random);
  for (auto& s : input.series) {
    const auto n = s.values.size(0), dates = s.values.size(1);
    const auto options = torch::TensorOptions().dtype(torch::kFloat32);
    const auto device = s.values.device();
    if (dropout_ > 0) {
      const auto share = torch::rand({n, 1}, random, options) * dropout_;  // another share for every sample
      const auto keep = torch::rand({n, dates}, random, options).ge(share).to(device);
      const auto kept = s.valid & keep;
      s.valid = torch::where(kept.any(1, true), kept, s.valid);  // at least one date stays
    }
    if (noise_ > 0) s.values = s.values + torch::randn(s.values.sizes(), random, options).to(device) * noise_;
    if (shift_ > 0) s.days = s.days + torch::randn({n, 1}, random, options).to(device) * shift_;
    s.values = s.values.masked_fill(~s.valid.unsqueeze(-1), 0);
  }
}

}  // namespace millesime
