#include "pipeline/learning/label_votes.h"

#include <algorithm>

namespace millesime {

void LabelVotes::add(std::span<const float> probabilities, const std::vector<int>& classes) {
  if (sums_.empty())
    for (const int code : classes) sums_.push_back({code, 0});
  for (std::size_t c = 0; c < sums_.size(); ++c) sums_[c].probability += static_cast<double>(probabilities[c]);
  ++samples_;
}

const LabelVotes::Sum& LabelVotes::best_of() const {
  return *std::ranges::min_element(sums_, {}, [](const Sum& sum) { return std::pair(-sum.probability, sum.code); });
}

double LabelVotes::sum_of(int code) const {
  const auto found = std::ranges::find(sums_, code, &Sum::code);
  return found == sums_.end() ? 0 : found->probability;
}

double LabelVotes::probability_of(int code) const { return sum_of(code) / static_cast<double>(samples_); }

double LabelVotes::suspicion(int label) const { return (best_of().probability - sum_of(label)) / static_cast<double>(samples_); }

}  // namespace millesime
