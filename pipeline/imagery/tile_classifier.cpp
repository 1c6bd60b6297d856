#include "pipeline/imagery/tile_classifier.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "kernels/base/in_strips.h"
#include "kernels/base/staged.h"
#include "kernels/ops/resample.h"
#include "kernels/ops/validity.h"
#include "pipeline/core/error.h"
#include "pipeline/imagery/pixel_tally.h"
#include "pipeline/imagery/series_strips.h"
#include "pipeline/imagery/tile_input.h"
#include "pipeline/imagery/tile_reader.h"
#include "pipeline/imagery/window_loop.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/series_reader.h"

namespace millesime {
namespace {

constexpr int kAhead = 2;  // windows that are read ahead, and that wait to be written
// On the CPU the series of a window is small: reading, computing and writing overlap from the first windows on, and its memory is reused
// for the next window. A GPU needs large kernels, of more pixels than its threads. With larger windows than these a small tile has few of
// them, each in page-locked memory that is taken for it alone.
constexpr std::int64_t kWindowBytes = 24 << 20;
constexpr std::int64_t kMaxDevicePixels = 1 << 18;

// Threads that read. Where a GPU computes, all cores but two: one that feeds it and one that writes. On the CPU all of them: they share the
// cores with those that compute, but nothing is computed before the first window is read, of which opening the files takes most.
int readers_of(const Context& context) {
  return std::max(1, context.device.kind == Device::Kind::cpu ? context.threads : context.threads - 2);
}

void note_of_tile(const std::string& text, const Context& context, const ClassifyRequest& request) {
  context.progress->note(join_text("tile ", request.census.tile, ": ", text));
}

// Some rows of a window as the device sends them.
struct DecidedRows {
  std::vector<SeedMap::Values> maps;
  std::int64_t pixels = 0;
  PinnedNumbers<std::uint8_t> observed;  // valid dates, [further source][pixel]
};
using ClassifiedWindow = std::vector<DecidedRows>;  // of a window: all rows, or strips of them

// The memory of what was written, for the windows to come.
class SpareRows {
 public:
  DecidedRows take(std::size_t maps) {
    const std::lock_guard lock(mutex_);
    DecidedRows rows;
    if (!spare_.empty()) rows = std::move(spare_.back()), spare_.pop_back();
    rows.maps.resize(maps);
    return rows;
  }
  void give(DecidedRows rows) {
    const std::lock_guard lock(mutex_);
    spare_.push_back(std::move(rows));
  }

 private:
  std::mutex mutex_;
  std::vector<DecidedRows> spare_;
};

// The weights of the regions of a tile, as the models see them: a region without a model of its own adds to its substitute.
class ModelRegions {
 public:
  ModelRegions(const ClassifyRequest& request, const Grid& grid) : weights_(request.regions, grid) {
    const auto& models = request.maps.front().models;
    for (const std::string& region : weights_.names()) {
      const auto substitute = request.substitutes.find(region);
      model_.push_back(substitute == request.substitutes.end() ? region : substitute->second);
      has_model_.push_back(std::ranges::find(models, model_.back(), &RegionalModel::region) != models.end());
    }
  }

  RegionShares shares(const Window& window) const {
    const std::vector<int> present = weights_.present(window);
    const std::vector<float> weights = weights_.weights(window, present);
    const auto pixels = static_cast<std::size_t>(window.pixels());
    RegionShares shares;
    for (std::size_t k = 0; k < present.size(); ++k) {
      const auto region = static_cast<std::size_t>(present[k]);
      if (!has_model_[region]) continue;
      const auto first = static_cast<std::size_t>(std::ranges::find(shares.names, model_[region]) - shares.names.begin()) * pixels;
      if (first == shares.weights.size()) {
        shares.names.push_back(model_[region]);
        shares.weights.resize(first + pixels, 0.0f);
      }
      for (std::size_t p = 0; p < pixels; ++p) shares.weights[first + p] += weights[k * pixels + p];
    }
    return shares;
  }

