#pragma once
// Transitions: how likely each class follows each other one from year to year.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/nomenclature.h"

namespace millesime {

struct Transitions {
  int n = 0;                       // classes, in the order of the nomenclature
  std::vector<float> matrix;       // [from][to], each row with sum 1
  std::vector<float> initial;      // [class], of the first year
  std::vector<std::uint8_t> unit;  // [class]; a change from one unit to another may be a lasting one

  float at(int from, int to) const {
    return matrix[static_cast<std::size_t>(from) * static_cast<std::size_t>(n) + static_cast<std::size_t>(to)];
  }
};

// By rule: a class stays with probability `stay`; the classes of a rotating group share that evenly, as one unit; the rest is spread evenly
// over all other classes. Codes in `rotating` are groups; UserError for one that the nomenclature lacks.
Transitions transitions_by_rule(const Nomenclature& nomenclature, double stay, const std::vector<int>& rotating);

// From a table: the first line and the first column hold codes (or names) of all classes, the cells the probability that the class of the
// row is followed by that of the column; 0 is an impossible change. UserError with file and line for an unknown or missing class, a cell
// that is no probability, a row that does not sum to 1 within 0.001.
void read_transitions(const std::string& file, const Nomenclature& nomenclature, Transitions& transitions);
std::string transitions_csv(const Transitions& transitions, const Nomenclature& nomenclature);

// [step][from][to]: from each of the years to the next, which may be several years later: the matrix to the power of the years between.
std::vector<float> transitions_between(const std::vector<int>& years, const Transitions& transitions);

// One step of Baum and Welch (1970): the matrix of one year and the first year's shares that the evidence of these pixels
// [pixel][year][class] supports, with `prior` times the rows of the old matrix added to the counts, so that what does not occur keeps its
// probability. Years that are missing between `years` count as not seen.
void learn_transitions(const std::vector<float>& evidence, const std::vector<int>& years, double prior, Transitions& transitions);

}  // namespace millesime
