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
    const double ratio = random.number(0.1, 0.9);
    const int seeds = random.integer(1, 4);
    const auto splits = split_polygons(ids, strata, ratio, seeds, random.integer(0, 1000));
    ASSERT_EQ(splits.size(), static_cast<std::size_t>(seeds));
    for (const auto& split : splits) {
      ASSERT_EQ(split.size(), ids.size());
      std::map<std::string, int> learn;
      for (std::size_t i = 0; i < ids.size(); ++i) {
        EXPECT_NE(split[i], Split::unused);
        EXPECT_EQ(split[i] == Split::both, size[strata[i]] == 1);
        learn[strata[i]] += split[i] != Split::test;
      }
      for (const auto& [stratum, count] : size) {
        EXPECT_GE(learn[stratum], 1);
        EXPECT_LE(std::abs(learn[stratum] - count * ratio), 1);
      }
    }
  });
}

}  // namespace
}  // namespace millesime
