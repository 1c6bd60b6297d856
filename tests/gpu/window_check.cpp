#include "tests/gpu/window_check.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <string>

#include "kernels/base/in_strips.h"
#include "kernels/base/staged.h"
#include "kernels/ops/blend.h"
#include "kernels/ops/decide.h"
#include "kernels/ops/ltae.h"
#include "kernels/ops/map_values.h"
#include "kernels/ops/series_ahead.h"
#include "kernels/ops/smooth.h"
#include "pipeline/core/series_rows.h"
#include "tests/support/series_world.h"

namespace millesime::testing {
namespace {

constexpr int kClasses = 23, kPasses = 2, kReach = 2, kHalo = kPasses * kReach;

// The same series in memory that is page-locked for a device.
Series pinned(const Series& series, const Device& device) {
  Series copy = series;
  copy.masks = HostNumbers<std::uint8_t>(series.masks.begin(), series.masks.end(), HostAllocator<std::uint8_t>(device));
  for (BandGroup& group : copy.groups)
    group.samples = HostNumbers<std::int16_t>(group.samples.begin(), group.samples.end(), HostAllocator<std::int16_t>(device));
  return copy;
}

class WindowPath {
 public:
  WindowPath(const Device& device, int dates, const LtaeShape& shape)
      : stream_(device), ahead_(stream_), network_(random_ltae(shape), stream_) {
    network_.set_dates(random_positions(dates, shape.head_width, 2), stream_);
    const std::vector<float> mean(kTestBands.size(), 3000), inverse(kTestBands.size(), 1e-3f);
    mean_ = to_device(stream_.get(), mean), inverse_ = to_device(stream_.get(), inverse);
    stream_.get().synchronize();
  }

  SeriesAhead& ahead() { return ahead_; }

  // Rows [first, first + n) of the window, under way.
  void submit(const Series& window, int first, int n) {
    const int above = std::min(first, kHalo), below = std::min(window.window.height - first - n, kHalo);
    if (n == window.window.height) return compute(ahead_.current(window).view(), 0, n);
    const Series rows = rows_of(window, first - above, above + n + below);
    compute(ahead_.put(rows).view(), above, n);
  }

  std::vector<std::uint8_t> values() {
    std::vector<std::uint8_t> all;
    for (PinnedNumbers<std::uint8_t>& part : parts_) {
      part.moved.wait();
      all.insert(all.end(), part.memory.data(), part.memory.data() + part.memory.size());
    }
    return all;
  }
  int strips() const { return static_cast<int>(parts_.size()); }
  void drop_values() { parts_.clear(); }
  void release() {
    ahead_.give_up();
    for (Buffer<float>& planes : planes_) planes = {};
    logits_ = {}, probabilities_ = {}, count_ = {}, label_ = {}, values_ = {};
  }

 private:
  void compute(const SeriesView& series, int first_row, int n) {
    const Stream& stream = stream_;
    const std::int64_t pixels = series.pixels(), inner = std::int64_t{n} * series.width;
    count_.reserve(stream.device, pixels), label_.reserve(stream.device, pixels), values_.reserve(stream.device, 3 * inner);
    for (Buffer<float>* numbers : {&logits_, &probabilities_, &planes_[0], &planes_[1]}) numbers->reserve(stream.device, pixels * kClasses);
    LtaeArgs network;
    network.weights = network_.view(), network.dates = network_.dates(), network.series = series;
    network.mean = mean_.data(), network.inverse_std = inverse_.data(), network.logits = logits_.data(), network.count = count_.data();
    ltae(stream, network);
    DecideArgs decision;
    decision.pixels = pixels, decision.n_classes = kClasses, decision.logits = logits_.data(), decision.count = count_.data();
    decision.label = label_.data(), decision.exact_probabilities = probabilities_.data();
    decide(stream, decision);
    BlendArgs mix;
    mix.pixels = pixels, mix.n_classes = mix.model_classes = kClasses, mix.probabilities = probabilities_.data();
    mix.mean = planes_[0].data();
    blend(stream, mix);
    SmoothArgs smoothing;
    smoothing.cols = series.width, smoothing.rows = series.height, smoothing.n_classes = kClasses, smoothing.reach = kReach;
    smoothing.counts = count_.data();
    for (int pass = 0; pass < kPasses; ++pass) {
      smoothing.probabilities = planes_[pass % 2].data(), smoothing.smoothed = planes_[1 - pass % 2].data();
      smooth(stream, smoothing);
    }
    MapValuesArgs map;
    map.cols = map.inner_cols = series.width, map.rows = series.height, map.first_row = first_row, map.inner_rows = n;
    map.n_classes = kClasses, map.smoothed = true;
    map.probabilities = smoothing.smoothed, map.decidable = map.count = count_.data();
    map.place = values_.data(), map.confidence = values_.data() + inner, map.validity = values_.data() + 2 * inner;
    map_values(stream, map);
    PinnedNumbers<std::uint8_t> part;
    std::uint8_t* const to = part.reserve(stream.device, 3 * inner);
    detail::copy_bytes(stream, Device{}, to, stream.device, values_.data(), static_cast<std::size_t>(3 * inner));
    part.moved.record(stream);
    parts_.push_back(std::move(part));
  }

