#include "pipeline/imagery/seed_map.h"

#include <algorithm>
#include <set>

#include "kernels/ops/decide.h"
#include "kernels/ops/validity.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

constexpr int kBatch = 8192;          // pixels a network call on the CPU; kept small so that activations stay in cache
constexpr int kDeviceBatch = 262144;  // and on a GPU

}  // namespace

void ClassifyOptions::declare(Options& o) {
  o.add("probabilities", &probabilities, "also write the probability of every class, x 1000, one band a class");
  o.add("batch", &batch, "pixels a model call; 0: chosen for the device").range(0, 1 << 24);
  o.add("precision", &precision,
        "precision of temporal_cnn; bfloat16: about three times as fast on processors that support it, and the share of changed labels is "
        "measured on a sample of the pixels and noted")
      .choices({"float32", "bfloat16"});
}

void LayerSamples::append(const LayerSamples& below) {
  const auto add = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  add(label, below.label), add(confidence, below.confidence), add(validity, below.validity), add(probabilities, below.probabilities);
}

std::vector<Answers> SpareAnswers::take() {
  const std::lock_guard lock(mutex_);
  std::vector<Answers> answers;
  if (spare_.empty()) {
    for (std::size_t o = 0; o < outputs_; ++o) answers.emplace_back(device_);
  } else {
    answers = std::move(spare_.back());
    spare_.pop_back();
  }
  return answers;
}

void SpareAnswers::give(std::vector<Answers> answers) {
  const std::lock_guard lock(mutex_);
  spare_.push_back(std::move(answers));
}

void SpareAnswers::release() {
  const std::lock_guard lock(mutex_);
  spare_.clear();
}

OutputModels::OutputModels(const ClassifyOutput& output, const TileInput& input, const ClassifyOptions& options, Trust trust,
                           const Context& context)
    : output_(output), write_probabilities_(!output.probabilities.empty()) {
  const int batch = options.batch > 0 ? options.batch : context.device.kind == Device::Kind::cpu ? kBatch : kDeviceBatch;
  std::set<int> codes;
  for (const auto& model : output.models) {
    models_.push_back(std::make_unique<TileModel>(ModelFile::read(model.file, trust), input, batch, context,
                                                  options.precision == "bfloat16" ? Arithmetic::bfloat16 : Arithmetic::float32));
    codes.insert(models_.back()->spec().classes.begin(), models_.back()->spec().classes.end());
  }
  for (const LandClass& known : nomenclature().classes)  // in the order of the nomenclature
    if (codes.contains(known.code)) codes_.push_back(known.code);
  for (const int code : codes_)
    if (code > 255)
      throw UserError(
          join_text(output.models.front().file, ": class code ", code, " does not fit a class map of 8 bits; use codes up to 255"));
  for (const auto& model : models_) {
    std::vector<int> column;
    for (const int code : model->spec().classes) column.push_back(static_cast<int>(std::ranges::find(codes_, code) - codes_.begin()));
    columns_.push_back(std::move(column));
  }
}

std::int64_t OutputModels::bytes_per_pixel(int dates) const {
  std::int64_t bytes = 0;
  for (const auto& model : models_) bytes += model->bytes_per_pixel(dates) + 8 * static_cast<std::int64_t>(codes_.size());
  return bytes;
}

PrecisionCost OutputModels::precision_cost() const {
  PrecisionCost cost;
  for (const auto& model : models_) cost.add(model->precision_cost());
  return cost;
}

void OutputModels::release() {
  for (const auto& model : models_) model->release();
}

