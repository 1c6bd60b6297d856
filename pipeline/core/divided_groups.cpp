#include "pipeline/core/divided_groups.h"

#include <algorithm>

#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

struct OfGroup {
  std::int64_t learns = -1, tests = -1;  // the first sample of the group that does; -1: none
};

std::string name_of_group(std::int64_t group, const std::unordered_map<std::string, std::int64_t>& names) {
  const auto named = std::ranges::find_if(names, [&](const auto& entry) { return entry.second == group; });
  return named == names.end() ? std::to_string(group) : "\"" + named->first + "\"";
}

}  // namespace

void refuse_divided_groups(const Samples& samples, const std::string& file, const std::unordered_map<std::string, std::int64_t>& names) {
  for (int seed = 0; seed < samples.n_seeds; ++seed) {
    std::unordered_map<std::int64_t, OfGroup> groups;
    std::size_t divided = 0;
    std::int64_t first = -1;
    for (std::int64_t i = 0; i < samples.size(); ++i) {
      const Split split = samples.split_of(i, seed);
      if (split != Split::learn && split != Split::test && split != Split::final_map) continue;
      OfGroup& group = groups[samples.polygon[static_cast<std::size_t>(i)]];
      const bool was_whole = group.learns < 0 || group.tests < 0;
      std::int64_t& own = split == Split::learn ? group.learns : group.tests;
      if (own < 0) own = i;
      if (!was_whole || group.learns < 0 || group.tests < 0) continue;
      ++divided;
      if (first < 0) first = i;
    }
    if (divided == 0) continue;
    const std::int64_t group = samples.polygon[static_cast<std::size_t>(first)];
    throw UserError(
        join_text(file, ": split", samples.n_seeds > 1 ? join_text("_", seed) : "", " divides ", counted(divided, "group"), ": of group ",
                  name_of_group(group, names), " row ", groups[group].learns + 1, " learns and row ", groups[group].tests + 1,
                  " tests (of the samples, from 1); expected one of them for a whole group (a polygon): samples of one group are "
                  "alike, and would judge what they taught"));
  }
}

}  // namespace millesime
