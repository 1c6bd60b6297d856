// The host code of CUDA with a mock of its runtime: every call is checked, errors have the operation, sizes and device, there are no leaks,
// and too little memory leads to smaller strips.

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/base/buffer.h"
#include "kernels/base/device_error.h"
#include "kernels/base/in_strips.h"
#include "kernels/base/parallel_for.h"
#include "kernels/base/pinned_buffer.h"
#include "kernels/base/staged.h"
#include "kernels/base/transfer.h"
#include "kernels/ops/series_view.h"
#include "pipeline/core/series_rows.h"
#include "tests/support/mock_cuda/runtime.h"

namespace millesime::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const Device kSecond{Device::Kind::cuda, 1};

class CudaRuntime : public ::testing::Test {
 protected:
  CudaRuntime() { reset_runtime(); }
};

template <class Error>
std::string message(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no such error";
}

TEST_F(CudaRuntime, BuffersAndStreamsComeAndGo) {
  {
    const OwnStream stream(kSecond);
    const std::vector<int> numbers = {1, 2, 3};
    const Buffer<int> there = to_device(stream.get(), numbers);
    EXPECT_EQ(to_host(stream.get(), there), numbers);
    Buffer<int> zeros(kSecond, 2);
    zeros.zero(stream);
    EXPECT_EQ(to_host(stream.get(), zeros), (std::vector<int>{0, 0}));
    EXPECT_EQ(runtime.streams, 1);
    EXPECT_EQ(runtime.live, 2);
  }
  EXPECT_EQ(runtime.streams, 0);
  EXPECT_EQ(runtime.live, 0);
}

// Features of two sources, [pixel][feature], side by side on the device: no byte of them comes to the host.
TEST_F(CudaRuntime, RowsAreCopiedOnTheDevice) {
  const OwnStream stream(kSecond);
  const Buffer<int> a = to_device(stream.get(), std::vector<int>{1, 2, 3, 4}), b = to_device(stream.get(), std::vector<int>{7, 8});
  Buffer<int> joined(kSecond, 6);
  joined.zero(stream);
  const auto before = runtime.calls.size();
  detail::copy_rows(stream, joined.data(), 3 * sizeof(int), a.data(), 2 * sizeof(int), 2 * sizeof(int), 2);
  detail::copy_rows(stream, joined.data() + 2, 3 * sizeof(int), b.data(), sizeof(int), sizeof(int), 2);
  detail::copy_rows(stream, nullptr, 0, nullptr, 0, 0, 0);
  for (std::size_t i = before; i < runtime.calls.size(); ++i)
    EXPECT_TRUE(runtime.calls[i] == "cudaSetDevice" || runtime.calls[i] == "cudaMemcpy2DAsync") << runtime.calls[i];
  EXPECT_EQ(to_host(stream.get(), joined), (std::vector<int>{1, 2, 7, 3, 4, 8}));
  std::vector<int> on_cpu(6);
  detail::copy_rows(Stream(Device{}), on_cpu.data() + 1, 3 * sizeof(int), std::vector<int>{1, 2, 3, 4}.data(), 2 * sizeof(int),
                    2 * sizeof(int), 2);
  EXPECT_EQ(on_cpu, (std::vector<int>{0, 1, 2, 0, 3, 4}));
}

// As many blocks as are resident on three multiprocessors: scratch of more threads would never be used at once.
TEST_F(CudaRuntime, AGridFillsTheDeviceAndNoMore) {
  const Cuda cuda = cuda_backend(kSecond);
  runtime.resident_blocks = 5;
  EXPECT_EQ(grid_of(cuda, "ltae", nullptr, 0, 1 << 20), 3U * 5);
  EXPECT_EQ(grid_of(cuda, "ltae", nullptr, 0, 2 * 256 + 1), 3U) << "fewer items";
  runtime.resident_blocks = 0;
  EXPECT_EQ(grid_of(cuda, "ltae", nullptr, 0, 1 << 20), 3U) << "never none";
}

