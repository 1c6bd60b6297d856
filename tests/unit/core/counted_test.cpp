#include "pipeline/core/counted.h"

#include <gtest/gtest.h>

namespace millesime {
namespace {

TEST(Counted, OneAndSeveral) {
  EXPECT_EQ(counted(0, "tile"), "0 tiles");
  EXPECT_EQ(counted(1, "tile"), "1 tile");
  EXPECT_EQ(counted(2, "tile"), "2 tiles");
  EXPECT_EQ(counted(1, "patch", "patches"), "1 patch");
  EXPECT_EQ(counted(12, "patch", "patches"), "12 patches");
}

}  // namespace
}  // namespace millesime
