#include "pipeline/imagery/seed_map.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "kernels/ops/decide.h"
#include "kernels/ops/smooth.h"
#include "kernels/ops/uncertainty.h"
#include "kernels/ops/validity.h"
#include "models/base/season.h"
#include "pipeline/core/class_names.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/tile_window.h"
#include "pipeline/io/map_input.h"

namespace millesime {

namespace {

constexpr std::size_t kMostClasses = 255;  // the kernel's labels have 8 bits, and 0 is no class

// The mean of calibrated probabilities is underconfident, as that of an ensemble (models/base/joint_calibration.h): they are raised to the
// power of 9/8 (pipeline/imagery/README.md). Roots are rounded alike on every machine, pow is not.
float sharper(float p) { return p * std::sqrt(std::sqrt(std::sqrt(p))); }

}  // namespace

void ClassifyOptions::declare(Options& o) {
  o.add("probabilities", &probabilities, "also write the probability of every class that the model knows, x 1000, one band a class");
  o.add("all_classes", &all_classes, "probabilities of every class of the nomenclature, 0 for those that the model does not know");
  o.add("batch", &batch, "pixels a model call; 0: chosen for the device").range(0, 1 << 24);
  o.add("precision", &precision,
        "precision of temporal_cnn; bfloat16: about three times as fast on processors that support it, and the share of changed labels is "
        "measured on a sample of the pixels and noted")
      .choices({"float32", "bfloat16"});
  o.add("smooth", &smooth, "passes of smoothing the probabilities, by pixels around that look alike, before the label is taken; 0: none")
      .range(0, 10);
  o.add("smooth_reach", &smooth_reach, "smooth: distance of those pixels").unit("px").range(1, 7);
  o.add("smooth_tolerance", &smooth_tolerance, "smooth: how different a pixel may look; larger: smoother, but lines suffer")
      .range(0.01, 10);
  o.add("missing_sources", &missing_sources,
        "map with a model that also learned from sources which the configuration does not have: they are hidden, as in training");
  o.add("uncertainty", &uncertainty,
        "also write how little is known of each pixel, 1 to 100 %: entropy: of all classes; margin: between the two most likely ones")
      .choices({"none", "entropy", "margin"});
  o.add("levels", &levels,
        "also write the map of the nomenclature's level-1 groups, and one of the deepest level whose confidence reaches level_confidence: "
        "a class, "
        "or its group, or nothing");
  o.add("level_confidence", &level_confidence, "levels: confidence from which a class or a group counts as known").unit("%").range(1, 100);
  o.add("early", &early,
        "map of a part of the season by a model that learned whole seasons alone (train.season_cut): say that its confidence is too high, "
        "or "
        "refuse")
      .choices({"say", "refuse"});
}

namespace {

// A model whose calibration is that of what is known of the season.
ModelFile read_model(const std::string& file, Trust trust, const ClassifyOptions& options, const Context& context) {
  ModelFile model = ModelFile::read(file, trust);
  if (options.last_day == 0) return model;
  if (knows_early_maps(model)) {
    calibrate_for_day(model, options.last_day);
    return model;
  }
  const std::string what = join_text(file, ": learned whole seasons and is asked for a map of the first ", options.last_day, " days");
  if (options.early == "refuse") throw UserError(what + "; train it with train.season_cut, e.g. 0.7, or set classify.early = \"say\"");
  context.progress->note(what +
                         ": its classes and its confidence are less certain than they say; train.season_cut makes a model for any day");
  return model;
}

}  // namespace

void SeedMap::Pixels::append(const Pixels& below) {
  const auto add = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  add(label, below.label), add(confidence, below.confidence), add(validity, below.validity), add(probabilities, below.probabilities);
  add(scores, below.scores), add(decidable, below.decidable);
  add(level1, below.level1), add(deepest, below.deepest), add(uncertainty, below.uncertainty);
}

SeedMap::SeedMap(const Files& files, const TileInput& input, const ClassifyOptions& options, Trust trust, const Grid& grid,
                 const Context& context)
    : files_(files), options_(options) {
  const Arithmetic precision = options.precision == "bfloat16" ? Arithmetic::bfloat16 : Arithmetic::float32;
  std::set<int> codes;
  for (const auto& model : files.models) {
    models_.push_back(
        std::make_unique<TileModel>(read_model(model.file, trust, options, context), input, options.batch, context, precision));
    codes.insert(models_.back()->spec().classes.begin(), models_.back()->spec().classes.end());
  }
  for (const LandClass& known : nomenclature().classes)  // in the order of the nomenclature
    if (codes.contains(known.code) || (options.all_classes && !files.probabilities.empty())) codes_.push_back(known.code);
  for (const int code : codes_)
    if (code > kMaxCode)
      throw UserError(join_text(files.models.front().file, ": class code ", code, " does not fit a class map; expected codes up to ",
                                kMaxCode, ", as a nomenclature has them"));
  if (codes_.size() > kMostClasses)
    throw UserError(join_text(files.models.front().file, ": expected at most ", kMostClasses, " classes in a map, got ", codes_.size()));
  for (const auto& model : models_) {
    std::vector<int> column;
    for (const int code : model->spec().classes) column.push_back(static_cast<int>(std::ranges::find(codes_, code) - codes_.begin()));
    columns_.push_back(std::move(column));
  }
  for (const int code : codes_) {
    const LandClass& known = nomenclature().at(*nomenclature().index_of_code(code));
    groups_.push_back(known.parent == 0 ? known.code : known.parent);
  }
  level_confidence_ = static_cast<float>(options.level_confidence) / 100;
  open_files(grid);
}

void SeedMap::open_files(const Grid& grid) {
  const auto plain = [](const Nomenclature* names) { return RasterOptions{.nodata = 0, .nomenclature = names, .band_names = {}}; };
  classification_ = std::make_unique<RasterWriter>(files_.classification, grid, class_type(nomenclature().max_code()), 1,
                                                   plain(files_.legend ? &nomenclature() : nullptr));
  confidence_ = std::make_unique<RasterWriter>(files_.confidence, grid, PixelType::u8, 1, plain(nullptr));
  if (!files_.validity.empty()) validity_ = std::make_unique<RasterWriter>(files_.validity, grid, PixelType::u8, 1, plain(nullptr));
  if (!files_.uncertainty.empty())
    uncertainty_ = std::make_unique<RasterWriter>(files_.uncertainty, grid, PixelType::u8, 1, plain(nullptr));
  if (!files_.level1.empty()) {
    const PixelType type = class_type(std::max(nomenclature().max_code(), *std::ranges::max_element(groups_)));
    level1_ = std::make_unique<RasterWriter>(files_.level1, grid, type, 1, plain(nullptr));
    deepest_ = std::make_unique<RasterWriter>(files_.deepest, grid, type, 1, plain(nullptr));
  }
  if (files_.probabilities.empty()) return;
  RasterOptions options = plain(nullptr);
  for (const int code : codes_)
    options.band_names.push_back(files_.legend ? nomenclature().at(*nomenclature().index_of_code(code)).name : join_text("class ", code));
  probabilities_ = std::make_unique<RasterWriter>(files_.probabilities, grid, PixelType::u16, static_cast<int>(codes_.size()), options);
}

void SeedMap::write(const Window& window, const Pixels& pixels) {
  classification_->write(window, 0, pixels.label.data());
  confidence_->write(window, 0, pixels.confidence.data());
  if (validity_) validity_->write(window, 0, pixels.validity.data());
  if (uncertainty_) uncertainty_->write(window, 0, pixels.uncertainty.data());
  if (level1_) level1_->write(window, 0, pixels.level1.data()), deepest_->write(window, 0, pixels.deepest.data());
  if (!probabilities_) return;
  const std::size_t n_classes = codes_.size();
  std::vector<std::uint16_t> band(pixels.label.size());
  for (std::size_t c = 0; c < n_classes; ++c) {
    for (std::size_t p = 0; p < band.size(); ++p) band[p] = pixels.probabilities[p * n_classes + c];
    probabilities_->write(window, static_cast<int>(c), band.data());
  }
}

void SeedMap::commit() {
  for (auto* writer :
       {classification_.get(), confidence_.get(), validity_.get(), probabilities_.get(), level1_.get(), deepest_.get(), uncertainty_.get()})
    if (writer) writer->commit();
}

std::int64_t SeedMap::bytes_per_pixel(int dates) const {
  std::int64_t bytes = 0;
  const auto n_classes = static_cast<std::int64_t>(codes_.size());
  for (const auto& model : models_) bytes += model->bytes_per_pixel(dates) + 8 * n_classes;
  if (uncertainty_) bytes += 4 * n_classes + 1;
  if (options_.halo() > 0) bytes += 16 * n_classes + 4;  // two planes a class, and the scores before and after
  return bytes;
}

PrecisionCost SeedMap::precision_cost() const {
  PrecisionCost cost;
  for (const auto& model : models_) cost.add(model->precision_cost());
  return cost;
}

std::map<std::string, std::int64_t> SeedMap::unknown_codes() const {
  std::map<std::string, std::int64_t> most;
  for (const auto& model : models_)
    for (const auto& [name, pixels] : model->unknown_codes()) most[name] = std::max(most[name], pixels);
  return most;
}

void SeedMap::release() {
  for (const auto& model : models_) model->release();
}

void SeedMap::score(const Stream& stream, const DeviceSeries& series, const std::vector<DeviceSeries>& others, const TileWindow& window,
                    const std::optional<RegionShares>& regions, Scores& scores) {
  const std::int64_t pixels = scores.pixels = series.view().pixels();
  scores.models.clear(), scores.probabilities.clear(), scores.weights.clear();
  scores.copies.resize(models_.size());
  scores.count.reserve(stream.device, pixels);
  const bool on_gpu = stream.device.kind == Device::Kind::cuda;
  const auto keep = [&](auto& buffer, const auto* numbers, std::int64_t n) {
    buffer.reserve(stream.device, n);
    detail::copy_bytes(stream, stream.device, buffer.data(), stream.device, numbers, static_cast<std::size_t>(n) * sizeof(*numbers));
  };
  for (std::size_t m = 0; m < models_.size(); ++m) {
    std::ptrdiff_t region = 0;
    if (regions) {
      region = std::ranges::find(regions->names, files_.models[m].region) - regions->names.begin();
      if (region == std::ssize(regions->names)) continue;
    }
    const auto result = models_[m]->run(stream, series, window.series.dates, window.statics, others);
    keep(scores.count, result.count, pixels);
    if (on_gpu) keep(scores.copies[m], result.probabilities, pixels * models_[m]->spec().n_classes());
    scores.models.push_back(m);
    scores.probabilities.push_back(on_gpu ? scores.copies[m].data() : result.probabilities);
    if (regions) {
      const auto from = regions->weights.begin() + region * pixels;
      scores.weights.insert(scores.weights.end(), from, from + pixels);
    } else {
      scores.weights.insert(scores.weights.end(), static_cast<std::size_t>(pixels), 1.0f);
    }
  }
  if (scores.models.empty()) {  // observed, but outside all regions
    ValidityArgs args;
    args.series = series.view(), args.count = scores.count.data();
    validity(stream, args);
  }
  scores.complete.record(stream);
}

void SeedMap::Pixels::keep(const std::vector<std::uint8_t>& inside) {
  const std::size_t classes = label.empty() ? 0 : probabilities.size() / label.size();
  for (std::size_t p = 0; p < label.size(); ++p) {
    if (inside[p] != 0) continue;
    label[p] = 0, confidence[p] = 0, validity[p] = 0;
    if (!uncertainty.empty()) uncertainty[p] = 0;
    if (!level1.empty()) level1[p] = 0, deepest[p] = 0;
    std::fill_n(probabilities.begin() + static_cast<std::ptrdiff_t>(p * classes), classes, std::uint16_t{0});
  }
}

SeedMap::Pixels SeedMap::decide(Transfer& transfer, const Scores& scores) const {
  const auto n = static_cast<std::size_t>(scores.pixels);
  const std::size_t n_classes = codes_.size();
  const bool on_host = transfer.stream().device.kind == Device::Kind::cpu;
  scores.complete.hold(transfer.stream());
  Pixels pixels;
  pixels.validity.resize(n);
  transfer.to_host(pixels.validity.data(), scores.count.data(), n);
  std::vector<float> joint(scores.models.size() * n * n_classes, 0.0f);  // [model][pixel][class]
  std::vector<float> copy;
  float* of_model = joint.data();
  for (std::size_t i = 0; i < scores.models.size(); ++i) {
    const std::vector<int>& columns = columns_[scores.models[i]];
    const float* probabilities = scores.probabilities[i];
    if (!on_host) {
      copy.resize(n * columns.size());
      transfer.to_host(copy.data(), probabilities, copy.size() * sizeof(float));
      probabilities = copy.data();
    }
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t c = 0; c < columns.size(); ++c)
        of_model[p * n_classes + static_cast<std::size_t>(columns[c])] = probabilities[p * columns.size() + c];
    of_model += n * n_classes;
  }
  return decide_on_host(Stream(Device{}, transfer.stream().threads), scores.pixels, joint, scores.weights, std::move(pixels));
}

