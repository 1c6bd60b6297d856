#include "pipeline/core/static_groups.h"

#include <cmath>

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

MissingStatics::MissingStatics(const std::vector<std::string>& names)
    : groups_(static_groups(names)), inputs_(names.size()), missing_(groups_.size()) {}

void MissingStatics::add(std::span<const float> values) {
  if (inputs_ == 0) return;
  rows_ += static_cast<std::int64_t>(values.size() / inputs_);
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (std::size_t i = groups_[g].first; i < values.size(); i += inputs_) missing_[g] += std::isnan(values[i]);
}

std::map<std::string, double> MissingStatics::shares() const {
  std::map<std::string, double> shares;
  for (std::size_t g = 0; g < groups_.size(); ++g)
    if (missing_[g] > 0) shares[groups_[g].name] = static_cast<double>(missing_[g]) / static_cast<double>(rows_);
  return shares;
}

}  // namespace millesime
