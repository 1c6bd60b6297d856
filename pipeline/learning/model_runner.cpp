#include "pipeline/learning/model_runner.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "kernels/ops/decide.h"
#include "models/arch/ltae.h"
#include "models/arch/random_forest.h"
#include "models/base/bfloat16_classifier.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr int kBatch = 8192;           // pixels a network call on the CPU; kept small so that activations stay in cache
constexpr int kDeviceBatch = 262144;   // and on a GPU, or where the network divides it among threads itself
constexpr int kQuantileBatch = 16384;  // pixels whose quantiles a forest reads at once: at most a quarter of a gigabyte
constexpr int kCompared = 256;         // one of this number of pixels is computed in both precisions

// The pixels of `input` from `first` on.
Batch part_of(const Batch& input, std::int64_t first, std::int64_t pixels, int n_statics) {
  Batch part = input;
  part.pixels = pixels;
  for (SeriesBatch& series : part.series) {
    if (series.dates == 0) continue;
    series.values += first * series.dates * series.features;
    if (series.valid) series.valid += first * (series.valid_per_pixel ? 1 : series.dates);
    if (series.days_per_pixel) series.days += first * series.dates;
  }
  if (part.statics) part.statics += first * n_statics;
  return part;
}

}  // namespace

void PrecisionCost::add(const PrecisionCost& other) {
  pixels += other.pixels, same_label += other.same_label, difference += other.difference;
}

nlohmann::json PrecisionCost::to_json() const {
  const double n = static_cast<double>(std::max<std::int64_t>(1, pixels));
  return {{"compared", pixels}, {"same_label", static_cast<double>(same_label) / n}, {"probability_difference", difference / n}};
}

std::string PrecisionCost::to_text() const {
  const nlohmann::json shares = to_json();
  char text[200];
  std::snprintf(text, sizeof text,
                "bfloat16: %.2f %% of %lld pixels that were compared get the class of float32; its probability differs by %.4f",
                100 * shares["same_label"].get<double>(), static_cast<long long>(pixels), shares["probability_difference"].get<double>());
  return text;
}

ModelRunner::ModelRunner(ModelFile file, const Device& device, int threads, int batch, Arithmetic precision)
    : file_(std::move(file)),
      device_(device),
      threads_(threads),
      batch_(batch > 0                          ? batch
             : device.kind == Device::Kind::cpu ? kBatch
                                                : kDeviceBatch),
      precision_(precision) {
  // The kernel of images has one position for all pixels of a window.
  std::vector<LtaeWeights> of_images;
  if (spec().architecture == "ltae" && !spec().thermal) of_images = ltae_weights(file_);
  if (precision == Arithmetic::bfloat16) choose_precision(!of_images.empty());
  const bool by_network = precision_ == Arithmetic::bfloat16 && of_images.empty();
  if (by_network) {
    network_ = load_bfloat16_classifier(file_, device, threads);
    if (batch <= 0) batch_ = kDeviceBatch;
  }
  const Stream stream(device);
  if (spec().architecture == "random_forest") {
    const TrainedForest trained = read_forest(file_);
    forest_ = std::make_unique<Forest>(ForestArrays{trained.n_features, trained.n_classes, trained.root, trained.feature, trained.threshold,
                                                    trained.left, trained.right, trained.leaf_class},
                                       stream);
    const std::vector<QuantilePlan> plans = forest_quantiles(spec());
    for (std::size_t s = 0; s < plans.size(); ++s) quantiles_.emplace_back(plans[s], spec().sources[s].features(), stream);
    vote_logits_ = to_device(stream, vote_logits(spec(), forest_->view().n_trees));
    stream.synchronize();  // calls come on other streams
    return;
  }
  if (network_) exact_ = load_classifier(file_, device, threads);
  for (const LtaeWeights& weights : of_images) ltae_.push_back({Ltae(weights, stream, precision_), {}});
  if (ltae_.empty()) network();  // a model that cannot be loaded is an error before anything is read
}

// Of a mean the members that have bfloat16 are mapped with it.
void ModelRunner::choose_precision(bool of_images) {
  const std::string& name = spec().architecture;
  if (of_images && device_.kind == Device::Kind::cuda) {
    precision_ = Arithmetic::float32;
    note_ = "precision bfloat16: ltae has it on processors alone; on a GPU it is mapped in float32";
  } else if (of_images && !has_products_of_pairs()) {
    note_ =
        "precision bfloat16: this processor lacks the instruction for it (AVX512_BF16), so that ltae is no faster than in float32; "
        "the map is the same as with it";
  } else if (!of_images && (name != "temporal_cnn" || spec().sources.size() > 1)) {
    precision_ = Arithmetic::float32;
    note_ = join_text("precision bfloat16: temporal_cnn of one source has it, and ltae with norm = none and days of the year; ", name,
                      " is mapped in float32");
  }
  if (!note_.empty()) note_ = join_text(file_.path, file_.path.empty() ? "" : ": ", note_);
}

