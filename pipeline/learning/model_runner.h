#pragma once
// ModelRunner: applies one trained model (no ensemble) to input on its device. Windows of images (pipeline/imagery/tile_model.h) and
// samples (prediction.h) go through the same code.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "kernels/base/bfloat16.h"
#include "kernels/base/buffer.h"
#include "kernels/ops/forest.h"
#include "kernels/ops/ltae.h"
#include "kernels/ops/quantile_features.h"
#include "models/base/classifier.h"
#include "models/base/model_file.h"

namespace millesime {

// Differences between the results of a network in 16 bits and in 32 bits, on a sample of the pixels.
struct PrecisionCost {
  std::int64_t pixels = 0, same_label = 0;
  double difference = 0;  // sum over the pixels, of the probability of the class that float32 gives

  void add(const PrecisionCost& other);
  nlohmann::json to_json() const;
  std::string to_text() const;
};

class ModelRunner {
 public:
  // `batch`: pixels a network call; 0: chosen for the device. It has no influence on the result. bfloat16: see
  // models/base/bfloat16_classifier.h and kernels/ops/ltae.h; one of 256 pixels, or of 256 rows of images, is computed in both ways and
  // compared.
  ModelRunner(ModelFile file, const Device& device, int threads, int batch = 0, Arithmetic precision = Arithmetic::float32);

  const ModelSpec& spec() const { return file_.spec; }
  const std::string& path() const { return file_.path; }
  const std::string& note() const { return note_; }  // about a precision that gains nothing here, or ""
  bool is_forest() const { return forest_ != nullptr; }

  // Calibrated probabilities [pixel][class of the spec] of prepared input (kernels/ops/prepare.h, learning/sample_input.h). Valid until the
  // next call, on the stream's device. `count`: valid dates of each pixel, on the device; nullptr: every pixel has some.
  // Throws OutOfDeviceMemory.
  const float* run(const Stream& stream, const Batch& input, const std::uint8_t* count = nullptr);

  // An L-TAE with a kernel that reads images: the caller need not prepare them. Of each source of the spec `args` without weights, dates,
  // sums and logits, and the `days` of its dates since 1 January; a source that is missing has a series without dates. Counts the valid
  // dates of each pixel of the first source into its args.count.
  struct SourceImages {
    LtaeArgs args;
    std::vector<float> days;
  };
  bool reads_images() const { return !ltae_.empty(); }
  const LtaeView& image_weights(std::size_t source) const { return ltae_[source].network.view(); }
  const float* run_images(const Stream& stream, const std::vector<SourceImages>& sources);

  void release();  // frees the memory of the last call
  PrecisionCost precision_cost() const { return cost_; }

 private:
  void choose_precision(bool of_images);  // where bfloat16 is asked for: what this model and device have
  Classifier& network();
  void run_network(const Stream& stream, const Batch& input);
  void run_forest(const Stream& stream, const Batch& input);
  // The features of a source of each pixel; null: the source is missing.
  struct Row {
    const float* numbers;
    std::int64_t width;
  };
  const float* joined(const Stream& stream, const std::vector<Row>& rows, std::int64_t pixels);
  // The logits of images, or in float32 for the comparison; sums_ are overwritten.
  void encode_images(const Stream& stream, const std::vector<SourceImages>& sources, Arithmetic precision, float* logits);
  void compare_batch(const Stream& stream, const Batch& batch, const float* logits);
  void compare_images(const Stream& stream, std::vector<SourceImages> sources);
  void compare(const Stream& stream, std::int64_t pixels, const float* exact, const float* logits);
  const float* decided(const Stream& stream, std::int64_t pixels, const std::uint8_t* count);

  ModelFile file_;
  Device device_;
  int threads_, batch_;
  Arithmetic precision_;
  std::unique_ptr<Classifier> network_;  // loaded when it is needed; or
  // In addition, for images, of each source; or
  struct ImageEncoder {
    Ltae network;
    std::vector<float> days;  // the dates of its positions
  };
  std::vector<ImageEncoder> ltae_;
  std::unique_ptr<Forest> forest_;
  std::vector<DeviceQuantilePlan> quantiles_;  // that the forest reads, of each source
  std::vector<Buffer<float>> quantile_rows_;   // them, of a batch
  Buffer<float> joined_;                       // features of several sources, for a forest
  std::unique_ptr<Classifier> exact_;          // in 32 bits, to compare a network of 16 bits with
  PrecisionCost cost_;
  std::int64_t batches_ = 0;  // computed so far; or windows of images
  std::string note_;
  Buffer<float> vote_logits_;  // of a forest that is calibrated
  Buffer<float> sums_, logits_, probabilities_;
  Buffer<std::uint16_t> votes_;
  Buffer<std::uint8_t> label_;
};

}  // namespace millesime
