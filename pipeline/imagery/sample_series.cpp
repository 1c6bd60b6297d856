#include "pipeline/imagery/sample_series.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <span>

#include "kernels/ops/series_view.h"
#include "kernels/ops/validity.h"
#include "pipeline/core/error.h"
#include "pipeline/imagery/tile_reader.h"
#include "pipeline/imagery/window_loop.h"
#include "pipeline/io/series_reader.h"

namespace millesime {
namespace {

constexpr int kReadAhead = 2;                         // windows that are read ahead, and that wait to be written
constexpr std::int64_t kMaxWindowPixels = 512 * 512;  // samples are sparse: larger windows read more than necessary
constexpr double kShareForSamples = 0.6;              // of the memory budget; the rest is for windows

// A window with samples: the part of a block around them.
struct SampleWindow {
  Window window;
  std::vector<std::size_t> samples;
};

std::vector<SampleWindow> windows_with_samples(const Samples& samples, const SeriesReader& reader, std::int64_t max_pixels) {
  const Grid& grid = reader.grid();
  const std::vector<Window> blocks = reader.windows(max_pixels, max_pixels);  // rows of equal columns
  std::vector<int> cols, rows;
  for (const Window& block : blocks) {
    if (block.row == 0) cols.push_back(block.col);
    if (block.col == 0) rows.push_back(block.row);
  }
  const auto part_of = [](const std::vector<int>& starts, int position) {
    return static_cast<std::size_t>(std::ranges::upper_bound(starts, position) - starts.begin()) - 1;
  };
  std::map<std::size_t, SampleWindow> found;
  for (std::size_t i = 0; i < samples.label.size(); ++i)
    found[part_of(rows, samples.row[i]) * cols.size() + part_of(cols, samples.col[i])].samples.push_back(i);
  std::vector<SampleWindow> result;
  for (auto& [block, part] : found) {
    int left = grid.cols, top = grid.rows, right = -1, bottom = -1;
    for (const std::size_t i : part.samples) {
      left = std::min(left, samples.col[i]), right = std::max(right, samples.col[i]);
      top = std::min(top, samples.row[i]), bottom = std::max(bottom, samples.row[i]);
    }
    part.window = {left, top, right - left + 1, bottom - top + 1};
    result.push_back(std::move(part));
  }
  return result;
}

struct WindowObservations {
  std::vector<std::int16_t> values;  // [date][band][pixel]
  std::vector<std::uint8_t> valid;   // [date][pixel]
  std::vector<float> statics;        // [pixel][static]
};

WindowObservations observe(const TileWindow& input, Resampling method) {
  const HostSeries series(input.series);
  const auto pixels = static_cast<std::size_t>(input.series.window.pixels()), dates = input.series.dates.size(),
             bands = input.series.bands.size();
  WindowObservations result{std::vector<std::int16_t>(dates * bands * pixels), std::vector<std::uint8_t>(dates * pixels), input.statics};
  resample(Stream{}, {.series = series.view(), .method = method, .samples = result.values.data()});
  validity(Stream{}, {.series = series.view(), .valid = result.valid.data(), .count = nullptr});
  return result;
}

void store(const WindowObservations& seen, const SampleWindow& part, Samples& samples, std::size_t source) {
  SampleSeries& series = samples.series[source];
  const std::size_t dates = series.dates.size(), bands = series.bands.size(),
                    statics = seen.statics.empty() ? 0 : samples.static_names.size();
  const auto pixels = static_cast<std::size_t>(part.window.pixels());
  const std::span<std::int16_t> all_values = series.values.space();
  const std::span<std::uint8_t> all_valid = series.valid.space();
  std::vector<float>& all_statics = samples.statics.edit();
  for (const std::size_t i : part.samples) {
    const auto pixel = static_cast<std::size_t>(samples.row[i] - part.window.row) * static_cast<std::size_t>(part.window.width) +
                       static_cast<std::size_t>(samples.col[i] - part.window.col);
    for (std::size_t d = 0; d < dates; ++d) {
      const bool valid = seen.valid[d * pixels + pixel] != 0;
      all_valid[i * dates + d] = valid ? 1 : 0;
      for (std::size_t b = 0; b < bands; ++b)
        all_values[(i * dates + d) * bands + b] = valid ? seen.values[(d * bands + b) * pixels + pixel] : kNodata;
    }
    std::copy_n(seen.statics.begin() + static_cast<std::ptrdiff_t>(pixel * statics), statics,
                all_statics.begin() + static_cast<std::ptrdiff_t>(i * statics));
  }
}

}  // namespace

void read_series(const SourceCensus& census, const std::vector<ExogenousOptions>& exogenous, Resampling resampling, Samples& samples,
                 std::size_t source, const std::string& folder, const Context& context) {
  SampleSeries& series = samples.series[source];
  const std::size_t n = samples.label.size(), dates = series.dates.size(), bands = series.bands.size();
  const double bytes = static_cast<double>(n) * static_cast<double>(dates) * static_cast<double>(2 * bands + 1);
  if (bytes > kShareForSamples * static_cast<double>(context.memory_bytes)) {
    context.progress->note(join_text("tile ", census.tile, ": ", n, " samples of ", dates, " dates and ", bands, " bands (",
                                     std::ceil(bytes / 1e8) / 10, " GB) do not fit into the memory budget; they are kept on the disk of ",
                                     folder));
    series.values = Column<std::int16_t>::scratch(folder, n * dates * bands);
    series.valid = Column<std::uint8_t>::scratch(folder, n * dates);
  } else {
    series.values.assign(n * dates * bands, kNodata);
    series.valid.assign(n * dates, 0);
  }

  TileReader reader({{&census, series.bands}}, exogenous, std::max(1, context.threads / 2), 0, context.memory_bytes);
  const auto per_pixel = reader.bytes_per_pixel() + static_cast<std::int64_t>(dates * (2 * bands + 1));
  const std::int64_t budget =
      std::min(reader.main().pixels_within(context.memory_bytes, 4, (2 * kReadAhead + 2) * per_pixel), kMaxWindowPixels);
  const std::vector<SampleWindow> parts = windows_with_samples(samples, reader.main(), budget);
  std::vector<Window> windows;
  std::map<std::pair<int, int>, const SampleWindow*> part_at;
  std::int64_t total = 0;
  for (const SampleWindow& part : parts) {
    windows.push_back(part.window);
    part_at[{part.window.col, part.window.row}] = &part;
    total += part.window.pixels();
  }
  SpareWindows spare(Device{});
  context.progress->start("sample " + census.tile + (source == 0 ? "" : ", " + census.source), total, "px");
  window_loop<TileWindow, WindowObservations>(
      windows, 1, kReadAhead,
      [&] {
        return [&](const Window& window) {
          TileWindow read = spare.take();
          reader.read(window, read);
          return read;
        };
      },
      [&](const Window&, TileWindow&& input) {
        WindowObservations seen = observe(input, resampling);
        spare.give(std::move(input));
        return seen;
      },
      [&](const Window& window, WindowObservations&& seen) {
        store(seen, *part_at.at({window.col, window.row}), samples, source);
        samples.series[source].values.release(), samples.series[source].valid.release();
        context.progress->advance(window.pixels());
      },
      context.progress);
  require_unchanged(census);
  context.progress->finish();
}

}  // namespace millesime
