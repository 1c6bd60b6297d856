#include "models/base/bfloat16_classifier.h"

#include <algorithm>

#include <ATen/Parallel.h>

#include "models/arch/temporal_cnn.h"
#include "models/base/device_memory.h"
#include "models/base/model_file.h"
#include "models/base/network.h"
#include "pipeline/core/error.h"
#include "pipeline/core/side_by_side.h"

namespace millesime {
namespace {

// Pixels a call of the network, always the same: the last call is padded, so that LibTorch computes every pixel in the same way.
constexpr std::int64_t kBfloat16BlockCpu = 512, kBfloat16BlockCuda = 16384;

class Bfloat16Classifier : public Classifier {
 public:
  Bfloat16Classifier(const ModelFile& file, const Device& device, int threads)
      : Classifier(file.spec),
        device_(torch_device(device)),
        block_(device_.is_cpu() ? kBfloat16BlockCpu : kBfloat16BlockCuda),
        network_(temporal_cnn_in_bfloat16(file.spec, *load_network(file, device_), block_)),
        threads_(std::max(1, threads)) {}

  void logits(const Stream& stream, const Batch& batch, float* out) override {
    MILLESIME_CHECK(batch.series.size() == 1 && batch.series[0].features == spec_.sources[0].features(), "one regular series");
    MILLESIME_CHECK(spec_.statics.empty() || batch.statics != nullptr, "statics of the batch are missing");
    const std::int64_t blocks = (batch.pixels + block_ - 1) / block_;
    if (device_.is_cpu()) at::set_num_threads(1);  // one thread a block
    side_by_side(blocks, device_.is_cpu() ? threads_ : 1, [&](std::int64_t b) { run_block(stream, batch, b * block_, out); });
  }

 private:
  // [block, ...] of 16 bits from the first of [count, ...] floats, padded with zeros
  torch::Tensor block_of(const float* numbers, std::int64_t count, std::vector<std::int64_t> shape) const {
    auto filled = torch::zeros(shape, torch::dtype(torch::kBFloat16).device(device_));
    shape[0] = count;
    filled.narrow(0, 0, count).copy_(torch::from_blob(const_cast<float*>(numbers), shape, torch::device(device_)));
    return filled;
  }

  void run_block(const Stream& stream, const Batch& batch, std::int64_t first, float* out) const {
    const c10::InferenceMode inference;
    const OnStream on(stream);
    const std::int64_t count = std::min(block_, batch.pixels - first);
    const SeriesBatch& series = batch.series[0];
    with_device_memory(join_text(spec_.architecture, " on ", count, " pixels"), [&] {
      NetworkInput input;
      input.series.push_back(
          {block_of(series.values + first * series.dates * series.features, count, {block_, series.dates, series.features}), {}, {}});
      if (spec_.n_statics() > 0) input.statics = block_of(batch.statics + first * spec_.n_statics(), count, {block_, spec_.n_statics()});
      const auto logits = network_->forward(input).narrow(0, 0, count).to(torch::kFloat32) / spec_.temperature;
      torch::from_blob(out + first * spec_.n_classes(), {count, spec_.n_classes()}, torch::device(device_)).copy_(logits);
    });
  }

  torch::Device device_;
  std::int64_t block_;  // pixels a call
  std::shared_ptr<Network> network_;
  int threads_;
};

}  // namespace

std::unique_ptr<Classifier> load_bfloat16_classifier(const ModelFile& file, const Device& device, int threads) {
  if (file.spec.architecture != "temporal_cnn")
    throw UserError(
        join_text(file.path,
                  ": precision bfloat16: expected a model of the architecture temporal_cnn, or ltae with norm = none and days of the "
                  "year, got ",
                  file.spec.architecture, "; set precision to float32"));
  return std::make_unique<Bfloat16Classifier>(file, device, threads);
}

}  // namespace millesime
