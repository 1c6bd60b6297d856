#pragma once
// Indices that a configuration declares itself: "NAME = EXPRESSION", e.g. "GCVI = B8 / B3 - 1".
//
// An expression has band names, numbers, + - * / and parentheses. Bands are physical values (reflectance of 0 to 1, degrees), as in
// papers. It must be equivalent to sum / sum, each a sum of at most kMaxIndexBands bands with factors, and a number (see IndexFormula).

#include <string>
#include <vector>

#include "kernels/ops/indices.h"

namespace millesime {

bool is_index_expression(const std::string& declaration);  // has a "="
std::string index_name(const std::string& declaration);    // the text before the "=", or all of it

// Numbers x 10000, as of bands of reflectance; plan_indices brings it to other steps. UserError with the fault of the expression and its
// position: syntax, an unknown band, not a ratio of sums.
IndexFormula parse_index(const std::string& declaration, const std::vector<std::string>& bands);

}  // namespace millesime
