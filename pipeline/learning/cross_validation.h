#pragma once
// Cross-validation: every sample is judged by a model that learned neither from it nor from its group.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/learning/sample_input.h"

namespace millesime {

// What is never split between the folds.
enum class GroupBy { polygon, region, file };

// The fold that tests each sample; -1 for samples without a label.
struct Folds {
  int n = 0;
  std::vector<std::vector<int>> of;  // [file][sample]
};

// Each class's groups, the largest first and equals in an order drawn by `seed`, go to the fold that has the fewest samples of the class:
// folds differ in a class by no more than one group. A group that holds several classes counts for that of its first sample.
// UserError when there are fewer groups than folds.
Folds make_folds(const std::vector<NamedSamples>& all, int n_folds, GroupBy by, std::int64_t seed);

// The samples that learn (all folds but `fold`) and those that test; files without any are left out.
struct FoldSelections {
  std::vector<SampleSelection> learn, test;
};
FoldSelections select_fold(const std::vector<NamedSamples>& all, const Folds& folds, int fold);

}  // namespace millesime