// Memory that is given back in order stays for the next work, until there is too little.
TEST_F(CudaRuntime, TheMemoryPoolKeepsWhatIsGivenBack) {
  const OwnStream stream(kSecond);
  EXPECT_EQ(runtime.pool_keeps, ~std::uint64_t{0});
  { const OrderedBuffer<int> some(stream, "some", 10); }
  EXPECT_EQ(runtime.live, 0);
  EXPECT_EQ(runtime.pool_bytes, 40U);
  { const OrderedBuffer<int> fewer(stream, "fewer", 9); }
  EXPECT_EQ(runtime.pool_bytes, 40U) << "taken from it";
  detail::release_cached(kSecond);
  EXPECT_EQ(runtime.pool_bytes, 0U);
}

// Numbers for every window: two buffers in turn, and no wait for the device but for their last transfer.
TEST_F(CudaRuntime, StagedNumbersAreSentWithoutWaiting) {
  hold_back(-1);
  {
    const OwnStream stream(kSecond);
    Staged<int> staged;
    std::vector<const int*> there;
    std::vector<int> seen;
    seen.reserve(4);
    for (int window = 0; window < 4; ++window) {
      int* numbers = staged.fill(stream, 3);
      for (int i = 0; i < 3; ++i) numbers[i] = 10 * window + i;
      there.push_back(staged.send(stream));
      launch(static_cast<cudaStream_t>(stream.get().handle), [&seen, from = there.back()] { seen.push_back(from[2]); });
      if (window == 1) {
        EXPECT_TRUE(seen.empty()) << "nobody waited";
      }
    }
    stream.get().synchronize();
    EXPECT_EQ(seen, (std::vector<int>{2, 12, 22, 32}));
    EXPECT_EQ(std::ranges::count(runtime.calls, "cudaMallocHost"), 2);
    EXPECT_EQ(std::ranges::count(runtime.calls, "cudaMalloc"), 1);
    int* on_cpu = Staged<int>().fill(Stream{}, 2);
    EXPECT_NE(on_cpu, nullptr);
  }
  EXPECT_EQ(runtime.live, 0);
  EXPECT_EQ(runtime.events, 0);
}

TEST_F(CudaRuntime, EveryCallIsChecked) {
  const std::pair<const char*, std::function<void()>> calls[] = {
      {"cudaSetDevice", [] { cuda_backend(kSecond); }},
      {"cudaDeviceGetAttribute", [] { cuda_backend(kSecond); }},
      {"cudaMalloc", [] { Buffer<int>(kSecond, 3); }},
      {"cudaOccupancyMaxActiveBlocksPerMultiprocessor", [] { grid_of(cuda_backend(kSecond), "gap_fill", nullptr, 0, 3); }},
      {"cudaMallocAsync", [] { detail::allocate_in_order(kSecond, "gap_fill", 12); }},
      {"cudaMemcpyAsync", [] { to_device(Stream(kSecond), std::vector<int>{1}); }},
      {"cudaMemcpy2DAsync",
       [] {
         Buffer<int> there(kSecond, 2);
         detail::copy_rows(Stream(kSecond), there.data(), 4, there.data() + 1, 4, 4, 1);
       }},
      {"cudaMemsetAsync", [] { Buffer<int>(kSecond, 3).zero(Stream(kSecond)); }},
      {"cudaMallocHost", [] { PinnedBuffer<int>(kSecond, 3); }},
      {"cudaEventCreateWithFlags", [] { Transfer upload(kSecond); }},
      {"cudaEventRecord", [] { Transfer(kSecond).to_device(std::vector<int>{1}); }},
      {"cudaEventSynchronize", [] { Transfer(kSecond).to_device(std::vector<char>(3 * Transfer::kChunkBytes)); }},
      {"cudaStreamWaitEvent",
       [] {
         Event event(kSecond);
         event.record(kSecond);
         event.hold(kSecond);
       }},
      {"cudaStreamSynchronize", [] { Stream(kSecond).synchronize(); }},
      {"cudaStreamCreateWithFlags", [] { OwnStream stream(kSecond); }}};
  for (const auto& [name, work] : calls) {
    reset_runtime();
    runtime.fails[name] = cudaErrorInvalidValue;
    EXPECT_THAT(message<DeviceError>(work), AllOf(HasSubstr("on cuda:1: it broke (cudaErrorX)"))) << name;
    EXPECT_EQ(runtime.last, cudaSuccess) << name << ": would be reported again by the next call";
    EXPECT_EQ(runtime.live, 0) << name << ": memory is lost";
    EXPECT_EQ(runtime.events, 0) << name << ": an event is lost";
  }
}

