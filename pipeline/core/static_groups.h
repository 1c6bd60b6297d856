#pragma once
// Static inputs that belong together, for texts and for measuring what they are worth: the bands of a raster of many (an embedding), and
// the coordinates.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace millesime {

struct StaticGroup {
  std::string name;  // "elevation", "embedding_1 to embedding_64", "coordinates"
  std::size_t first = 0, count = 1;
};

std::vector<StaticGroup> static_groups(const std::vector<std::string>& names);
std::string list_of_statics(const std::vector<std::string>& names);

// How often static inputs have no value. Of a group the first input is looked at: the bands of a raster have gaps in the same places.
class MissingStatics {
 public:
  explicit MissingStatics(const std::vector<std::string>& names);
  void add(std::span<const float> values);       // [pixel or sample][input], NaN where missing
  std::map<std::string, double> shares() const;  // of each group that has gaps
 private:
  std::vector<StaticGroup> groups_;
  std::size_t inputs_;
  std::int64_t rows_ = 0;
  std::vector<std::int64_t> missing_;  // [group]
};

}  // namespace millesime
