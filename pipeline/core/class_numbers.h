#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace millesime {

// An option of the form {"34=500", "11=0"}: a number of samples for class codes. UserError that names `key` for anything else.
std::map<int, std::int64_t> numbers_by_class(const std::vector<std::string>& assignments, const std::string& key);

}  // namespace millesime
