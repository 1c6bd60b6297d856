#pragma once
// What models that did not learn from a polygon say of its label: the rule of `samples audit` and of train.doubtful. Confident learning
// (Northcutt, Jiang & Chuang 2021, arXiv:1911.00068) of whole polygons, since the errors of their samples are correlated.

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace millesime {

using LabelledPolygon = std::pair<std::int64_t, int>;  // group and label; a polygon is judged once for each label that it has

// Of one polygon and label; all its samples are judged by one model.
class LabelVotes {
 public:
  // The probabilities of one sample, by the classes of the model.
  void add(std::span<const float> probabilities, const std::vector<int>& classes);

  std::int64_t samples() const { return samples_; }
  int best() const { return best_of().code; }  // the most probable class; of equals the lowest code
  double probability_of(int code) const;       // mean
  // By how much the mean probability of the most probable class is larger than that of the label: 0 where they are the same.
  double suspicion(int label) const;

 private:
  struct Sum {
    int code = 0;
    double probability = 0;
  };
  const Sum& best_of() const;
  double sum_of(int code) const;  // 0: the model does not know the class

  std::int64_t samples_ = 0;
  std::vector<Sum> sums_;
};

}  // namespace millesime
