#pragma once
// Selection: which samples of each class learn.

#include <cstdint>
#include <map>
#include <vector>

#include "pipeline/learning/sample_input.h"
#include "pipeline/learning/selection_rule.h"

namespace millesime {

// How many of each class are wanted, never more than there are. all; constant: `number`; percent: rounded half to even, at least one;
// total: shared out in proportion to the classes, by largest remainder, at least one each; smallest: as many as of the rarest class.
std::map<int, std::int64_t> numbers_wanted(const SelectionRule& rule, const std::map<int, std::int64_t>& found);

struct Candidate {
  int label = 0;
  std::int64_t polygon = 0;
  std::uint64_t draw = 0;  // a number of its own, from the seed and from what it is: no order of files or rows matters
};

// Positions of those that stay, rising. The polygons of a class give one sample each in turn, drawn by chance, until there are enough: a
// large polygon does not crowd out the small ones. What a smaller number selects, a larger one selects, too.
std::vector<std::size_t> select(const SelectionRule& rule, const std::vector<Candidate>& candidates);

// The same for chosen samples of files.
std::vector<SampleSelection> select(const SelectionRule& rule, const std::vector<SampleSelection>& selections, std::int64_t seed);

std::map<int, std::int64_t> count_labels(const std::vector<SampleSelection>& selections);

}  // namespace millesime