  OwnStream stream_;
  SeriesAhead ahead_;
  Ltae network_;
  Buffer<float> mean_, inverse_, logits_, probabilities_, planes_[2];
  Buffer<std::uint8_t> count_, label_, values_;
  std::deque<PinnedNumbers<std::uint8_t>> parts_;
};

// The pixels of a window in the order of its rows, however it was cut: class, confidence and validity of each.
std::vector<std::uint8_t> in_rows(const std::vector<std::uint8_t>& parts, const std::vector<int>& rows, int width) {
  std::vector<std::uint8_t> pixels;
  std::size_t at = 0;
  for (const int n : rows) {
    const auto size = static_cast<std::size_t>(n) * static_cast<std::size_t>(width);
    for (std::size_t p = 0; p < size; ++p)
      for (std::size_t k = 0; k < 3; ++k) pixels.push_back(parts[at + k * size + p]);
    at += 3 * size;
  }
  return pixels;
}

// Nearly all memory of a device.
class Ballast {
 public:
  Ballast(const Device& device, std::int64_t bytes_left) {
    for (std::int64_t chunk = std::int64_t{1} << 30; chunk >= std::int64_t{1} << 22; chunk /= 4) {
      try {
        while (true) taken_.emplace_back(device, chunk);
      } catch (const OutOfDeviceMemory&) {
      }
    }
    for (std::int64_t left = 0; left < bytes_left && !taken_.empty(); taken_.pop_back()) left += taken_.back().size();
  }

 private:
  std::vector<Buffer<unsigned char>> taken_;
};

}  // namespace

WindowRun run_windows(const std::vector<Series>& windows, const Device& device, const LtaeShape& network) {
  WindowRun run;
  std::vector<Series> locked;
  for (const Series& window : windows) locked.push_back(pinned(window, device));
  WindowPath path(device, windows.front().n_dates(), network);
  FittingRows fit;
  std::vector<int> rows;
  const auto once = [&] {
    rows.clear(), path.drop_values();
    path.ahead().upload(locked.front());
    for (std::size_t w = 0; w < locked.size(); ++w) {
      if (w + 1 < locked.size()) path.ahead().upload(locked[w + 1]);
      in_strips(
          locked[w].window.height, fit,
          [&](int first, int n) {
            path.submit(locked[w], first, n);
            rows.push_back(n);
          },
          [&] { path.release(); });
      path.ahead().done();
    }
    return path.values();
  };
  once();
  const auto start = std::chrono::steady_clock::now();
  const std::vector<std::uint8_t> parts = once();
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  run.strips = path.strips();
  run.values = in_rows(parts, rows, windows.front().window.width);
  return run;
}

int check_windows(int devices) {
  constexpr int kWindows = 4, kAcross = 512, kDown = 256, kDates = 30;
  const LtaeShape network = {.spectral = 32, .heads = 16, .head_width = 16, .mlp = 128, .statics = 0, .hidden = 64, .classes = kClasses};
  std::vector<Series> windows;
  for (int w = 0; w < kWindows; ++w)
    windows.push_back(random_series({kAcross, kDown, kDates, 0.4, 0.02, true, static_cast<unsigned>(w + 1)}));
  const WindowRun expected = run_windows(windows, Device{}, network);
  const auto pixels = static_cast<double>(kWindows) * kAcross * kDown;
  int wrong = 0;
  const auto report = [&](const std::string& what, const WindowRun& run, bool well) {
    const bool same = run.values == expected.values && well;
    wrong += !same;
    std::printf("| %s | %.2f Mpx/s | %d parts of %d windows | %s |\n", what.c_str(), pixels / run.seconds / 1e6, run.strips, kWindows,
                same ? "the CPU's bits" : "**WRONG**");
    std::fflush(stdout);
  };
  report("windows of L-TAE, cpu", expected, true);
  for (int index = 0; index < devices; ++index) {
    const Device device{Device::Kind::cuda, index};
    report("windows of L-TAE, " + device.text(), run_windows(windows, device, network), true);
  }
  if (devices > 0) {
    const Device device{Device::Kind::cuda, 0};
    const Ballast ballast(device, std::int64_t{160} << 20);  // scratch of the network and a part of a window
    const WindowRun run = run_windows(windows, device, network);
    report("the same with nearly no memory left", run, run.strips > kWindows);
  }
  return wrong;
}

}  // namespace millesime::testing