// Blending and deciding run on the host: they are a small part of the work, and a tile may have many models.
SeedMap::Pixels SeedMap::decide_on_host(const Stream& host, std::int64_t n_pixels, const std::vector<float>& scores,
                                        const std::vector<float>& weights, Pixels pixels) const {
  const auto n = static_cast<std::size_t>(n_pixels);
  const int n_classes = static_cast<int>(codes_.size());
  std::vector<float> blended(n * static_cast<std::size_t>(n_classes), 0.0f);
  std::vector<std::uint8_t> decidable(n, 0);
  if (!scores.empty()) {
    BlendArgs mix;
    mix.pixels = n_pixels, mix.n_models = static_cast<int>(weights.size() / n), mix.n_classes = n_classes;
    mix.probabilities = scores.data(), mix.weights = weights.data(), mix.blended = blended.data();
    blend(host, mix);
    // Without an observation, or outside all regions, the pixel gets no class.
    decidable = pixels.validity;
    for (std::size_t p = 0; p < n; ++p) {
      float total = 0;
      for (std::size_t m = 0; m < weights.size() / n; ++m) total += weights[m * n + p];
      if (total == 0) decidable[p] = 0;
    }
  }
  if (options_.halo() > 0)
    pixels.scores = std::move(blended), pixels.decidable = std::move(decidable);
  else
    label(host, blended, decidable, pixels);
  return pixels;
}

