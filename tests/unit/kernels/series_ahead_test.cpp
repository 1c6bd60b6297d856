// Uploads during the computation, with a mock of the CUDA runtime whose streams run as early or as late as events allow: no data are read
// before they are uploaded or overwritten before they are read, also with too little memory and a lost device.

#include "kernels/ops/series_ahead.h"

#include <numeric>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/base/device_error.h"
#include "kernels/base/in_strips.h"
#include "pipeline/core/series_rows.h"
#include "pipeline/imagery/series_strips.h"
#include "pipeline/imagery/window_loop.h"
#include "tests/support/mock_cuda/runtime.h"

namespace millesime::testing {
namespace {

const Device kGpu{Device::Kind::cuda, 0};
constexpr int kWindows = 7, kWidth = 40, kHeight = 12;
constexpr int kComputing = 0, kUploading = 1;  // streams, in the order in which they are made

// Every window's numbers differ; the last window is smaller.
Series series_of(int window) {
  Series series;
  series.window = {0, window * kHeight, kWidth, window == kWindows - 1 ? 5 : kHeight};
  series.dates = {Date::from_ymd(2021, 1, 1 + window), Date::from_ymd(2021, 2, 1)};
  series.bands = {"B4"};
  series.mask_rules.push_back({0, 1});
  const std::int64_t pixels = series.window.pixels();
  series.groups.push_back({{0}, kWidth, series.window.height, 1, 0, 1, 0, HostNumbers<std::int16_t>(static_cast<std::size_t>(2 * pixels))});
  for (std::size_t i = 0; i < series.groups[0].samples.size(); ++i)
    series.groups[0].samples[i] = static_cast<std::int16_t>(1000 * window + static_cast<int>(i % 997));
  series.masks.assign(static_cast<std::size_t>(2 * pixels), static_cast<std::uint8_t>(window % 2));
  return series;
}

// The result of a kernel for rows of a window: for each pixel a number that depends on all of its samples.
std::vector<std::int64_t> digest(const SeriesView& view) {
  std::vector<std::int64_t> numbers;
  const BandGroupView& band = view.groups[0];
  for (int row = 0; row < view.height; ++row)
    for (int col = 0; col < view.width; ++col) {
      std::int64_t number = 0;
      for (int date = 0; date < view.n_dates; ++date) {
        const std::int64_t at = (std::int64_t{date} * band.rows + row + static_cast<int>(band.row_offset)) * band.cols + col;
        const std::uint8_t mask = view.masks[date * view.mask_stride + std::int64_t{row} * view.width + col];
        number = number * 31 + band.samples[at] + 7 * view.days[date] + 100000 * view.mask_rules[mask];
      }
      numbers.push_back(number);
    }
  return numbers;
}

std::vector<std::int64_t> expected() {
  std::vector<std::int64_t> numbers;
  for (int window = 0; window < kWindows; ++window) {
    const Series series = series_of(window);
    const auto of_window = digest(HostSeries(series).view());
    numbers.insert(numbers.end(), of_window.begin(), of_window.end());
  }
  return numbers;
}

class SeriesAheadOnMock : public ::testing::Test {
 protected:
  SeriesAheadOnMock() { reset_runtime(); }
  ~SeriesAheadOnMock() override {
    EXPECT_EQ(runtime.live, 0) << "memory is lost";
    EXPECT_EQ(runtime.events, 0) << "an event is lost";
    EXPECT_EQ(runtime.streams, 0) << "a stream is lost";
    EXPECT_EQ(runtime.lost_copies, 0) << "page-locked memory was freed while it was copied";
  }

  // With the loop of the stages and its threads; one kernel a strip.
  std::vector<std::int64_t> run_loop() {
    const OwnStream stream(kGpu);
    SeriesAhead ahead(stream);
    std::vector<Window> windows;
    for (int window = 0; window < kWindows; ++window) windows.push_back(series_of(window).window);
    fit_ = {};
    std::vector<std::vector<std::int64_t>> numbers;
    window_loop<Series, int>(
        windows, 1, 2, [] { return [](const Window& window) { return series_of(window.row / kHeight); }; },
        [&](const Window&, Series&& series) {
          const auto compute = [&](const DeviceSeries& strip, int) {
            numbers.reserve(100);
            launch(static_cast<cudaStream_t>(stream.get().handle),
                   [view = strip.view(), out = &numbers.emplace_back()] { *out = digest(view); });
          };
          compute_in_strips(ahead, series, fit_, compute, [] {});
          return 0;
        },
        [](const Window&, int&&) {}, nullptr, uploader<Series>(ahead, [](const Series& series) -> const Series& { return series; }));
    stream.get().synchronize();
    std::vector<std::int64_t> all;
    for (const auto& strip : numbers) all.insert(all.end(), strip.begin(), strip.end());
    return all;
  }

