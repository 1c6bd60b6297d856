#include "pipeline/stages/footprint.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

#include "kernels/base/transfer.h"
#include "kernels/ops/validity.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/imagery/series_strips.h"
#include "pipeline/imagery/window_loop.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/series_reader.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/tiles.h"

namespace millesime {
namespace {

constexpr int kWindowsAhead = 2;                                // windows that are read ahead
constexpr std::int64_t kLargestWindow = std::int64_t{1} << 22;  // pixels; larger ones are not faster

struct MaskWindow {
  Series masks;                        // no band
  std::vector<std::uint8_t> coverage;  // [date][pixel]
};

struct WindowMaps {
  std::vector<std::uint8_t> footprint;       // [pixel]
  std::vector<std::int64_t> covered, clear;  // [date], pixels
};

// Adds the valid pixels of the series to clear[date].
void count_clear(Transfer& transfer, const SeriesView& masks, std::vector<std::int64_t>& clear) {
  const Stream& stream = transfer.stream();
  const std::int64_t pixels = masks.pixels();
  Buffer<std::uint8_t> valid(stream.device, pixels * masks.n_dates);
  ValidityArgs args;
  args.series = masks;
  args.valid = valid.data();
  validity(stream, args);
  const std::vector<std::uint8_t> by_date = transfer.to_host(valid);
  for (std::size_t date = 0; date < clear.size(); ++date) {
    const auto begin = by_date.begin() + static_cast<std::ptrdiff_t>(date) * pixels;
    clear[date] += std::count(begin, begin + pixels, 1);
  }
}

WindowMaps describe_window(SeriesAhead& ahead, Transfer& transfer, FittingRows& fit, const MaskWindow& input) {
  const std::int64_t pixels = input.masks.window.pixels();
  const int n_dates = input.masks.n_dates();
  WindowMaps maps;
  maps.clear.resize(static_cast<std::size_t>(n_dates));
  compute_in_strips(
      ahead, input.masks, fit, [&](const DeviceSeries& rows, int) { count_clear(transfer, rows.view(), maps.clear); }, [] {});
  maps.footprint.resize(static_cast<std::size_t>(pixels));
  for (int date = 0; date < n_dates; ++date) {
    const auto begin = static_cast<std::ptrdiff_t>(date * pixels), end = begin + static_cast<std::ptrdiff_t>(pixels);
    maps.covered.push_back(std::count(input.coverage.begin() + begin, input.coverage.begin() + end, 1));
    std::transform(maps.footprint.begin(), maps.footprint.end(), input.coverage.begin() + begin, maps.footprint.begin(),
                   [](int a, int b) { return static_cast<std::uint8_t>(a | b); });
  }
  return maps;
}

// The counts of the report over the whole tile.
struct Tally {
  std::vector<std::int64_t> covered, clear;  // [date]
  std::int64_t footprint = 0;

  void add(const WindowMaps& maps) {
    covered.resize(maps.covered.size());
    clear.resize(maps.clear.size());
    for (std::size_t date = 0; date < maps.covered.size(); ++date) covered[date] += maps.covered[date], clear[date] += maps.clear[date];
    footprint += std::count(maps.footprint.begin(), maps.footprint.end(), 1);
  }
};

nlohmann::ordered_json report_of(const SourceCensus& census, const Tally& tally) {
  const Grid& grid = census.grid;
  nlohmann::ordered_json report;
  report["tile"] = census.tile;
  report["sensor"] = census.sensor;
  report["grid"] = to_json(grid);
  report["bands"] = census.bands;
  report["dates"] = nlohmann::ordered_json::array();
  for (std::size_t date = 0; date < census.acquisitions.size(); ++date)
    report["dates"].push_back(
        {{"date", census.acquisitions[date].date.iso()}, {"covered_px", tally.covered[date]}, {"clear_px", tally.clear[date]}});
  report["pixels"] = grid.pixels();
  report["footprint_px"] = tally.footprint;
  return report;
}

std::optional<std::vector<Unit>> plan_footprint(const Config& config) {
  const Layout layout(config);
  std::vector<Unit> units;
  for (const std::string& tile : tiles_of(config)) {
    Unit unit;
    unit.stage = "footprint";
    unit.key = unit.tile = tile;
    unit.inputs = {layout.census(tile)};
    const FootprintFiles files{layout.footprint_report(tile), layout.footprint(tile)};
    unit.outputs = {files.report, files.footprint};
    unit.run = [census = layout.census(tile), roots = source_roots(config), files](const Context& context) {
      return write_footprint(TileImages::read(census, roots).main(), files, context);
    };
    units.push_back(std::move(unit));
  }
  return units;
}

}  // namespace

nlohmann::json write_footprint(const SourceCensus& census, const FootprintFiles& files, const Context& context) {
  const auto reader = std::make_shared<SeriesReader>(census, std::vector<std::string>{}, std::clamp(context.threads / 2, 1, 8));
  reader->keep_within(context.memory_bytes / SeriesReader::kShareForBlocks);
  const Grid& grid = reader->grid();
  const auto n_dates = static_cast<std::int64_t>(census.acquisitions.size());
  const OwnStream stream(context.device, context.threads);
  SeriesAhead ahead(stream);
  Transfer transfer(stream);
  // Windows in memory: read ahead, being read or uploaded, and the one that is computed, on the host and on the device.
  const std::int64_t window_bytes = (reader->bytes_per_pixel() + 3 * n_dates + 4) * (2 * kWindowsAhead + 3 + ahead.windows_on_host());
  const std::vector<Window> windows = reader->windows(kLargestWindow, reader->pixels_within(context.memory_bytes, 2, window_bytes));

  RasterOptions options;
  options.band_names = {"footprint"};
  RasterWriter footprint(files.footprint, grid, PixelType::u8, 1, options);
  Tally tally;
  FittingRows fit;
  context.progress->start("footprint " + census.tile, grid.pixels(), "px");
  window_loop<MaskWindow, WindowMaps>(
      windows, 1, kWindowsAhead,
      [&] {
        return std::function<MaskWindow(const Window&)>([reader](const Window& window) {
          MaskWindow input{reader->read(window), {}};
          input.coverage = reader->coverage(input.masks);
          return input;
        });
      },
      [&](const Window&, MaskWindow&& input) { return describe_window(ahead, transfer, fit, input); },
      [&](const Window& window, WindowMaps&& maps) {
        footprint.write(window, 0, maps.footprint.data());
        tally.add(maps);
        context.progress->advance(window.pixels());
      },
      context.progress, uploader<MaskWindow>(ahead, [](const MaskWindow& input) -> const Series& { return input.masks; }));
  require_unchanged(census);
  footprint.commit();
  const nlohmann::ordered_json report = report_of(census, tally);
  write_text(files.report, json_text(report, 1) + "\n");
  context.progress->finish();
  return {{"acquisitions", n_dates}, {"pixels", grid.pixels()}, {"footprint_px", tally.footprint}};
}

Stage footprint_stage() {
  return {.name = "footprint",
          .summary = "finds where each tile has images, and how much of each date is clear",
          .reads = "census and masks of a tile",
          .writes = "footprint and report of each tile",
          .command = "",
          .example = "millesime run france-2021.toml --to footprint",
          .revision = 3,
          .papers = {},
          .options = {},
          .of_any_edition = true,
          .plan = plan_footprint};
}

}  // namespace millesime