// Writes label, confidence and probabilities.
void SeedMap::label(const Stream& host, const std::vector<float>& scores, const std::vector<std::uint8_t>& decidable,
                    Pixels& pixels) const {
  const std::size_t n = decidable.size(), n_classes = codes_.size();
  pixels.label.assign(n, 0), pixels.confidence.assign(n, 0);
  if (probabilities_) pixels.probabilities.assign(n * n_classes, 0);
  if (level1_) pixels.level1.assign(n, 0), pixels.deepest.assign(n, 0);
  std::vector<std::uint8_t> places(n_classes), place(n, 0);  // of the classes, from 1
  std::iota(places.begin(), places.end(), std::uint8_t{1});
  DecideArgs args;
  args.pixels = static_cast<std::int64_t>(n), args.n_classes = static_cast<int>(n_classes), args.scores = scores.data(),
  args.codes = places.data(), args.count = decidable.data();
  args.label = place.data(), args.confidence = pixels.confidence.data();
  if (probabilities_) args.probabilities = pixels.probabilities.data();
  millesime::decide(host, args);
  std::ranges::transform(place, pixels.label.begin(), [&](std::uint8_t p) {
    return p == 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(codes_[p - std::size_t{1}]);
  });
  if (level1_) decide_levels(scores, decidable, pixels);
  if (uncertainty_) measure_uncertainty(host, scores, decidable, pixels);
}