  FittingRows fit_;
};

TEST_F(SeriesAheadOnMock, KernelsSeeTheirWindowHoweverStreamsRun) {
  EXPECT_EQ(run_loop(), expected());
  for (const int eager : {-1, kComputing, kUploading}) {
    reset_runtime();
    hold_back(eager);
    EXPECT_EQ(run_loop(), expected()) << "stream " << eager << " runs ahead";
  }
}

// In the order in which the threads of the loop call it.
TEST_F(SeriesAheadOnMock, TheNextWindowIsSentBeforeTheKernelsOfThisOneAreDone) {
  hold_back(kUploading);
  const OwnStream stream(kGpu);
  SeriesAhead ahead(stream);
  int done = 0;
  SeriesView views[3];
  const Series series[] = {series_of(0), series_of(1), series_of(2)};
  ahead.upload(series[0]);
  for (int window = 0; window < 2; ++window) {
    if (window == 0) {
      ahead.upload(series[1]);
      EXPECT_EQ(done, 0);
    }
    views[window] = ahead.current(series[window]).view();
    launch(static_cast<cudaStream_t>(stream.get().handle), [&] { ++done; });
    ahead.done();
  }
  EXPECT_NE(views[0].masks, views[1].masks);
  EXPECT_EQ(digest(views[1]), digest(HostSeries(series[1]).view())) << "the second window is there";
  EXPECT_EQ(done, 0) << "although no kernel has run";
  EXPECT_EQ(digest(views[0]), digest(HostSeries(series[0]).view()));
  const auto waits = std::ranges::count(runtime.calls, "cudaStreamSynchronize");
  ahead.upload(series[2]);  // takes the place of the first, after its kernels
  EXPECT_GE(done, 1);
  EXPECT_EQ(std::ranges::count(runtime.calls, "cudaStreamSynchronize"), waits) << "by an event, without a wait of the host";
  const SeriesView third = ahead.current(series[2]).view();
  EXPECT_EQ(third.masks, views[0].masks);
  stream.get().synchronize();
  EXPECT_EQ(digest(third), digest(HostSeries(series[2]).view()));
  ahead.done();
}

TEST_F(SeriesAheadOnMock, WhereOneWindowFitsAndNotTwoNothingIsSentAhead) {
  const std::size_t window = 2 * kWidth * kHeight * 3 + 2 * 4 + 256;
  for (const int eager : {-1, kComputing, kUploading}) {
    reset_runtime();
    runtime.memory = window + window / 2;
    hold_back(eager);
    EXPECT_EQ(run_loop(), expected());
    EXPECT_GT(fit_.rows, kHeight) << "and windows stay whole";
    EXPECT_EQ(runtime.live, 0);
  }
}

TEST_F(SeriesAheadOnMock, WhereNoWindowFitsStripsDo) {
  for (const int eager : {-1, kComputing, kUploading}) {
    reset_runtime();
    runtime.memory = 2 * kWidth * 9 * 3 + 2 * 4 + 256;  // nine rows
    hold_back(eager);
    EXPECT_EQ(run_loop(), expected());
    EXPECT_EQ(fit_.rows, 6);  // with the three rows beside it
  }
}

// For any failure at any time the loop ends with the error, and frees everything.
TEST_F(SeriesAheadOnMock, AFailureEndsTheLoopAndLeavesNothingBehind) {
  for (const char* call : {"cudaMemcpyAsync", "cudaEventRecord", "cudaEventSynchronize", "cudaStreamWaitEvent", "cudaMalloc"}) {
    reset_runtime();
    hold_back(kUploading);
    run_loop();
    reset_runtime();
    hold_back(kUploading);
    runtime.fails[call] = cudaErrorIllegalAddress;
    EXPECT_THROW(run_loop(), DeviceLost) << call;
    EXPECT_EQ(runtime.live, 0) << call;
    EXPECT_EQ(runtime.events, 0) << call;
    EXPECT_EQ(runtime.streams, 0) << call;
  }
}

TEST_F(SeriesAheadOnMock, OnTheCpuItOnlyViews) {
  SeriesAhead ahead(Stream{});
  EXPECT_FALSE(ahead.uploads());
  EXPECT_FALSE(uploader<Series>(ahead, [](const Series& series) -> const Series& { return series; }));
  const Series series = series_of(3);
  EXPECT_EQ(ahead.current(series).view().masks, series.masks.data());
  ahead.done();
  EXPECT_TRUE(runtime.calls.empty());
}

}  // namespace
}  // namespace millesime::testing
