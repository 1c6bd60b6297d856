#include "pipeline/engine/machine.h"

#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "pipeline/engine/progress.h"

namespace millesime {
namespace {

TEST(Machine, ReadsAmountsOfMemoryAsPeopleWriteThem) {
  EXPECT_EQ(parse_memory("8GiB", "--memory"), std::int64_t{8} << 30);
  EXPECT_EQ(parse_memory(" 512 MiB", "--memory"), std::int64_t{512} << 20);
  EXPECT_EQ(parse_memory("1.5g", "--memory"), std::int64_t{3} << 29);
  EXPECT_EQ(parse_memory("67108864", "--memory"), std::int64_t{64} << 20);
  for (const char* bad : {"", "much", "8 GiBB", "-1G", "1k", "nan", "1e300"}) EXPECT_THROW(parse_memory(bad, "--memory"), UserError) << bad;
}

TEST(Machine, SomethingCanBeUsed) {
  EXPECT_GE(usable_threads(), 1);
  EXPECT_GT(usable_memory_bytes(), std::int64_t{64} << 20);
}

TEST(Progress, SaysRateAndTimeLeft) {
  EXPECT_EQ(TextProgress::rate_text(0, 100, 1, "px"), "");
  EXPECT_EQ(TextProgress::rate_text(50, 100, 10, "px"), "5.0 px/s, 10 s left");
  EXPECT_EQ(TextProgress::rate_text(2e6, 1e8, 10, "px"), "200 kpx/s, 8 min left");
  EXPECT_EQ(TextProgress::rate_text(100, 100, 10, "px"), "10 px/s");
}

}  // namespace
}  // namespace millesime