void SeedMap::measure_uncertainty(const Stream& host, const std::vector<float>& scores, const std::vector<std::uint8_t>& decidable,
                                  Pixels& pixels) const {
  const std::size_t n = decidable.size(), n_classes = codes_.size();
  std::vector<float> planes(n * n_classes);
  for (std::size_t p = 0; p < n; ++p)
    for (std::size_t c = 0; c < n_classes; ++c) planes[c * n + p] = scores[p * n_classes + c];
  pixels.uncertainty.assign(n, 0);
  UncertaintyArgs args;
  args.pixels = static_cast<std::int64_t>(n), args.n_classes = static_cast<int>(n_classes);
  args.kind = options_.uncertainty == "margin" ? Uncertainty::margin : Uncertainty::entropy;
  args.probabilities = planes.data(), args.count = decidable.data(), args.uncertainty = pixels.uncertainty.data();
  uncertainty(host, args);
}

SeedMap::Pixels SeedMap::smooth(const Window& outer, const Window& inner, const Pixels& pixels, int threads) const {
  const std::size_t n = pixels.decidable.size(), n_classes = codes_.size();
  const Stream host(Device{}, threads);
  std::vector<float> from(n * n_classes), to(n * n_classes);  // [class][pixel]
  for (std::size_t p = 0; p < n; ++p)
    for (std::size_t c = 0; c < n_classes; ++c) from[c * n + p] = pixels.scores[p * n_classes + c];
  for (int pass = 0; pass < options_.smooth; ++pass) {
    SmoothArgs args;
    args.cols = outer.width, args.rows = outer.height, args.n_classes = static_cast<int>(n_classes);
    args.reach = options_.smooth_reach, args.tolerance = static_cast<float>(options_.smooth_tolerance);
    args.probabilities = from.data(), args.counts = pixels.decidable.data(), args.smoothed = to.data();
    millesime::smooth(host, args);
    std::swap(from, to);
  }
  std::vector<float> scores;
  scores.reserve(static_cast<std::size_t>(inner.pixels()) * n_classes);
  for (int row = 0; row < inner.height; ++row)
    for (int col = 0; col < inner.width; ++col) {
      const std::size_t p = place_in(outer, inner, col, row);
      float sum = 0;
      for (std::size_t c = 0; c < n_classes; ++c) {
        scores.push_back(sharper(from[c * n + p]));
        sum += scores.back();
      }
      if (sum > 0)
        for (auto score = scores.end() - static_cast<std::ptrdiff_t>(n_classes); score != scores.end(); ++score) *score /= sum;
    }
  Pixels result;
  result.validity = part_of(pixels.validity, outer, inner);
  label(host, scores, part_of(pixels.decidable, outer, inner), result);
  return result;
}

