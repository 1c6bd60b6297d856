#include "pipeline/core/side_by_side.h"

#include <atomic>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace millesime {
namespace {

TEST(SideBySide, EveryPieceOnce) {
  for (const int threads : {0, 1, 3, 100}) {
    std::vector<std::atomic<int>> times(50);
    side_by_side(50, threads, [&](std::int64_t i) { ++times[static_cast<std::size_t>(i)]; });
    for (const auto& n : times) EXPECT_EQ(n, 1);
  }
  side_by_side(0, 4, [](std::int64_t) { FAIL(); });
}

TEST(SideBySide, AnExceptionEndsTheWorkAndIsThrownAgain) {
  std::atomic<int> done{0};
  const auto work = [&](std::int64_t i) {
    if (i == 3) throw std::runtime_error("three");
    ++done;
  };
  EXPECT_THROW(side_by_side(1'000'000, 2, work), std::runtime_error);
  EXPECT_LT(done, 1'000'000);
}

}  // namespace
}  // namespace millesime
