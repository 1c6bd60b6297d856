#include "pipeline/core/json_number.h"

#include <gtest/gtest.h>

namespace millesime {
namespace {

using nlohmann::json;

TEST(JsonNumber, WholeNumbersThatFit) {
  EXPECT_EQ(whole_number<int>(json::parse("-2147483648")), std::numeric_limits<int>::min());
  EXPECT_EQ(whole_number<std::int64_t>(json::parse("9223372036854775807")), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(whole_number<std::uint64_t>(json::parse("18446744073709551615")), std::numeric_limits<std::uint64_t>::max());
}

TEST(JsonNumber, RefusesWhatACastWouldChange) {
  for (const char* number : {"2147483648", "1e30", "2.5", "2.0", "-1e400", "true", "null", "\"3\""})
    EXPECT_THROW(whole_number<int>(json::parse(number, nullptr, false)), json::exception) << number;
  EXPECT_THROW(whole_number<std::uint64_t>(json(-1)), json::exception);
}

}  // namespace
}  // namespace millesime
