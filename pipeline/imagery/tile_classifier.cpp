#include "pipeline/imagery/tile_classifier.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <optional>

#include "kernels/base/in_strips.h"
#include "kernels/base/transfer.h"
#include "kernels/ops/resample.h"
#include "pipeline/core/error.h"
#include "pipeline/imagery/series_strips.h"
#include "pipeline/imagery/window_loop.h"

namespace millesime {
namespace {

constexpr int kAhead = 2;  // windows that are read ahead, and that wait to be written
// On the CPU the series of a window is small: reading, computing and writing overlap from the first windows on, and its memory is reused
// for the next window. A GPU needs large kernels.
constexpr std::int64_t kWindowBytes = 24 << 20;
constexpr std::int64_t kMaxDevicePixels = 1 << 20;

// A window of every map: decided, or, on a GPU, the scores that the writer decides while the next window is computed.
struct ClassifiedWindow {
  std::vector<SeedMap::Pixels> pixels;  // one a map
  std::vector<SeedMap::Scores> scores;  // likewise
};

struct Tally {
  std::int64_t pixels = 0, without_observation = 0, outside_regions = 0, acquisitions = 0;
  int most_acquisitions = 0;
  std::map<int, std::int64_t> classes;

  void add(const SeedMap::Pixels& window) {
    pixels += static_cast<std::int64_t>(window.label.size());
    for (std::size_t p = 0; p < window.label.size(); ++p) {
      if (window.label[p])
        ++classes[window.label[p]];
      else
        ++(window.validity[p] ? outside_regions : without_observation);
      acquisitions += window.validity[p];
      most_acquisitions = std::max<int>(most_acquisitions, window.validity[p]);
    }
  }
  nlohmann::json to_json() const {
    nlohmann::json by_class = nlohmann::json::object();
    for (const auto& [code, n] : classes) by_class[std::to_string(code)] = n;
    const double mean = pixels > 0 ? static_cast<double>(acquisitions) / static_cast<double>(pixels) : 0;
    return {{"pixels", pixels},
            {"without_observation", without_observation},
            {"outside_regions", outside_regions},
            {"validity", {{"mean", mean}, {"maximum", most_acquisitions}}},
            {"classes", by_class}};
  }
};

class TileClassifier {
 public:
  TileClassifier(const ClassifyRequest& request, const Context& context)
      : request_(request),
        context_(context),
        input_(input_of(request)),
        stream_(context.device, context.threads),
        download_(context.device, context.threads),
        ahead_(stream_),
        transfer_(stream_),
        downloads_(download_),
        reader_(std::make_shared<SeriesReader>(request.census, input_.bands, std::max(1, context.threads / 2))),
        spare_(context.device, request.maps.size()) {
    for (const auto& files : request.maps) maps_.emplace_back(files, input_, request.options, request.trust, request.census.grid, context);
    if (!request.maps.front().models.front().region.empty())
      regions_.emplace(request.regions.path, request.regions.layer, request.regions.field, request.regions.blend_m, request.census.grid);
  }

  std::vector<Window> windows() const {
    const std::int64_t per_pixel = reader_->bytes_per_pixel() + static_cast<std::int64_t>(input_.static_names.size()) * 4;
    std::int64_t bytes = (2 * kAhead + 2 + ahead_.windows_on_host()) * per_pixel;
    for (const auto& map : maps_) bytes += map.bytes_per_pixel(static_cast<int>(input_.dates.size()));
    const std::int64_t most = on_gpu() ? kMaxDevicePixels : kWindowBytes / reader_->bytes_per_pixel();
    return reader_->windows(most, reader_->pixels_within(context_.memory_bytes, 2, bytes));
  }

  std::function<TileWindow(const Window&)> window_reader() const {
    auto exogenous = std::make_shared<ExogenousReader>(request_.exogenous, request_.census.grid);
    return [reader = reader_, exogenous](const Window& window) { return TileWindow{reader->read(window), exogenous->read(window)}; };
  }

  std::function<void(const TileWindow&)> window_uploader() {
    return uploader<TileWindow>(ahead_, [](const TileWindow& window) -> const Series& { return window.series; });
  }