TEST_F(CudaRuntime, ErrorsSayWhatWasBeingDoneAndHowMuch) {
  runtime.last = cudaErrorInvalidValue;  // of the launch
  EXPECT_THAT(message<DeviceError>([] { check_launch("gap_fill", 1048576, kSecond); }),
              HasSubstr("gap_fill of 1048576 items on cuda:1: it broke"));
  runtime.fails["cudaMallocAsync"] = cudaErrorMemoryAllocation;
  EXPECT_THAT(message<OutOfDeviceMemory>([] { detail::allocate_in_order(kSecond, "prepare_regular", 4096); }),
              AllOf(HasSubstr("prepare_regular, allocating 4096 bytes of scratch on cuda:1: out of memory"), HasSubstr("--memory")));
  runtime.fails["cudaMemcpyAsync"] = cudaErrorInvalidValue;
  EXPECT_THAT(message<DeviceError>([] { to_device(Stream(kSecond), std::vector<std::int16_t>(5)); }),
              HasSubstr("copying 10 bytes from cpu to cuda:1 on cuda:1"));
}

TEST_F(CudaRuntime, ALostDeviceIsToldApart) {
  runtime.fails["cudaStreamSynchronize"] = cudaErrorIllegalAddress;
  EXPECT_THAT(message<DeviceLost>([] { Stream(kSecond).synchronize(); }),
              AllOf(HasSubstr("waiting for the work on a stream on cuda:1"), HasSubstr("cudaErrorIllegalAddress"),
                    HasSubstr("run the same command again")));
  runtime.fails["cudaStreamSynchronize"] = cudaErrorInvalidValue;
  EXPECT_THAT(message<DeviceError>([] { Stream(kSecond).synchronize(); }), Not(HasSubstr("run the same command again")));
}

TEST_F(CudaRuntime, NoDriverIsNoDevice) {
  EXPECT_EQ(cuda_devices(), 2);
  runtime.fails["cudaGetDeviceCount"] = cudaErrorNoDevice;
  EXPECT_EQ(cuda_devices(), 0);
  EXPECT_EQ(runtime.last, cudaSuccess);
  EXPECT_THAT(choose_device("auto").note, HasSubstr("no CUDA device can be used on this machine"));
  EXPECT_THAT(message<std::invalid_argument>([] { choose_device("cuda"); }), HasSubstr("use --device cpu or auto"));
}

// More than the two chunks, and not a multiple of one.
TEST_F(CudaRuntime, UploadsGoThroughPageLockedChunks) {
  std::vector<std::uint32_t> numbers(5 * Transfer::kChunkBytes / 8 + 3);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint32_t>(i * 2654435761u);
  {
    Transfer upload(kSecond);
    const Buffer<std::uint32_t> there = upload.to_device(numbers);
    EXPECT_TRUE(std::equal(numbers.begin(), numbers.end(), there.data()));  // the mock's device memory can be read
    EXPECT_EQ(std::ranges::count(runtime.calls, "cudaMemcpyAsync"), 3);
    EXPECT_EQ(std::ranges::count(runtime.calls, "cudaMallocHost"), 2);
    // Each chunk is waited for before it is filled again.
    const auto third = std::ranges::find(runtime.calls, "cudaMemcpyAsync");
    EXPECT_EQ(std::ranges::count(runtime.calls.begin(), third, "cudaEventSynchronize"), 1);
    EXPECT_EQ(std::ranges::count(runtime.calls, "cudaEventSynchronize"), 3);
  }
  EXPECT_EQ(runtime.live, 0);
  EXPECT_EQ(runtime.events, 0);
  EXPECT_EQ(PinnedBuffer<int>(Device{}, 5).size(), 5);  // on the CPU, ordinary memory
  EXPECT_EQ(std::ranges::count(runtime.calls, "cudaMallocHost"), 2);
}

