#include "pipeline/core/static_groups.h"

#include "pipeline/core/coordinate_inputs.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

constexpr std::size_t kMany = 8;  // bands of one raster

// The number of names from `first` on that are NAME_1, NAME_2...
std::size_t numbered_from(const std::vector<std::string>& names, std::size_t first) {
  if (!names[first].ends_with("_1")) return 0;
  const std::string start = names[first].substr(0, names[first].size() - 1);
  std::size_t n = 1;
  while (first + n < names.size() && names[first + n] == start + std::to_string(n + 1)) ++n;
  return n;
}

}  // namespace

std::vector<StaticGroup> static_groups(const std::vector<std::string>& names) {
  std::vector<StaticGroup> groups;
  for (std::size_t i = 0; i < names.size();) {
    StaticGroup group{names[i], i, 1};
    if (is_coordinate(names[i])) {
      group.name = kCoordinates.substr(0, kCoordinates.size() - 1);
      while (i + group.count < names.size() && is_coordinate(names[i + group.count])) ++group.count;
    } else if (const std::size_t n = numbered_from(names, i); n >= kMany) {
      group.name = names[i] + " to " + names[i + n - 1];
      group.count = n;
    }
    i += group.count;
    groups.push_back(std::move(group));
  }
  return groups;
}

std::string list_of_statics(const std::vector<std::string>& names) {
  std::vector<std::string> texts;
  for (const StaticGroup& group : static_groups(names)) texts.push_back(group.name);
  return join_list(texts, ", ");
}

}  // namespace millesime
