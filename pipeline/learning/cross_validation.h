#pragma once
// Cross-validation: every sample is judged by a model that learned neither from it nor from its group.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/learning/sample_input.h"

namespace millesime {

// The unit that is never split between the folds.
enum class GroupBy { polygon, region, file };

// The fold that tests each sample; -1 for samples without a label.
struct Folds {
  int n = 0;
  std::vector<std::vector<int>> of;  // [file][sample]
};

// The groups of each class, the largest first (on ties in an order drawn by `seed`), go to the fold with the fewest samples of the class:
// folds differ in a class by at most one group. A group with several classes counts for that of its first sample.
// UserError if there are fewer groups than folds.
Folds make_folds(const std::vector<NamedSamples>& all, int n_folds, GroupBy by, std::int64_t seed);

// The samples for training (all folds but `fold`) and those for testing; files without any are left out.
struct FoldSelections {
  std::vector<SampleSelection> learn, test;
};
FoldSelections select_fold(const std::vector<NamedSamples>& all, const Folds& folds, int fold);

}  // namespace millesime
