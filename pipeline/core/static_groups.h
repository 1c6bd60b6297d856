#pragma once
// Static inputs that belong together, for texts and for measuring what they are worth: the bands of a raster of many (an embedding), and
// the coordinates.

#include <cstddef>
#include <string>
#include <vector>

namespace millesime {

struct StaticGroup {
  std::string name;  // "elevation", "embedding_1 to embedding_64", "coordinates"
  std::size_t first = 0, count = 1;
};

std::vector<StaticGroup> static_groups(const std::vector<std::string>& names);
std::string list_of_statics(const std::vector<std::string>& names);

}  // namespace millesime