Classifier& ModelRunner::network() {
  if (!network_) network_ = load_classifier(file_, device_, threads_);
  return *network_;
}

const float* ModelRunner::run(const Stream& stream, const Batch& input, const std::uint8_t* count) {
  if (forest_)
    run_forest(stream, input);
  else
    run_network(stream, input);
  return decided(stream, input.pixels, count);
}

const float* ModelRunner::run_images(const Stream& stream, const std::vector<SourceImages>& sources) {
  MILLESIME_CHECK(sources.size() == ltae_.size(), "images of ", sources.size(), " sources for ", ltae_.size());
  const std::int64_t pixels = sources.front().args.series.pixels();
  logits_.reserve(stream.device, pixels * spec().n_classes());
  if (sources.size() > 1) sums_.reserve(stream.device, pixels * image_weights(0).hidden);
  encode_images(stream, sources, precision_, logits_.data());
  if (precision_ == Arithmetic::bfloat16 && pixels > 0) compare_images(stream, sources);
  return decided(stream, pixels, sources.front().args.count);
}

void ModelRunner::encode_images(const Stream& stream, const std::vector<SourceImages>& sources, Arithmetic precision, float* logits) {
  for (std::size_t s = 0; s < sources.size(); ++s) {
    LtaeArgs args = sources[s].args;
    ImageEncoder& encoder = ltae_[s];
    args.weights = encoder.network.view();
    if (precision == Arithmetic::float32) args.weights.rounded = nullptr, args.weights.pairs = nullptr;
    if (args.series.n_dates > 0) {
      if (encoder.days != sources[s].days) {
        encoder.network.set_dates(ltae_positions(sources[s].days, args.weights.head_width), stream);
        encoder.days = sources[s].days;
      }
      args.dates = encoder.network.dates();
    }
    if (s > 0) args.begun = sums_.data();
    (s + 1 < sources.size() ? args.sums : args.logits) = s + 1 < sources.size() ? sums_.data() : logits;
    ltae(stream, args);
  }
}

void ModelRunner::run_network(const Stream& stream, const Batch& input) {
  Classifier& classifier = network();
  const int n_classes = spec().n_classes();
  logits_.reserve(stream.device, input.pixels * n_classes);
  for (std::int64_t first = 0; first < input.pixels; first += batch_) {
    const Batch batch = part_of(input, first, std::min<std::int64_t>(batch_, input.pixels - first), spec().n_statics());
    classifier.logits(stream, batch, logits_.data() + first * n_classes);
    if (exact_) compare_batch(stream, batch, logits_.data() + first * n_classes);
  }
}

void ModelRunner::run_forest(const Stream& stream, const Batch& input) {
  votes_.reserve(stream.device, input.pixels * spec().n_classes());
  ForestArgs args;
  args.forest = forest_->view();
  args.pixels = input.pixels, args.votes = votes_.data();
  if (input.statics) args.n_statics = spec().n_statics(), args.statics = input.statics;
  if (quantiles_.empty()) {
    std::vector<Row> rows;
    for (std::size_t s = 0; s < input.series.size(); ++s)
      rows.push_back({input.series[s].dates > 0 ? input.series[s].values : nullptr,
                      static_cast<std::int64_t>(spec().days_of(s).size()) * spec().sources[s].features()});
    args.features = joined(stream, rows, input.pixels);
    return forest(stream, args);
  }
  quantile_rows_.resize(quantiles_.size());
  for (std::int64_t first = 0; first < input.pixels; first += kQuantileBatch) {
    ForestArgs part = args;
    part.pixels = std::min<std::int64_t>(kQuantileBatch, input.pixels - first);
    std::vector<Row> rows;
    for (std::size_t s = 0; s < quantiles_.size(); ++s) {
      const SeriesBatch& series = input.series[s];
      rows.push_back({nullptr, quantiles_[s].width()});
      if (series.dates == 0) continue;
      quantile_rows_[s].reserve(stream.device, part.pixels * quantiles_[s].width());
      QuantileFeaturesArgs quantiles = quantiles_[s].args();
      quantiles.pixels = part.pixels, quantiles.values = series.values + first * series.dates * series.features;
      quantiles.out = quantile_rows_[s].data();
      quantile_features(stream, quantiles);
      rows.back().numbers = quantiles.out;
    }
    part.features = joined(stream, rows, part.pixels);
    part.votes += first * spec().n_classes();
    if (part.statics) part.statics += first * spec().n_statics();
    forest(stream, part);
  }
}