  // In strips if the device has too little memory for the whole window.
  ClassifiedWindow classify(const TileWindow& window) {
    ClassifiedWindow result;
    const auto strip = [&](int first_row, int rows) {
      if (rows == window.series.window.height) {
        result.scores = score(ahead_.current(window.series), window);
        return;
      }
      const TileWindow part = rows_of(window, first_row, rows);
      const auto pixels = decide(transfer_, score(ahead_.put(part.series), part));
      result.pixels.resize(pixels.size());
      for (std::size_t m = 0; m < pixels.size(); ++m) result.pixels[m].append(pixels[m]);
    };
    in_strips(window.series.window.height, strip_rows_, strip, [&] { release(); });
    ahead_.done();
    // A GPU computes the next window while the writer decides this one. On the CPU all threads are busy anyway.
    if (!on_gpu() && result.pixels.empty()) result.pixels = decide(transfer_, std::move(result.scores));
    return result;
  }

  void write(const Window& window, ClassifiedWindow&& result) {
    if (result.pixels.empty()) result.pixels = decide(downloads_, std::move(result.scores));
    for (std::size_t m = 0; m < maps_.size(); ++m) maps_[m].write(window, result.pixels[m]);
    tally_.add(result.pixels.front());
  }

  // All files get their names.
  nlohmann::json finish() {
    require_unchanged(request_.census);
    if (const auto note = reader_->decompressed_again(); !note.empty()) context_.progress->note(note);
    for (auto& map : maps_) map.commit();
    nlohmann::json counts = tally_.to_json();
    PrecisionCost cost;
    for (const auto& map : maps_) cost.add(map.precision_cost());
    if (cost.pixels > 0) {
      counts["bfloat16"] = cost.to_json();
      context_.progress->note(cost.to_text());
    }
    counts["dates"] = input_.dates.size();
    return counts;
  }

  const SeriesReader& reader() const { return *reader_; }

 private:
  static TileInput input_of(const ClassifyRequest& request) {
    const std::string& file = request.maps.front().models.front().file;
    const ModelSpec first = ModelFile::read(file, request.trust).spec;
    try {
      first.bands_in(request.census.bands, "tile " + request.census.tile);
    } catch (const UserError& error) {
      throw with_context(file, error);
    }
    TileInput input{.bands = first.sources.front().bands,
                    .static_names = exogenous_names(request.exogenous),
                    .year = request.year,
                    .dates = {},
                    .resampling = resampling_of(request.resampling)};
    for (const Acquisition& acquisition : request.census.acquisitions) input.dates.push_back(acquisition.date);
    return input;
  }

  bool on_gpu() const { return context_.device.kind == Device::Kind::cuda; }

  std::optional<RegionShares> shares_in(const Window& window) const {
    if (!regions_) return std::nullopt;
    RegionShares shares;
    const auto present = regions_->present(window);
    for (const int r : present) shares.names.push_back(regions_->names()[static_cast<std::size_t>(r)]);
    shares.weights = regions_->weights(window, present);
    return shares;
  }

  std::vector<SeedMap::Scores> score(const DeviceSeries& series, const TileWindow& window) {
    const std::optional<RegionShares> shares = shares_in(window.series.window);
    std::vector<SeedMap::Scores> scores = spare_.take();
    for (std::size_t m = 0; m < maps_.size(); ++m) maps_[m].score(stream_, series, window, shares, scores[m]);
    return scores;
  }

  std::vector<SeedMap::Pixels> decide(Transfer& from, std::vector<SeedMap::Scores> scores) {
    std::vector<SeedMap::Pixels> pixels;
    for (std::size_t m = 0; m < maps_.size(); ++m) pixels.push_back(maps_[m].decide(from, scores[m]));
    spare_.give(std::move(scores));
    return pixels;
  }

  void release() {
    ahead_.give_up();
    for (auto& map : maps_) map.release();
    spare_.release();
  }

  const ClassifyRequest& request_;
  const Context& context_;
  TileInput input_;
  OwnStream stream_, download_;
  SeriesAhead ahead_;
  Transfer transfer_, downloads_;
  std::shared_ptr<SeriesReader> reader_;
  SpareScores spare_;
  std::vector<SeedMap> maps_;
  std::optional<RegionWeights> regions_;
  int strip_rows_ = std::numeric_limits<int>::max();
  Tally tally_;
};

}  // namespace

nlohmann::json classify_tile(const ClassifyRequest& request, const Context& context) {
  MILLESIME_CHECK(!request.maps.empty() && !request.maps.front().models.empty(), "no model to classify with");
  TileClassifier classifier(request, context);
  const std::vector<Window> windows = classifier.windows();
  if (const auto note = classifier.reader().rereading(windows.front()); !note.empty()) context.progress->note(note);
  context.progress->start("classify " + request.census.tile, request.census.grid.pixels(), "px");
  window_loop<TileWindow, ClassifiedWindow>(
      windows, 1, kAhead, [&] { return classifier.window_reader(); },
      [&](const Window&, TileWindow&& window) { return classifier.classify(window); },
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