// While one chunk is emptied, the next one is transferred; no transfer starts before its chunk is empty.
TEST_F(CudaRuntime, DownloadsGoThroughPageLockedChunks) {
  std::vector<std::uint32_t> numbers(5 * Transfer::kChunkBytes / 8 + 3);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint32_t>(i * 2654435761u);
  {
    Transfer transfer(kSecond);
    const Buffer<std::uint32_t> there = transfer.to_device(numbers);
    runtime.calls.clear();
    EXPECT_TRUE(transfer.to_host(there) == numbers);
    std::vector<std::string> order;
    for (const std::string& call : runtime.calls)
      if (call != "cudaSetDevice") order.push_back(call);
    const std::string ask = "cudaMemcpyAsync", mark = "cudaEventRecord", wait = "cudaEventSynchronize";
    EXPECT_EQ(order, (std::vector<std::string>{ask, mark, ask, mark, wait, ask, mark, wait, wait}));
    runtime.calls.clear();
    EXPECT_EQ(transfer.to_host(Buffer<int>()), std::vector<int>());
    EXPECT_EQ(std::ranges::count(runtime.calls, ask), 0);
    runtime.fails[wait] = cudaErrorIllegalAddress;
    EXPECT_THROW(transfer.to_host(there), DeviceError);
    runtime.fails.clear();
  }
  EXPECT_EQ(runtime.live, 0);
  EXPECT_EQ(runtime.events, 0);
  EXPECT_EQ(Transfer(Device{}).to_host(to_device(Device{}, std::vector<int>{1, 2})), (std::vector<int>{1, 2}));
}

// Before the next kernel runs, the result of the previous one is downloaded on another stream.
TEST_F(CudaRuntime, DownloadsOnAStreamOfTheirOwnWaitForTheirKernelOnly) {
  {
    const OwnStream computing(kSecond), downloading(kSecond);
    Transfer transfer(downloading);
    Buffer<int> numbers(kSecond, 3), others(kSecond, 3);
    hold_back(1);
    const auto fill = [&](Buffer<int>& buffer, int number) {
      launch(static_cast<cudaStream_t>(computing.get().handle), [&buffer, number] { std::fill_n(buffer.data(), 3, number); });
    };
    fill(numbers, 1), fill(others, 1);
    Event made(kSecond);
    made.record(computing);
    fill(others, 2);
    made.hold(downloading);
    EXPECT_EQ(transfer.to_host(numbers), (std::vector<int>{1, 1, 1}));
    EXPECT_EQ(others.data()[0], 1);
    EXPECT_EQ(std::ranges::count(runtime.calls, "cudaStreamSynchronize"), 0);
    computing.get().synchronize();
    EXPECT_EQ(others.data()[0], 2);
  }
  EXPECT_EQ(runtime.live, 0);
  EXPECT_EQ(runtime.events, 0);
}