// The features of all sources of each pixel in one row, zeros for a source that is missing.
const float* ModelRunner::joined(const Stream& stream, const std::vector<Row>& rows, std::int64_t pixels) {
  if (rows.size() == 1) return rows.front().numbers;
  std::int64_t width = 0;
  for (const Row& row : rows) width += row.width;
  joined_.reserve(stream.device, pixels * width);
  if (std::ranges::any_of(rows, [](const Row& row) { return !row.numbers; })) joined_.zero(stream);
  constexpr auto kBytes = static_cast<std::int64_t>(sizeof(float));
  std::int64_t first = 0;
  for (const Row& row : rows) {
    if (row.numbers)
      detail::copy_rows(stream, joined_.data() + first, static_cast<std::size_t>(width * kBytes), row.numbers,
                        static_cast<std::size_t>(row.width * kBytes), static_cast<std::size_t>(row.width * kBytes),
                        static_cast<std::size_t>(pixels));
    first += row.width;
  }
  return joined_.data();
}

const float* ModelRunner::decided(const Stream& stream, std::int64_t pixels, const std::uint8_t* count) {
  probabilities_.reserve(stream.device, pixels * spec().n_classes());
  label_.reserve(stream.device, pixels);
  DecideArgs args;
  args.pixels = pixels, args.n_classes = spec().n_classes(), args.sharpening = static_cast<float>(spec().sharpening);
  if (forest_) {
    args.votes = votes_.data(), args.n_trees = forest_->view().n_trees;
    if (vote_logits_.size() > 0) args.vote_logits = vote_logits_.data();
  } else {
    args.logits = logits_.data();
  }
  args.count = count, args.label = label_.data(), args.exact_probabilities = probabilities_.data();
  decide(stream, args);
  return probabilities_.data();
}

// Some pixels of a batch, further on in each.
void ModelRunner::compare_batch(const Stream& stream, const Batch& batch, const float* logits) {
  const std::int64_t n = std::max<std::int64_t>(1, batch.pixels / kCompared), first = batches_++ * n % (batch.pixels - n + 1);
  Buffer<float> exact(stream.device, n * spec().n_classes());
  exact_->logits(stream, part_of(batch, first, n, spec().n_statics()), exact.data());
  compare(stream, n, exact.data(), logits + first * spec().n_classes());
}

// Some rows of a window, further down in each.
void ModelRunner::compare_images(const Stream& stream, std::vector<SourceImages> sources) {
  const SeriesView window = sources.front().args.series;
  const int n = std::max(1, window.height / kCompared);
  const int first = static_cast<int>(batches_++ * n % (window.height - n + 1));
  const std::int64_t pixels = std::int64_t{n} * window.width, before = std::int64_t{first} * window.width;
  const int n_statics = spec().n_statics();
  Buffer<float> statics(stream.device, n_statics * pixels), exact(stream.device, pixels * spec().n_classes());
  if (n_statics > 0)
    detail::copy_rows(stream, statics.data(), static_cast<std::size_t>(pixels) * sizeof(float), sources.front().args.statics + before,
                      static_cast<std::size_t>(window.pixels()) * sizeof(float), static_cast<std::size_t>(pixels) * sizeof(float),
                      static_cast<std::size_t>(n_statics));
  for (SourceImages& source : sources) {
    LtaeArgs& args = source.args;
    args.count = nullptr;
    if (args.statics) args.statics = statics.data();
    if (args.series.n_dates > 0)
      args.series = rows_of(args.series, first, n);
    else
      args.series.height = n;
  }
  encode_images(stream, sources, Arithmetic::float32, exact.data());
  compare(stream, pixels, exact.data(), logits_.data() + before * spec().n_classes());
}

void ModelRunner::compare(const Stream& stream, std::int64_t pixels, const float* exact, const float* logits) {
  const int n_classes = spec().n_classes();
  const auto on_host = [&](const float* numbers) {
    std::vector<float> copy(static_cast<std::size_t>(pixels * n_classes));
    detail::copy_bytes(stream, Device{}, copy.data(), stream.device, numbers, copy.size() * sizeof(float));
    stream.synchronize();
    return copy;
  };
  const std::vector<float> expected = on_host(exact), found = on_host(logits);
  const auto probability = [&](const float* row, std::ptrdiff_t of) {
    double sum = 0;
    for (int c = 0; c < n_classes; ++c) sum += std::exp(static_cast<double>(row[c]) - static_cast<double>(row[of]));
    return 1 / sum;
  };
  for (std::int64_t p = 0; p < pixels; ++p) {
    const float *const exact_row = expected.data() + p * n_classes, *const row = found.data() + p * n_classes;
    const auto label = std::max_element(exact_row, exact_row + n_classes) - exact_row;
    cost_.same_label += std::max_element(row, row + n_classes) - row == label;
    cost_.difference += std::abs(probability(row, label) - probability(exact_row, label));
  }
  cost_.pixels += pixels;
}

void ModelRunner::release() {
  if (network_) network_->release();
  quantile_rows_.clear(), joined_ = {}, sums_ = {}, logits_ = {}, votes_ = {}, probabilities_ = {}, label_ = {};
}

}  // namespace millesime
