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
  EXPECT_EQ(valid_of(only_valid({2, 4, 255}), 6), "..c.e.");
  EXPECT_EQ(valid_values(only_valid({2, 4, 255})), 3);
}

}  // namespace
}  // namespace millesime