  // [pixel] 1 in reach of a region that has no model; empty: there is no such region.
  std::vector<std::uint8_t> without_model(const Window& window) const {
    std::vector<int> regions = weights_.present(window);
    std::erase_if(regions, [&](int region) { return has_model_[static_cast<std::size_t>(region)]; });
    if (regions.empty()) return {};
    const std::vector<float> weights = weights_.weights(window, regions);
    std::vector<std::uint8_t> flags(static_cast<std::size_t>(window.pixels()), 0);
    for (std::size_t i = 0; i < weights.size(); ++i)
      if (weights[i] > 0) flags[i % flags.size()] = 1;
    return flags;
  }

 private:
  RegionWeights weights_;
  std::vector<std::string> model_;  // of each region
  std::vector<bool> has_model_;
};

class TileClassifier {
 public:
  TileClassifier(const ClassifyRequest& request, const Context& context)
      : request_(request),
        context_(context),
        input_(tile_input(request)),
        stream_(context.device, context.threads),
        ahead_(stream_),
        reader_(sources_of(request, input_), request.exogenous, readers_of(context), request.options.halo(), context.memory_bytes,
                input_.coordinates),
        spare_windows_(context.device),
        prepared_(std::make_shared<PreparedInputs>(context.device)),
        pixels_(request.maps.size()) {
    for (const auto& files : request.maps)
      maps_.emplace_back(files, input_, request.options, request.trust, request.census.grid, context, prepared_);
    if (!request.regions.path.empty()) regions_.emplace(request, request.census.grid);
    if (!request.mapped.empty()) area_.emplace(request.mapped, request.census.grid);
    if (!request.footprint.empty()) footprint_.emplace(request.footprint);
  }

  std::vector<Window> windows() const {
    std::int64_t bytes = (2 * kAhead + 2 + ahead_.windows_on_host()) * reader_.bytes_per_pixel() + prepared_->bytes_per_pixel();
    for (const auto& map : maps_) bytes += map.bytes_per_pixel(static_cast<int>(input_.dates.size()));
    const SeriesReader& main = reader_.main();
    const std::int64_t most = on_gpu() ? kMaxDevicePixels : kWindowBytes / main.bytes_per_pixel();
    std::vector<Window> windows = main.windows(most, main.pixels_within(context_.memory_bytes, 2, bytes));
    if (area_) std::erase_if(windows, [&](const Window& window) { return !area_->meets(window); });  // they stay empty
    std::int64_t largest = 0;
    for (const Window& window : windows) largest = std::max(largest, around(window).pixels());
    prepared_->expect(largest);
    return windows;
  }

  TileWindow read(const Window& window) {
    TileWindow read = spare_windows_.take();
    reader_.read(around(window), read);
    return read;
  }

  std::function<void(TileWindow&)> window_uploader() {
    if (!ahead_.uploads()) return nullptr;
    return [this](TileWindow& window) {
      ahead_.upload(series_of(window));
      window.uploads.note(context_.device, ahead_);
    };
  }

  // In strips if the device has too little memory for the whole window. Strips are computed with the rows around them that smoothing reads.
  ClassifiedWindow classify(const Window& inner, TileWindow&& window) {
    ClassifiedWindow result;
    const auto strip = [&](int first_row, int rows) {
      const Window part{inner.col, inner.row + first_row, inner.width, rows};
      if (rows == inner.height) {
        const auto& series = ahead_.current(series_of(window));
        window.uploads.note(context_.device, ahead_);
        result.push_back(decide(series, window, part));
        return;
      }
      const Window outer = around(part);
      const TileWindow some = rows_of(window, outer.row - window.series.window.row, outer.height);
      result.push_back(decide(ahead_.put(series_of(some)), some, part));
    };
    in_strips(inner.height, fit_, strip, [&] { release(); });
    ahead_.done();
    spare_windows_.give(std::move(window));
    return result;
  }

