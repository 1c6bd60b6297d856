// Buffers, streams, parallel_for and the errors of a build or a machine without CUDA.

#include <omp.h>

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/device_error.h"
#include "kernels/base/parallel_for.h"
#include "kernels/base/rounding.h"

namespace millesime::testing {
namespace {

struct CountVisits {
  std::uint8_t* visits;
  MILLESIME_HD void operator()(std::int64_t i) const { ++visits[i]; }
};

struct WriteThroughScratch {
  std::int64_t* out;
  MILLESIME_HD std::int64_t scratch_bytes() const { return 8 + 2; }
  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const auto numbers = scratch.rows<std::int64_t>(0);
    const auto shorts = scratch.rows<std::int16_t>(8);
    for (int lane = 0; lane < kCpuLanes; ++lane) numbers[0][lane] = item * kCpuLanes + lane;
    for (int lane = 0; lane < kCpuLanes; ++lane) shorts[0][lane] = -1;
    for (int lane = 0; lane < kCpuLanes; ++lane) out[item * kCpuLanes + lane] = numbers[0][lane];
  }
};

TEST(ParallelFor, VisitsEveryItemOnce) {
  for (const std::int64_t n : {0, 1, 2, 31, 1000, 100003}) {
    std::vector<std::uint8_t> visits(static_cast<std::size_t>(n), 0);
    parallel_for(Cpu{}, "count", n, CountVisits{visits.data()});
    EXPECT_EQ(visits, std::vector<std::uint8_t>(static_cast<std::size_t>(n), 1));
  }
}

struct TellThreads {
  std::int32_t* threads;
  void operator()(std::int64_t item) const { threads[item] = omp_get_num_threads(); }
};

TEST(ParallelFor, TakesTheThreadsOfItsStreamWhateverOpenMpWouldTake) {
  std::vector<std::int32_t> threads(64);
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);  // as libraries do
  on_backend(Stream(Device{}, 3), [&](const auto& backend) {
    if constexpr (std::is_same_v<std::decay_t<decltype(backend)>, Cpu>) parallel_for(backend, "threads", 64, TellThreads{threads.data()});
  });
  omp_set_num_threads(before);
  EXPECT_EQ(threads, std::vector<std::int32_t>(64, 3));
}

TEST(ParallelFor, GivesEachThreadItsOwnScratch) {
  std::vector<std::int64_t> out(std::size_t{kCpuLanes} * 500);
  omp_set_num_threads(4);
  parallel_for(Cpu{}, "scratch", 500, WriteThroughScratch{out.data()});
  omp_set_num_threads(omp_get_num_procs());
  for (std::size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], static_cast<std::int64_t>(i));
}

TEST(Buffer, OwnsAlignedMemoryAndCopies) {
  Buffer<float> buffer(Device{}, 10);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % kAlignment, 0u);
  buffer.zero(Device{});
  EXPECT_EQ(to_host(Stream{}, buffer), std::vector<float>(10, 0.0f));
  const std::vector<float> numbers = {1, 2, 3};
  Buffer<float> other = to_device(Stream{}, numbers);
  const float* memory = other.data();
  buffer = std::move(other);
  EXPECT_EQ(buffer.data(), memory);
  EXPECT_EQ(to_host(Stream{}, buffer), numbers);
  EXPECT_EQ(Buffer<int>(Device{}, 0).data(), nullptr);
}

TEST(Rounding, HalvesGoAwayFromZeroAndBoundsHold) {
  for (const auto& [x, rounded] :
       {std::pair{0.5f, 1}, {-0.5f, -1}, {2.5f, 3}, {-2.5f, -3}, {0.49f, 0}, {-1.2f, -1}, {32767.0f, 32767}, {-32768.0f, -32768}})
    EXPECT_EQ(round_to_int16(x), rounded) << x;
  EXPECT_EQ(saturate_to_int16(1e9f), 32767);
  EXPECT_EQ(saturate_to_int16(-1e9f), -32768);
}

TEST(Device, RequestsThatCannotBeMetSayWhy) {
  if (cuda_devices() > 0) GTEST_SKIP() << "this machine has a CUDA device";
  EXPECT_EQ(choose_device("cpu").device, Device{});
  EXPECT_NE(choose_device("auto").note.find("running on the CPU"), std::string::npos);
  EXPECT_THROW(choose_device("cuda"), std::invalid_argument);
  EXPECT_THROW(choose_device("cuda:x"), std::invalid_argument);
  EXPECT_THROW(choose_device("gpu"), std::invalid_argument);
  const Device missing{Device::Kind::cuda, 0};
  try {
    Buffer<float> buffer(missing, 10);
    FAIL();
  } catch (const DeviceError& error) {
    EXPECT_NE(std::string(error.what()).find("cuda:0"), std::string::npos) << error.what();
  }
  EXPECT_THROW(on_backend(Stream(missing), [](const auto&) {}), DeviceError);
  EXPECT_THROW(OwnStream stream(missing), DeviceError);
  EXPECT_EQ(OwnStream(Device{}).get().handle, nullptr);
}

}  // namespace
}  // namespace millesime::testing
