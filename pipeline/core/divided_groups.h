#pragma once

#include <string>
#include <unordered_map>

#include "pipeline/core/samples.h"

namespace millesime {

// UserError where samples of one group both learn and test in the run of a seed: they are alike, so that the test would be no test.
// `names`: the numbers of groups that have names.
void refuse_divided_groups(const Samples& samples, const std::string& file,
                           const std::unordered_map<std::string, std::int64_t>& names = {});

}  // namespace millesime
