#include "pipeline/imagery/seed_map.h"

#include <algorithm>
#include <set>

#include "kernels/ops/blend.h"
#include "kernels/ops/map_values.h"
#include "kernels/ops/smooth.h"
#include "kernels/ops/uncertainty.h"
#include "kernels/ops/validity.h"
#include "models/base/option_readers.h"
#include "models/base/season.h"
#include "pipeline/core/class_groups.h"
#include "pipeline/core/class_names.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/tile_window.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/uncertainty_map.h"

namespace millesime {

namespace {

constexpr std::size_t kMostClasses = 255;  // the kernel's labels have 8 bits, and 0 is no class

}  // namespace

void ClassifyOptions::declare(Options& o) {
  o.add("probabilities", &probabilities, "also write the probability of every class that the model knows, x 1000, one band a class");
  o.add("all_classes", &all_classes, "probabilities of every class of the nomenclature, 0 for those that the model does not know");
  o.add("batch", &batch, "pixels a model call; 0: chosen for the device").range(0, 1 << 24);
  o.add("precision", &precision,
        "precision of the model's numbers; bfloat16: faster on processors that support it (AVX512_BF16), and the share of changed "
        "labels is measured on a sample of the pixels and noted")
      .choices({"float32", "bfloat16"})
      .read_by(reader::kInPrecision);
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
        "refuse; part: it ends early, or more than a tenth of the model's dates lie before the first acquisition or after the last")
      .choices({"say", "refuse"});
}

namespace {

// A model whose weights and calibration are those of what is known of the season.
ModelFile read_model(const std::string& file, Trust trust, const ClassifyOptions& options, const Context& context) {
  ModelFile model = ModelFile::read(file, trust);
  if (options.last_day == 0) return model;
  if (knows_early_maps(model)) {
    serve_day(model, options.last_day);
    return model;
  }
  const std::string what = join_text(file, ": learned whole seasons and is asked for a map of the first ", options.last_day, " days");
  if (options.early == "refuse") throw UserError(what + "; train it with train.season_cut = 1, or set classify.early = \"say\"");
  context.progress->note(what +
                         ": its classes and its confidence are less certain than they say; train.season_cut makes a model for any day");
  return model;
}

}  // namespace

