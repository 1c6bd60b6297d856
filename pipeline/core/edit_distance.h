#pragma once

#include <cstddef>
#include <string_view>

namespace millesime {

// Characters to change, add or leave out to make one text of another (Levenshtein 1966).
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace millesime
