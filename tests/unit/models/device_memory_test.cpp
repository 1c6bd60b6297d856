#include "models/base/device_memory.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/base/in_strips.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// As torch's allocator says it.
[[noreturn]] void run_out() {
  TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate 20.00 GiB.");
  throw 0;
}

TEST(DeviceMemory, TorchsOutOfMemoryIsOurs) {
  std::string message;
  try {
    with_device_memory("ltae on 16384 pixels", [] { run_out(); });
  } catch (const OutOfDeviceMemory& error) {
    message = error.what();
  }
  EXPECT_THAT(message, AllOf(HasSubstr("ltae on 16384 pixels: CUDA out of memory. Tried to allocate 20.00 GiB."), HasSubstr("--memory")));
  EXPECT_EQ(with_device_memory("nothing", [] { return 3; }), 3);
  EXPECT_THROW(with_device_memory("nothing", [] { TORCH_CHECK(false, "a shape"); }), c10::Error);
}

// What torch keeps may be what lacks.
TEST(DeviceMemory, WorkIsTriedAgainWithTorchsCacheEmptied) {
  int tries = 0;
  EXPECT_EQ(with_device_memory("model", [&] { return ++tries < 2 ? (run_out(), 0) : 7; }), 7);
  EXPECT_EQ(tries, 2);
}

TEST(DeviceMemory, AndHalvesTheWindow) {
  FittingRows strip;
  int done = 0;
  in_strips(
      9, strip,
      [&](int, int n) {
        with_device_memory("model", [&] {
          if (n > 3) run_out();
        });
        done += n;
      },
      [] {});
  EXPECT_EQ(done, 9);
  EXPECT_EQ(strip.rows, 3);
}

}  // namespace
}  // namespace millesime
