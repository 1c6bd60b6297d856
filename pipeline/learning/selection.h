#pragma once
// Selection of training samples by class.

#include <cstdint>
#include <map>
#include <vector>

#include "pipeline/learning/sample_input.h"
#include "pipeline/learning/selection_rule.h"

namespace millesime {

// Number of samples of each class, at most the available ones. all; constant: `number`; percent: rounded half to even, at least one;
// total: distributed in proportion to the classes, by largest remainder, at least one each; smallest: as many as of the rarest class.
std::map<int, std::int64_t> numbers_wanted(const SelectionRule& rule, const std::map<int, std::int64_t>& found);

struct Candidate {
  int label = 0;
  std::int64_t polygon = 0;
  std::uint64_t draw = 0;  // a random number of the sample, from the seed and its identity: independent of the order of files and rows
};

// Positions of the selected ones, in increasing order. The polygons of a class give one random sample each in turn, until there are
// enough, so that large polygons do not dominate. The samples of a smaller number are among those of a larger one.
std::vector<std::size_t> select(const SelectionRule& rule, const std::vector<Candidate>& candidates);

// The same for chosen samples of files.
std::vector<SampleSelection> select(const SelectionRule& rule, const std::vector<SampleSelection>& selections, std::int64_t seed);

// At most `number` samples of each polygon and label, by chance of their places (of samples at one place, the first ones).
std::vector<SampleSelection> select_of_polygons(int number, const std::vector<SampleSelection>& selections, std::int64_t seed);

std::map<int, std::int64_t> count_labels(const std::vector<SampleSelection>& selections);

}  // namespace millesime