// A series that does not fit goes to the device in parts, each with the rows around it that resampling needs.
TEST_F(CudaRuntime, ASeriesThatDoesNotFitIsUploadedInParts) {
  Series series;
  series.window = {0, 0, 4, 12};
  series.dates = {Date::from_ymd(2021, 1, 1)};
  series.bands = {"B2", "B5"};
  series.groups.push_back({{0}, 4, 12, 1, 0, 1, 0, HostNumbers<std::int16_t>(48)});
  series.groups.push_back({{1}, 2, 6, 0.5, -0.25, 0.5, -0.25, HostNumbers<std::int16_t>(12)});
  for (std::size_t i = 0; i < 48; ++i) series.groups[0].samples[i] = static_cast<std::int16_t>(i);
  runtime.largest = 4 * 8 * sizeof(std::int16_t);  // eight rows of the first band
  FittingRows strip;
  HostNumbers<std::int16_t> seen;
  in_strips(
      12, strip,
      [&](int first, int n) {
        const DeviceSeries there(Stream(kSecond), rows_of(series, first, n));
        const BandGroupView& band = there.view().groups[0];
        for (int row = 0; row < n; ++row)  // where kernels look for it
          for (int col = 0; col < 4; ++col) seen.push_back(band.samples[(row + static_cast<int>(band.row_offset)) * band.cols + col]);
      },
      [] {});
  EXPECT_EQ(strip.rows, 2);  // 12, 6, 3, 2: with three rows around it on each side that has some
  EXPECT_EQ(seen, series.groups[0].samples);
  EXPECT_EQ(runtime.live, 0);
}

// A device on which three rows fit, of ten.
TEST_F(CudaRuntime, TooLittleMemoryHalvesTheStrips) {
  constexpr int kRows = 10, kFit = 3;
  const auto work = [](std::vector<int>& done, int first, int n) {
    if (n > kFit)
      runtime.fails["cudaMalloc"] = cudaErrorMemoryAllocation;
    else
      runtime.fails.clear();
    const Buffer<int> buffer(kSecond, n);
    for (int row = first; row < first + n; ++row) done.push_back(row);
  };
  FittingRows strip;
  int released = 0;
  std::vector<int> done, all;
  for (int row = 0; row < kRows; ++row) all.push_back(row);
  in_strips(
      kRows, strip, [&](int first, int n) { work(done, first, n); }, [&] { ++released; });
  EXPECT_EQ(done, all);
  EXPECT_EQ(strip.rows, 3);  // 10, 10 with what release() freed, 5, 3
  EXPECT_EQ(released, 3);
  done.clear();
  in_strips(
      kRows, strip, [&](int first, int n) { work(done, first, n); }, [&] { ++released; });
  EXPECT_EQ(done, all);
  EXPECT_EQ(released, 3);  // the height is remembered
  EXPECT_EQ(runtime.live, 0);
  runtime.fails["cudaMalloc"] = cudaErrorMemoryAllocation;
  EXPECT_THROW(in_strips(
                   kRows, strip, [](int, int n) { Buffer<int>(kSecond, n); }, [] {}),
               OutOfDeviceMemory);
  EXPECT_EQ(strip.rows, 1);
}

// Other work may leave the device, and a window that was halved grows again; attempts in vain become rare.
TEST_F(CudaRuntime, AHalvedWindowGrowsAgain) {
  constexpr int kRows = 12;
  int fit = 4, released = 0;
  FittingRows strip;
  std::vector<int> heights;
  const auto window = [&] {
    heights.clear();
    in_strips(
        kRows, strip,
        [&](int, int n) {
          if (n > fit) throw OutOfDeviceMemory("rows");
          heights.push_back(n);
        },
        [&] { ++released; });
  };
  window();
  EXPECT_EQ(heights, (std::vector<int>{3, 3, 3, 3}));
  for (int i = 0; i < 16; ++i) window();
  EXPECT_EQ(released, 3);  // 12, 12, 6
  window();
  EXPECT_EQ(released, 5) << "6 rows, twice in vain";
  EXPECT_EQ(strip.rows, 3);
  fit = 100;
  for (int i = 0; i < 32; ++i) window();
  EXPECT_EQ(heights.size(), 4U);
  window();
  EXPECT_EQ(heights, (std::vector<int>{6, 6}));
  for (int i = 0; i < 65; ++i) window();
  EXPECT_EQ(heights, (std::vector<int>{12}));
  EXPECT_EQ(released, 5);
}

}  // namespace
}  // namespace millesime::testing
