// Laws of the stages.

#include <map>

#include "pipeline/stages/sample.h"
#include "tests/property/random_cases.h"

namespace millesime {
namespace {

using testing::for_any_input;
using testing::RandomCase;

TEST(SplitLaws, EveryStratumLearnsAndTestsByItsShare) {
  for_any_input(200, [](RandomCase& random) {
    std::vector<std::int64_t> ids;
    std::vector<std::string> strata;
    std::map<std::string, int> size;
    const int n = random.integer(1, 80);
    for (int i = 0; i < n; ++i) {
      ids.push_back(1000 - 7 * i);
      strata.push_back("class " + std::to_string(random.integer(1, 6)));
      ++size[strata.back()];
    }
    ReferenceOptions options;
    const double ratio = options.learn_ratio = random.number(0.1, 0.9);
    options.seeds = random.integer(1, 4), options.random_seed = random.integer(0, 1000);
    if (random.integer(0, 1) == 1) options.final_ratio = random.number(0, 1);
    const double kept_ratio = options.final_ratio < 0 ? ratio : 1 - options.final_ratio;
    const auto splits = split_polygons(ids, strata, options);
    ASSERT_EQ(splits.size(), static_cast<std::size_t>(options.seeds));
    for (const auto& split : splits) {
      ASSERT_EQ(split.size(), ids.size());
      std::map<std::string, int> learn, kept;
      for (std::size_t i = 0; i < ids.size(); ++i) {
        EXPECT_TRUE(split[i] == Split::learn || split[i] == Split::test || split[i] == Split::final_map);
        EXPECT_EQ(split[i] == Split::final_map, splits[0][i] == Split::final_map);  // no seed learns from what judges the final map
        learn[strata[i]] += split[i] == Split::learn;
        kept[strata[i]] += split[i] != Split::final_map;
      }
      for (const auto& [stratum, count] : size) {
        EXPECT_GE(learn[stratum], 1);  // a lone polygon learns
        EXPECT_LE(std::abs(kept[stratum] - (options.draws_final_set() ? count * kept_ratio : count)), 1);
        EXPECT_LE(std::abs(learn[stratum] - kept[stratum] * ratio), 1);
      }
    }
  });
}

}  // namespace
}  // namespace millesime
