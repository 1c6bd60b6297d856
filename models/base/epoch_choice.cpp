#include "models/base/epoch_choice.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <torch/utils.h>

#include "models/base/calibration.h"
#include "models/base/training_tensors.h"

namespace millesime {
namespace {

constexpr std::size_t kFewestGroups = 20;  // of which either half can choose an epoch

}  // namespace

double standard_error(double share, const std::vector<std::int64_t>& groups) {
  const std::set<std::int64_t> distinct(groups.begin(), groups.end());
  return std::sqrt(share * (1 - share) / static_cast<double>(distinct.size()));
}

EpochHalves::EpochHalves(const InputTable& held_out, int n_classes) : n_classes_(static_cast<std::size_t>(n_classes)) {
  if (std::set(held_out.group.begin(), held_out.group.end()).size() < kFewestGroups) return;
  halves_ = halves_of_groups(held_out.group);
  for (std::size_t i = 0; i < halves_.size(); ++i) {
    Choice& choice = choices_[static_cast<std::size_t>(halves_[i])];
    choice.samples.push_back(static_cast<std::int64_t>(i));
    choice.target.push_back(held_out.target[i]);
    choice.group.push_back(held_out.group[i]);
  }
}

void EpochHalves::meet(const torch::Tensor& logits) {
  if (!can_choose()) return;
  for (Choice& choice : choices_) {
    const Accuracy accuracy = judge(logits.index_select(0, torch::tensor(choice.samples)), choice.target);
    choice.best_score = std::max(choice.best_score, accuracy.macro_f);
    if (accuracy.macro_f >= choice.best_score - standard_error(accuracy.overall, choice.group)) choice.logits = logits;
  }
}

std::array<std::vector<double>, 2> EpochHalves::kept() const { return {numbers_of(choices_[0].logits), numbers_of(choices_[1].logits)}; }

std::vector<double> EpochHalves::judged_by_other() const {
  const auto logits = kept();
  std::vector<double> judged;
  for (std::size_t i = 0; i < halves_.size(); ++i) {
    const auto first = logits[static_cast<std::size_t>(1 - halves_[i])].begin() + static_cast<std::ptrdiff_t>(i * n_classes_);
    judged.insert(judged.end(), first, first + static_cast<std::ptrdiff_t>(n_classes_));
  }
  return judged;
}

// The network computes in 32 bits: nothing is lost.
std::vector<torch::Tensor> EpochHalves::state() const {
  if (!choices_[0].logits.defined()) return {};
  return {choices_[0].logits.to(torch::kFloat32), choices_[1].logits.to(torch::kFloat32)};
}

void EpochHalves::go_on(const std::array<double, 2>& scores, const std::vector<torch::Tensor>& state) {
  for (std::size_t half = 0; half < state.size(); ++half) {
    choices_[half].best_score = scores[half];
    choices_[half].logits = state[half].to(torch::kCPU).to(torch::kFloat64);
  }
}

}  // namespace millesime