  void write(const Window& window, ClassifiedWindow&& result) {
    for (SeedMap::Pixels& pixels : pixels_) pixels.clear();
    observed_.resize(input_.others.size());
    for (auto& dates : observed_) dates.clear();
    for (DecidedRows& rows : result) {
      for (std::size_t m = 0; m < maps_.size(); ++m) maps_[m].read(rows.maps[m], pixels_[m]);
      rows.observed.moved.wait();
      const std::uint8_t* dates = rows.observed.memory.data();
      for (auto& all : observed_) all.insert(all.end(), dates, dates + rows.pixels), dates += rows.pixels;
      spare_rows_.give(std::move(rows));
    }
    const std::vector<std::uint8_t> inside = area_ && !area_->is_whole() ? area_->inside(window) : std::vector<std::uint8_t>{};
    for (std::size_t m = 0; m < maps_.size(); ++m) {
      if (!inside.empty()) pixels_[m].keep(inside);
      maps_[m].write(window, pixels_[m]);
    }
    const SeedMap::Pixels& pixels = pixels_.front();
    tally_.add(pixels, image_in(window, pixels), regions_ ? regions_->without_model(window) : std::vector<std::uint8_t>{}, inside,
               observed_);
  }

  // All files get their names.
  nlohmann::json finish() {
    require_unchanged(request_.census);
    for (const SourceCensus& other : request_.others) require_unchanged(other);
    if (const auto note = reader_.main().decompressed_again(); !note.empty()) context_.progress->note(note);
    if (tally_.mapped_nothing_of_what_was_seen())
      throw UserError(join_text("tile ", request_.census.tile, ": of its pixels, ", tally_.outside_regions, " lie outside all regions of ",
                                request_.regions.path, " and ", tally_.region_without_model,
                                " in regions without a model, so nothing is mapped; add the region, or take the tile out of tiles.names"));
    for (auto& map : maps_) map.commit();
    tally_.outside_area += request_.census.grid.pixels() - tally_.pixels;  // in windows that the area does not meet
    tally_.pixels = request_.census.grid.pixels();
    nlohmann::json counts = tally_.to_json();
    for (const SourceCensus& other : request_.others) {
      const auto read = std::ranges::find(input_.others, other.source, &TileInput::Source::name);
      const auto place = static_cast<std::size_t>(read - input_.others.begin());
      const bool counted = read != input_.others.end() && place < tally_.mapped_without.size();
      counts["sources"][other.source] = {{"acquisitions", other.acquisitions.size()},
                                         {"mapped_without", counted ? tally_.mapped_without[place] : tally_.mapped}};
    }
    if (const auto shares = reader_.missing().shares(); !shares.empty()) counts["inputs_without_value"] = shares;
    for (const auto& text : notes_of_missing(reader_.missing(), request_.exogenous, "pixels")) note_of_tile(text, context_, request_);
    for (const auto& [name, pixels] : maps_.front().unknown_codes()) {
      counts["unknown_codes"][name] = pixels;
      if (pixels > 0)
        note_of_tile(join_text(name, ": ", pixels, " px have a code that no sample had; the models read it as unknown"), context_,
                     request_);
    }
    for (const std::string& text : maps_.front().notes()) note_of_tile(text, context_, request_);
    PrecisionCost cost;
    for (const auto& map : maps_) cost.add(map.precision_cost());
    if (cost.pixels > 0) {
      counts["bfloat16"] = cost.to_json();
      context_.progress->note(cost.to_text());
    }
    counts["dates"] = input_.dates.size();
    return counts;
  }

  const SeriesReader& reader() const { return reader_.main(); }

 private:
  // In the order of input.others.
  static std::vector<TileReader::Source> sources_of(const ClassifyRequest& request, const TileInput& input) {
    std::vector<TileReader::Source> sources = {{&request.census, input.bands}};
    for (const TileInput::Source& other : input.others)
      sources.push_back({&*std::ranges::find(request.others, other.name, &SourceCensus::source), other.bands});
    return sources;
  }

  // What is read for a window: what its map depends on.
  Window around(const Window& inner) const {
    const int halo = request_.options.halo();
    return Window{inner.col - halo, inner.row - halo, inner.width + 2 * halo, inner.height + 2 * halo}.intersect(
        request_.census.grid.whole());
  }

  bool on_gpu() const { return context_.device.kind == Device::Kind::cuda; }

