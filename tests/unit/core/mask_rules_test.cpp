#include "pipeline/core/mask_rules.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millesime {
namespace {

// The valid values below n as a text; '.' is an invalid one.
std::string valid_of(const MaskRule& rule, int n) {
  std::string text;
  for (int value = 0; value < n; ++value) text += rule[static_cast<std::size_t>(value)] == 0 ? static_cast<char>('a' + value) : '.';
  return text;
}
int valid_values(const MaskRule& rule) {
  int n = 0;
  for (const std::uint8_t invalid : rule) {
    EXPECT_LE(invalid, 1);
    n += invalid == 0 ? 1 : 0;
  }
  return n;
}

TEST(MaskRules, NameWhatProductsCallValid) {
  EXPECT_EQ(valid_of(only_zero_is_valid(), 4), "a...");
  EXPECT_EQ(valid_values(only_zero_is_valid()), 1);
  // no data, saturated, [dark], shadow, [vegetation, bare, water, unclassified], clouds, cirrus, [snow], what does not exist
  EXPECT_EQ(valid_of(sen2cor_scene_classification(), 13), "..c.efgh...l.");
  EXPECT_EQ(valid_values(sen2cor_scene_classification()), 6);
  // no data, cloud, [snow, water, land], what does not exist
  EXPECT_EQ(valid_of(theia_l3a_flags(), 6), "..cde.");
  EXPECT_EQ(valid_values(theia_l3a_flags()), 3);
}

TEST(MaskRules, BitsThatAreNotAskedForDoNotMatter) {
  const MaskRule rule = invalid_where_set(0b00000110);
  EXPECT_EQ(valid_of(rule, 10), "ab......ij");
  EXPECT_EQ(rule[0b11111001], 0);
  EXPECT_EQ(rule[0b11111011], 1);
  EXPECT_EQ(valid_values(rule), 64);
  EXPECT_EQ(valid_values(invalid_where_set(0)), 256);
  EXPECT_EQ(invalid_where_set(0xff), only_zero_is_valid());
}

}  // namespace
}  // namespace millesime
