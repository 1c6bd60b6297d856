#include "pipeline/stages/levels.h"

#include <algorithm>
#include <set>

namespace millesime {
namespace {

struct Vote {
  std::uint16_t code = 0;
  std::size_t seeds = 0;
};

// The most frequent code, the lowest of equals.
template <class CodeOf>
Vote most_frequent(const std::vector<std::uint16_t>& seeds, const CodeOf& code_of) {
  Vote most;
  for (const std::uint16_t seed : seeds) {
    if (seed == 0) continue;
    const auto code = static_cast<std::uint16_t>(code_of(seed));
    const auto n = static_cast<std::size_t>(std::ranges::count_if(seeds, [&](int other) { return other != 0 && code_of(other) == code; }));
    if (n > most.seeds || (n == most.seeds && code < most.code)) most = {code, n};
  }
  return most;
}

}  // namespace

Nomenclature level_legend(LevelMap map, const Nomenclature& nomenclature) {
  Nomenclature legend = nomenclature;
  legend.groups.clear(), legend.mappings.clear();
  if (map == LevelMap::level1) std::erase_if(legend.classes, [](const LandClass& each) { return each.parent != 0; });
  std::set<int> known;
  for (const LandClass& each : legend.classes) known.insert(each.code);
  for (const LandClass& group : nomenclature.groups)
    if (known.insert(group.code).second) legend.classes.push_back(group);
  for (LandClass& each : legend.classes) each.parent = 0;
  return legend;
}

std::map<int, int> groups_of_classes(const Nomenclature& nomenclature) {
  std::map<int, int> groups;
  for (const LandClass& each : nomenclature.classes)
    if (each.parent != 0) groups[each.code] = each.parent;
  return groups;
}

std::uint16_t agreed_level(LevelMap map, const std::vector<std::uint16_t>& seeds, const std::map<int, int>& groups) {
  const Vote said = most_frequent(seeds, [](int code) { return code; });
  if (map == LevelMap::level1 || 2 * said.seeds > seeds.size()) return said.code;
  const Vote group = most_frequent(seeds, [&](int code) {
    const auto of_class = groups.find(code);
    return of_class == groups.end() ? code : of_class->second;
  });
  return 2 * group.seeds > seeds.size() ? group.code : std::uint16_t{0};
}

}  // namespace millesime
