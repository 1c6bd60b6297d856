#include "pipeline/core/static_groups.h"

#include <cmath>

#include <gtest/gtest.h>

#include "pipeline/core/coordinate_inputs.h"

namespace millesime {
namespace {

TEST(StaticGroups, AreTheBandsOfARasterOfManyAndTheCoordinates) {
  std::vector<std::string> names{"elevation", "climate_1", "climate_2"};
  for (int band = 1; band <= 64; ++band) names.push_back("embedding_" + std::to_string(band));
  names.push_back("slope");
  names.insert(names.end(), coordinate_inputs().begin(), coordinate_inputs().end());
  EXPECT_EQ(list_of_statics(names), "elevation, climate_1, climate_2, embedding_1 to embedding_64, slope, coordinates");
  const auto groups = static_groups(names);
  ASSERT_EQ(groups.size(), 6u);
  EXPECT_EQ(groups[3].first, 3u);
  EXPECT_EQ(groups[3].count, 64u);
  EXPECT_EQ(groups[5].first, 68u);
  EXPECT_EQ(groups[5].count, coordinate_inputs().size());
  EXPECT_TRUE(static_groups({}).empty());
  EXPECT_EQ(list_of_statics({"b_1", "b_2", "b_4"}), "b_1, b_2, b_4");
}

TEST(MissingStatics, AreCountedByGroup) {
  std::vector<std::string> names{"elevation"};
  for (int band = 1; band <= 8; ++band) names.push_back("embedding_" + std::to_string(band));
  MissingStatics missing(names);
  std::vector<float> values(4 * names.size(), 1.0f);
  for (const std::size_t row : {1, 2, 3}) values[row * names.size() + 1] = std::nanf("");
  missing.add(values);
  EXPECT_EQ(missing.shares(), (std::map<std::string, double>{{"embedding_1 to embedding_8", 0.75}}));
  EXPECT_TRUE(MissingStatics({}).shares().empty());
}

}  // namespace
}  // namespace millesime
