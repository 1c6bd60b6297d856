#include "pipeline/learning/prediction.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "kernels/base/transfer.h"
#include "kernels/ops/quantile_features.h"
#include "pipeline/learning/model_runner.h"

namespace millesime {
namespace {

constexpr std::int64_t kBlock = 65536;        // samples on the device at once
constexpr std::int64_t kTimedPixels = 16384;  // at most, of the measurement of speed
constexpr double kTimedSeconds = 0.1;         // at least, unless there are as many pixels

// Some of the samples, on the device.
class DeviceRows {
 public:
  DeviceRows(Transfer& transfer, const ModelInput& input, std::int64_t first, std::int64_t count) {
    batch_.pixels = count;
    for (const auto& s : input.series) {
      floats_.push_back(copy(transfer, s.values, first, count, std::int64_t{s.dates} * s.features));
      floats_.push_back(copy(transfer, s.days, first, count, s.dates));
      masks_.push_back(copy(transfer, s.valid, first, count, s.dates));
      batch_.series.push_back({.dates = s.dates,
                               .features = s.features,
                               .values = floats_.end()[-2].data(),
                               .valid = masks_.back().data(),
                               .days = floats_.back().data(),
                               .days_per_pixel = true});
    }
    if (input.n_statics == 0) return;
    floats_.push_back(copy(transfer, input.statics, first, count, input.n_statics));
    batch_.statics = floats_.back().data();
  }
  const Batch& batch() const { return batch_; }

 private:
  template <class T>
  static Buffer<T> copy(Transfer& transfer, const std::vector<T>& from, std::int64_t first, std::int64_t count, std::int64_t width) {
    Buffer<T> buffer(transfer.stream().device, count * width);
    transfer.to_device(buffer, from.data() + first * width, count * width);
    return buffer;
  }

  Batch batch_;
  std::vector<Buffer<float>> floats_;
  std::vector<Buffer<std::uint8_t>> masks_;
};

}  // namespace

std::vector<float> predict_probabilities(const ModelFile& model, const InputTable& input, const Context& context) {
  const std::int64_t n_classes = model.spec.n_classes();
  std::vector<float> out(static_cast<std::size_t>(input.size() * n_classes));
  if (input.size() == 0) return out;
  ModelRunner runner(model, context.device, context.threads);
  const Stream stream(context.device, context.threads);
  Transfer transfer(stream);
  const std::int64_t fit = context.memory_bytes / 16 / std::max<std::int64_t>(1, input.bytes_per_sample());
  const std::int64_t block = std::clamp<std::int64_t>(fit, 256, kBlock);
  std::vector<std::int64_t> samples;
  for (std::int64_t first = 0; first < input.size(); first += block) {
    const std::int64_t count = std::min(block, input.size() - first);
    samples.resize(static_cast<std::size_t>(count));
    std::iota(samples.begin(), samples.end(), first);
    const ModelInput part = input.read(samples);
    const DeviceRows rows(transfer, part, 0, count);
    transfer.to_host(out.data() + first * n_classes, runner.run(stream, rows.batch()),
                     static_cast<std::size_t>(count * n_classes) * sizeof(float));
  }
  return out;
}

std::vector<float> predict_probabilities(const ModelFile& model, const std::vector<SampleSelection>& selections, const Context& context) {
  if (model.members.empty()) return predict_probabilities(model, make_table(model.spec, selections), context);
  std::vector<float> mean;
  float weights = 0;
  for (const auto& member : model.members) {  // in the order and arithmetic of `blend` (kernels/ops/decide.h), which makes maps
    const auto probabilities = predict_probabilities(member, make_table(member.spec, selections), context);
    const auto weight = static_cast<float>(member.spec.weight);
    mean.resize(probabilities.size(), 0);
    std::ranges::transform(mean, probabilities, mean.begin(), [weight](float sum, float p) { return sum + weight * p; });
    weights += weight;
  }
  for (float& p : mean) p /= weights;
  return mean;
}

ModelInput with_quantiles(const ModelInput& input, const std::vector<QuantilePlan>& plans, const Context& context) {
  const Stream stream(context.device, context.threads);
  Transfer transfer(stream);
  ModelInput out;
  out.n_statics = input.n_statics, out.statics = input.statics, out.target = input.target, out.group = input.group;
  const auto n = static_cast<std::size_t>(input.size());
  for (std::size_t s = 0; s < plans.size(); ++s) {
    const InputSeries& series = input.series[s];
    const DeviceQuantilePlan on_device(plans[s], series.features, stream);
    InputSeries& quantiles = out.series.emplace_back();
    quantiles.dates = 1, quantiles.features = static_cast<int>(on_device.width());
    quantiles.values.resize(n * static_cast<std::size_t>(on_device.width()));
    quantiles.valid.assign(n, 1), quantiles.days.assign(n, 0);
    const std::int64_t width = std::int64_t{series.dates} * series.features;
    for (std::int64_t first = 0; first < input.size(); first += kBlock) {
      const std::int64_t count = std::min(kBlock, input.size() - first);
      Buffer<float> values(stream.device, count * width), result(stream.device, count * on_device.width());
      transfer.to_device(values, series.values.data() + first * width, count * width);
      QuantileFeaturesArgs args = on_device.args();
      args.pixels = count, args.values = values.data(), args.out = result.data();
      quantile_features(stream, args);
      transfer.to_host(quantiles.values.data() + first * on_device.width(), result.data(),
                       static_cast<std::size_t>(count * on_device.width()) * sizeof(float));
    }
  }
  return out;
}

double seconds_per_pixel(const ModelFile& model, const ModelInput& input, const Context& context) {
  using Clock = std::chrono::steady_clock;
  predict_probabilities(model, input.subset({0}), context);  // loads libraries
  for (std::int64_t pixels = 256;; pixels *= 4) {
    std::vector<std::int64_t> rows;
    for (std::int64_t i = 0; i < pixels; ++i) rows.push_back(i % input.size());
    const ModelInput many = input.subset(rows);
    const auto start = Clock::now();
    predict_probabilities(model, many, context);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (seconds > kTimedSeconds || pixels >= kTimedPixels) return seconds / static_cast<double>(pixels);
  }
}

}  // namespace millesime