  // 1 where there is an image, asked only where a window has pixels that no date sees; empty: not known.
  std::vector<std::uint8_t> image_in(const Window& window, const SeedMap::Pixels& pixels) const {
    std::vector<std::uint8_t> image;
    if (!footprint_ || std::ranges::find(pixels.validity, 0) == pixels.validity.end()) return image;
    image.resize(pixels.validity.size());
    footprint_->read(window, 0, image.data());
    return image;
  }

  // The window `inner` of every map, under way: `series` are those of `window` on the device, and the stream sends the values.
  DecidedRows decide(const std::vector<DeviceSeries>& series, const TileWindow& window, const Window& inner) {
    const std::optional<RegionShares> shares = regions_ ? std::optional(regions_->shares(window.series.window)) : std::nullopt;
    DecidedRows rows = spare_rows_.take(maps_.size());
    rows.pixels = inner.pixels();
    prepared_->next_window();
    for (std::size_t m = 0; m < maps_.size(); ++m) maps_[m].decide(stream_, series, window, inner, shares, rows.maps[m]);
    if (series.size() > 1) count_observations(series, window.series.window, inner, rows);
    return rows;
  }

  void count_observations(const std::vector<DeviceSeries>& series, const Window& outer, const Window& inner, DecidedRows& rows) {
    std::uint8_t* to = rows.observed.reserve(context_.device, rows.pixels * (std::ssize(series) - 1));
    dates_seen_.reserve(context_.device, outer.pixels());
    for (std::size_t s = 1; s < series.size(); ++s, to += rows.pixels) {
      ValidityArgs args;
      args.series = series[s].view(), args.count = dates_seen_.data();
      validity(stream_, args);
      const auto width = static_cast<std::size_t>(inner.width);
      detail::copy_rows(stream_, to, width, dates_seen_.data() + place_in(outer, inner, 0, 0), static_cast<std::size_t>(outer.width), width,
                        static_cast<std::size_t>(inner.height));
    }
    if (on_gpu()) rows.observed.moved.record(stream_);
  }

  void release() {
    ahead_.give_up();
    for (auto& map : maps_) map.release();
    dates_seen_ = {};
  }

  const ClassifyRequest& request_;
  const Context& context_;
  TileInput input_;
  OwnStream stream_;
  SeriesAhead ahead_;
  TileReader reader_;
  SpareWindows spare_windows_;
  SpareRows spare_rows_;
  Buffer<std::uint8_t> dates_seen_;  // of a further source
  std::shared_ptr<PreparedInputs> prepared_;
  std::vector<SeedMap> maps_;
  std::vector<SeedMap::Pixels> pixels_;              // of the window that is written, one a map
  std::vector<std::vector<std::uint8_t>> observed_;  // likewise, of each further source: valid dates, [pixel]
  std::optional<ModelRegions> regions_;
  std::optional<MappedArea> area_;
  std::optional<RasterReader> footprint_;  // only the writer reads it
  FittingRows fit_;
  PixelTally tally_;
};

}  // namespace

nlohmann::json classify_tile(const ClassifyRequest& request, const Context& context) {
  MILLESIME_CHECK(!request.maps.empty(), "nothing to classify");
  if (request.maps.front().models.empty())
    throw UserError(
        join_text("tile ", request.census.tile, ": no region of ", request.regions.path, " lies in any tile, so there is no model"));
  TileClassifier classifier(request, context);
  for (const std::string& text : notes_of_exogenous(request.exogenous)) note_of_tile(text, context, request);
  const std::vector<Window> windows = classifier.windows();
  if (!windows.empty())
    if (const auto note = classifier.reader().rereading(windows.front()); !note.empty()) context.progress->note(note);
  context.progress->start("classify " + request.census.tile, request.census.grid.pixels(), "px");
  window_loop<TileWindow, ClassifiedWindow>(
      windows, 1, kAhead, [&] { return [&classifier](const Window& window) { return classifier.read(window); }; },
      [&](const Window& window, TileWindow&& read) { return classifier.classify(window, std::move(read)); },
      [&](const Window& window, ClassifiedWindow&& result) {
        classifier.write(window, std::move(result));
        context.progress->advance(window.pixels());
      },
      context.progress, classifier.window_uploader());
  nlohmann::json counts = classifier.finish();
  context.progress->finish();
  return counts;
}

}  // namespace millesime
