#include "pipeline/learning/prediction.h"

#include <algorithm>
#include <functional>

#include "kernels/base/transfer.h"
#include "pipeline/learning/model_runner.h"

namespace millesime {
namespace {

constexpr std::int64_t kBlock = 65536;  // samples on the device at once

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

std::vector<float> predict_probabilities(const ModelFile& model, const ModelInput& input, const Context& context) {
  const std::int64_t n_classes = model.spec.n_classes();
  std::vector<float> out(static_cast<std::size_t>(input.size() * n_classes));
  if (input.size() == 0) return out;
  ModelRunner runner(model, context.device, context.threads);
  const Stream stream(context.device, context.threads);
  Transfer transfer(stream);
  for (std::int64_t first = 0; first < input.size(); first += kBlock) {
    const std::int64_t count = std::min(kBlock, input.size() - first);
    const DeviceRows rows(transfer, input, first, count);
    transfer.to_host(out.data() + first * n_classes, runner.run(stream, rows.batch()),
                     static_cast<std::size_t>(count * n_classes) * sizeof(float));
  }
  return out;
}

std::vector<float> predict_probabilities(const ModelFile& model, const std::vector<SampleSelection>& selections, const Context& context) {
  if (model.members.empty()) return predict_probabilities(model, make_input(model.spec, selections), context);
  std::vector<float> mean;
  for (const auto& member : model.members) {
    const auto probabilities = predict_probabilities(member, make_input(member.spec, selections), context);
    mean.resize(probabilities.size(), 0);
    std::ranges::transform(mean, probabilities, mean.begin(), std::plus{});
  }
  for (float& p : mean) p /= static_cast<float>(model.members.size());
  return mean;
}

}  // namespace millesime