void OutputModels::ask(const Stream& stream, const DeviceSeries& series, const TileWindow& input,
                       const std::optional<RegionShares>& regions, Answers& answers) {
  const std::int64_t pixels = answers.pixels = series.view().pixels();
  answers.models.clear(), answers.probabilities.clear(), answers.weights.clear();
  answers.copies.resize(models_.size());
  answers.count.reserve(stream.device, pixels);
  const bool on_gpu = stream.device.kind == Device::Kind::cuda;
  const auto keep = [&](auto& buffer, const auto* numbers, std::int64_t n) {
    buffer.reserve(stream.device, n);
    detail::copy_bytes(stream, stream.device, buffer.data(), stream.device, numbers, static_cast<std::size_t>(n) * sizeof(*numbers));
  };
  for (std::size_t m = 0; m < models_.size(); ++m) {
    std::ptrdiff_t region = 0;
    if (regions) {
      region = std::ranges::find(regions->names, output_.models[m].region) - regions->names.begin();
      if (region == std::ssize(regions->names)) continue;
    }
    const auto result = models_[m]->run(stream, series, input.series.dates, input.statics);
    keep(answers.count, result.count, pixels);
    if (on_gpu) keep(answers.copies[m], result.probabilities, pixels * models_[m]->spec().n_classes());
    answers.models.push_back(m);
    answers.probabilities.push_back(on_gpu ? answers.copies[m].data() : result.probabilities);
    if (regions) {
      const auto from = regions->weights.begin() + region * pixels;
      answers.weights.insert(answers.weights.end(), from, from + pixels);
    } else {
      answers.weights.insert(answers.weights.end(), static_cast<std::size_t>(pixels), 1.0f);
    }
  }
  if (answers.models.empty()) {  // observed, but outside all regions
    ValidityArgs args;
    args.series = series.view(), args.count = answers.count.data();
    validity(stream, args);
  }
  answers.complete.record(stream);
}

LayerSamples OutputModels::decide(Transfer& transfer, const Answers& answers) const {
  const auto n = static_cast<std::size_t>(answers.pixels);
  const std::size_t n_classes = codes_.size();
  const bool on_host = transfer.stream().device.kind == Device::Kind::cpu;
  answers.complete.hold(transfer.stream());
  LayerSamples layer;
  layer.validity.resize(n);
  transfer.to_host(layer.validity.data(), answers.count.data(), n);
  std::vector<float> scores(answers.models.size() * n * n_classes, 0.0f);  // [model][pixel][class]
  std::vector<float> copy;
  float* of_model = scores.data();
  for (std::size_t i = 0; i < answers.models.size(); ++i) {
    const std::vector<int>& columns = columns_[answers.models[i]];
    const float* probabilities = answers.probabilities[i];
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
  return decide_layer(Stream(Device{}, transfer.stream().threads), answers.pixels, scores, answers.weights, std::move(layer));
}

// Blending and deciding run on the host: they are a small part of the work, and a tile may have many models.
LayerSamples OutputModels::decide_layer(const Stream& host, std::int64_t pixels, const std::vector<float>& scores,
                                        const std::vector<float>& weights, LayerSamples layer) const {
  const auto n = static_cast<std::size_t>(pixels);
  const int n_classes = static_cast<int>(codes_.size());
  layer.label.assign(n, 0), layer.confidence.assign(n, 0);
  if (write_probabilities_) layer.probabilities.assign(n * static_cast<std::size_t>(n_classes), 0);
  if (scores.empty()) return layer;
  std::vector<float> blended(n * static_cast<std::size_t>(n_classes));
  BlendArgs mix;
  mix.pixels = pixels, mix.n_models = static_cast<int>(weights.size() / n), mix.n_classes = n_classes;
  mix.probabilities = scores.data(), mix.weights = weights.data(), mix.blended = blended.data();
  blend(host, mix);
  // Without an observation, or outside all regions, the pixel gets no class.
  std::vector<std::uint8_t> decidable(layer.validity);
  for (std::size_t p = 0; p < n; ++p) {
    float total = 0;
    for (std::size_t m = 0; m < weights.size() / n; ++m) total += weights[m * n + p];
    if (total == 0) decidable[p] = 0;
  }
  std::vector<std::uint8_t> codes;
  for (const int code : codes_) codes.push_back(static_cast<std::uint8_t>(code));
  DecideArgs args;
  args.pixels = pixels, args.n_classes = n_classes, args.scores = blended.data(), args.codes = codes.data(), args.count = decidable.data();
  args.label = layer.label.data(), args.confidence = layer.confidence.data();
  if (write_probabilities_) args.probabilities = layer.probabilities.data();
  millesime::decide(host, args);
  return layer;
}

}  // namespace millesime