// The probability of a group is the sum of those of its classes.
void SeedMap::decide_levels(const std::vector<float>& blended, const std::vector<std::uint8_t>& decidable, Pixels& pixels) const {
  const std::size_t n_classes = codes_.size();
  for (std::size_t p = 0; p < decidable.size(); ++p) {
    if (decidable[p] == 0 || pixels.label[p] == 0) continue;
    const float* of_class = blended.data() + p * n_classes;
    float most = -1;
    for (std::size_t c = 0; c < n_classes; ++c) {
      float sum = 0;
      for (std::size_t d = 0; d < n_classes; ++d) sum += groups_[d] == groups_[c] ? of_class[d] : 0.0f;
      if (sum > most) most = sum, pixels.level1[p] = static_cast<std::uint16_t>(groups_[c]);
    }
    const auto own = static_cast<std::size_t>(std::ranges::find(codes_, static_cast<int>(pixels.label[p])) - codes_.begin());
    pixels.deepest[p] = of_class[own] >= level_confidence_ ? pixels.label[p]
                        : most >= level_confidence_        ? pixels.level1[p]
                                                           : std::uint16_t{0};
  }
}

std::vector<SeedMap::Scores> SpareScores::take() {
  const std::lock_guard lock(mutex_);
  std::vector<SeedMap::Scores> scores;
  if (spare_.empty()) {
    for (std::size_t m = 0; m < maps_; ++m) scores.emplace_back(device_);
  } else {
    scores = std::move(spare_.back());
    spare_.pop_back();
  }
  return scores;
}

void SpareScores::give(std::vector<SeedMap::Scores> scores) {
  const std::lock_guard lock(mutex_);
  spare_.push_back(std::move(scores));
}

void SpareScores::release() {
  const std::lock_guard lock(mutex_);
  spare_.clear();
}

}  // namespace millesime