SeedMap::SeedMap(const Files& files, const TileInput& input, const ClassifyOptions& options, Trust trust, const Grid& grid,
                 const Context& context, const std::shared_ptr<PreparedInputs>& prepared)
    : files_(files), options_(options) {
  const Arithmetic precision = options.precision == "bfloat16" ? Arithmetic::bfloat16 : Arithmetic::float32;
  std::set<int> codes;
  for (const auto& model : files.models) {
    models_.push_back(
        std::make_unique<TileModel>(read_model(model.file, trust, options, context), input, options.batch, context, precision, prepared));
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
  if (!files.level1.empty() && !options.groups) require_groups_apart(nomenclature());
  for (const int code : codes_) {
    int group = nomenclature().at(*nomenclature().index_of_code(code)).parent;
    if (options.groups) {
      const auto of_class = options.groups->find(code);
      group = of_class == options.groups->end() ? 0 : of_class->second;
    }
    groups_.push_back(group == 0 ? code : group);
  }
  level_confidence_ = static_cast<float>(options.level_confidence) / 100;
  open_files(grid);
  put_on(context.device);
}

// What does not change from window to window.
void SeedMap::put_on(const Device& device) {
  const Stream stream(device);
  const auto put = [&](const auto& numbers) {
    auto there = to_device(stream, numbers);
    stream.synchronize();  // windows use other streams
    return there;
  };
  for (const auto& model : models_) {
    const std::vector<int>& known = model->spec().classes;
    std::vector<std::int16_t> column;
    for (const int code : codes_) {
      const auto at = std::ranges::find(known, code);
      column.push_back(at == known.end() ? std::int16_t{-1} : static_cast<std::int16_t>(at - known.begin()));
    }
    columns_.push_back(known == codes_ ? Buffer<std::int16_t>() : put(column));
  }
  if (!level1_) return;
  codes_there_ = put(std::vector<std::uint16_t>(codes_.begin(), codes_.end()));
  groups_there_ = put(std::vector<std::uint16_t>(groups_.begin(), groups_.end()));
}

void SeedMap::open_files(const Grid& grid) {
  const auto plain = [](const Nomenclature* names) { return RasterOptions{.nodata = 0, .nomenclature = names, .band_names = {}}; };
  classification_ = std::make_unique<RasterWriter>(files_.classification, grid, class_type(nomenclature().max_code()), 1,
                                                   plain(files_.legend ? &nomenclature() : nullptr));
  confidence_ = std::make_unique<RasterWriter>(files_.confidence, grid, PixelType::u8, 1, plain(nullptr));
  if (!files_.validity.empty()) validity_ = std::make_unique<RasterWriter>(files_.validity, grid, PixelType::u8, 1, plain(nullptr));
  if (!files_.uncertainty.empty())
    uncertainty_ = std::make_unique<RasterWriter>(files_.uncertainty, grid, PixelType::u8, 1,
                                                  RasterOptions{.nodata = 0, .nomenclature = nullptr, .band_names = {kUncertaintyBand}});
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
  for (std::size_t c = 0; c < codes_.size(); ++c) probabilities_->write(window, static_cast<int>(c), pixels.probabilities[c].data());
}

void SeedMap::commit() {
  for (const auto& model : models_) model->require_complete();
  for (auto* writer :
       {classification_.get(), confidence_.get(), validity_.get(), probabilities_.get(), level1_.get(), deepest_.get(), uncertainty_.get()})
    if (writer) writer->commit();
}

std::int64_t SeedMap::bytes_per_pixel(int dates) const {
  constexpr std::int64_t kUnderWay = 6;  // windows whose values wait to be written, are being written, or are spare
  std::int64_t bytes = 0;
  const auto n_classes = static_cast<std::int64_t>(codes_.size());
  for (const auto& model : models_) bytes += model->bytes_per_pixel(dates);
  if (models_.size() > 1) bytes += 4 * static_cast<std::int64_t>(models_.size()) * 2 + 5;  // weights
  const bool second_plane = options_.halo() > 0 || uncertainty_ || level1_;
  return bytes + 4 * n_classes * (second_plane ? 2 : 1) + 1 + kUnderWay * (bytes_a_pixel() + 2 * codes_a_pixel());
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

std::set<std::string> SeedMap::notes() const {
  std::set<std::string> notes;
  for (const auto& model : models_)
    for (std::string& note : model->notes()) notes.insert(std::move(note));
  return notes;
}

void SeedMap::release() {
  for (const auto& model : models_) model->release();
  weights_.release();
  weight_sums_ = {}, count_ = {}, decidable_ = {}, bytes_ = {}, sent_codes_ = {};
  for (Buffer<float>& planes : planes_) planes = {};
}

SeedMap::Blended SeedMap::blend_models(const Stream& stream, std::span<const DeviceSeries> series, const TileWindow& window,
                                       const std::optional<RegionShares>& regions) {
  const SeriesView& view = series.front().view();
  const std::int64_t pixels = view.pixels();
  struct Part {
    std::size_t model;
    const float* weights;
  };
  std::vector<Part> parts;
  const float* weights = nullptr;
  if (regions && !regions->weights.empty()) {
    std::ranges::copy(regions->weights, weights_.fill(stream, std::ssize(regions->weights)));
    weights = weights_.send(stream);
  }
  for (std::size_t m = 0; m < models_.size(); ++m) {
    if (!regions) {
      parts.push_back({m, nullptr});
      continue;
    }
    const auto region = std::ranges::find(regions->names, files_.models[m].region) - regions->names.begin();
    if (region < std::ssize(regions->names)) parts.push_back({m, weights + region * pixels});
  }
  planes_[0].reserve(stream.device, pixels * std::ssize(codes_));
  if (parts.empty()) {  // observed, but outside all regions
    count_.reserve(stream.device, pixels), decidable_.reserve(stream.device, pixels);
    planes_[0].zero(stream), decidable_.zero(stream);
    ValidityArgs args;
    args.series = view, args.count = count_.data();
    validity(stream, args);
    return {count_.data(), decidable_.data()};
  }
  if (regions) weight_sums_.reserve(stream.device, pixels), decidable_.reserve(stream.device, pixels);
  BlendArgs mix;
  mix.pixels = pixels, mix.n_classes = static_cast<int>(codes_.size()), mix.mean = planes_[0].data();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    TileModel& model = *models_[parts[i].model];
    const auto scores = model.run(stream, series.front(), window.series.dates, window.statics, series.subspan(1));
    mix.probabilities = scores.probabilities, mix.model_classes = model.spec().n_classes();
    mix.column = columns_[parts[i].model].data();
    mix.first = i == 0, mix.last = i + 1 == parts.size();
    mix.weight_sum = static_cast<float>(i + 1);
    mix.weights = parts[i].weights, mix.count = scores.count;
    if (regions) mix.weight_sums = weight_sums_.data(), mix.decidable = decidable_.data();
    blend(stream, mix);
  }
  return {mix.count, regions ? decidable_.data() : mix.count};
}

const float* SeedMap::smoothed(const Stream& stream, const Window& window, const std::uint8_t* decidable) {
  if (options_.halo() == 0) return planes_[0].data();
  planes_[1].reserve(stream.device, planes_[0].size());
  SmoothArgs args;
  args.cols = window.width, args.rows = window.height, args.n_classes = static_cast<int>(codes_.size());
  args.reach = options_.smooth_reach, args.tolerance = static_cast<float>(options_.smooth_tolerance);
  args.counts = decidable;
  for (int pass = 0; pass < options_.smooth; ++pass) {
    args.probabilities = planes_[pass % 2].data(), args.smoothed = planes_[1 - pass % 2].data();
    smooth(stream, args);
  }
  return args.smoothed;
}

void SeedMap::decide(const Stream& stream, std::span<const DeviceSeries> series, const TileWindow& window, const Window& inner,
                     const std::optional<RegionShares>& regions, Values& values) {
  const Window& outer = window.series.window;
  const std::int64_t n = values.pixels = inner.pixels(), n_codes = codes_a_pixel();
  const bool on_gpu = stream.device.kind == Device::Kind::cuda;
  // On the CPU the values are computed where they are read.
  std::uint8_t* const sent_bytes = values.bytes.reserve(stream.device, n * bytes_a_pixel());
  std::uint16_t* const sent_codes = values.codes.reserve(stream.device, n * n_codes);
  if (on_gpu) bytes_.reserve(stream.device, n * bytes_a_pixel()), sent_codes_.reserve(stream.device, n * n_codes);
  std::uint8_t* const bytes = on_gpu ? bytes_.data() : sent_bytes;
  std::uint16_t* codes = on_gpu ? sent_codes_.data() : sent_codes;

  const Blended blended = blend_models(stream, series, window, regions);
  MapValuesArgs args;
  args.cols = outer.width, args.rows = outer.height;
  args.first_col = inner.col - outer.col, args.first_row = inner.row - outer.row;
  args.inner_cols = inner.width, args.inner_rows = inner.height;
  args.n_classes = static_cast<int>(codes_.size()), args.smoothed = options_.halo() > 0;
  args.probabilities = smoothed(stream, outer, blended.decidable);
  args.decidable = blended.decidable, args.count = blended.count;
  args.place = bytes, args.confidence = bytes + n, args.validity = bytes + 2 * n;
  if (uncertainty_ || level1_) {
    Buffer<float>& spare = planes_[args.probabilities == planes_[0].data() ? 1 : 0];
    spare.reserve(stream.device, n * std::ssize(codes_));
    args.exact = spare.data();
  }
  if (level1_) {
    args.codes = codes_there_.data(), args.groups = groups_there_.data(), args.level_confidence = level_confidence_;
    args.level1 = codes, args.deepest = codes + n;
    codes += 2 * n;
  }
  if (probabilities_) args.shares = codes;
  map_values(stream, args);
  if (uncertainty_) {
    UncertaintyArgs of;
    of.pixels = n, of.n_classes = args.n_classes, of.probabilities = args.exact;
    of.kind = options_.uncertainty == "margin" ? Uncertainty::margin : Uncertainty::entropy;
    of.count = args.place, of.uncertainty = bytes + 3 * n;
    uncertainty(stream, of);
  }
  if (!on_gpu) return;
  const auto send = [&](auto& numbers, const auto* from, std::int64_t size) {
    detail::copy_bytes(stream, Device{}, numbers.memory.data(), stream.device, from, static_cast<std::size_t>(size) * sizeof(*from));
    numbers.moved.record(stream);
  };
  send(values.bytes, bytes_.data(), n * bytes_a_pixel());
  if (n_codes > 0) send(values.codes, sent_codes_.data(), n * n_codes);
}

void SeedMap::read(const Values& values, Pixels& pixels) const {
  values.bytes.moved.wait(), values.codes.moved.wait();
  const std::int64_t n = values.pixels;
  std::vector<std::uint16_t> code = {0};  // of each place
  code.insert(code.end(), codes_.begin(), codes_.end());
  const std::uint8_t* bytes = values.bytes.memory.data();
  const auto above = static_cast<std::ptrdiff_t>(pixels.label.size());
  pixels.label.resize(pixels.label.size() + static_cast<std::size_t>(n));
  std::transform(bytes, bytes + n, pixels.label.begin() + above, [&](std::uint8_t place) { return code[place]; });
  const auto add = [&](auto& to, const auto*& from) { to.insert(to.end(), from, from + n), from += n; };
  bytes += n;
  add(pixels.confidence, bytes), add(pixels.validity, bytes);
  if (uncertainty_) add(pixels.uncertainty, bytes);
  const std::uint16_t* codes = values.codes.memory.data();
  if (level1_) add(pixels.level1, codes), add(pixels.deepest, codes);
  if (!probabilities_) return;
  pixels.probabilities.resize(codes_.size());
  for (auto& of_class : pixels.probabilities) add(of_class, codes);
}

void SeedMap::Pixels::clear() {
  label.clear(), confidence.clear(), validity.clear(), uncertainty.clear(), level1.clear(), deepest.clear();
  for (auto& of_class : probabilities) of_class.clear();
}

void SeedMap::Pixels::keep(const std::vector<std::uint8_t>& inside) {
  const auto keep_in = [&](auto& numbers) {
    for (std::size_t p = 0; p < numbers.size(); ++p)
      if (inside[p] == 0) numbers[p] = 0;
  };
  keep_in(label), keep_in(confidence), keep_in(validity), keep_in(uncertainty), keep_in(level1), keep_in(deepest);
  for (auto& of_class : probabilities) keep_in(of_class);
}

}  // namespace millesime
