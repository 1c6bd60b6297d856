#pragma once
// Classifier: applies a trained network. The interface of models for classification, without any header of LibTorch.
//
//   ModelFile file = ModelFile::read("model.safetensors");
//   std::unique_ptr<Classifier> model = load_classifier(file, device);
//   model->logits(stream, batch, out);

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/base/device.h"
#include "kernels/base/stream.h"
#include "models/base/model_spec.h"

namespace millesime {

struct ModelFile;

// One source of a batch, normalised as its SourceSpec says. Pointers are host memory on the CPU, device memory on a GPU.
struct SeriesBatch {
  int dates = 0, features = 0;          // dates 0: the source is missing, for every pixel
  const float* values = nullptr;        // [pixel][date][feature]; read only where valid
  const std::uint8_t* valid = nullptr;  // [pixel][date], not 0: observed; nullptr: all are (regular input)
  const float* days = nullptr;          // [date], position in time: days since 1 January of the mapped year, or thermal time
  bool days_per_pixel = false;          // days are [pixel][date]: samples of several tiles, or thermal time
  bool valid_per_pixel = false;         // valid is [pixel], of all dates: a further source of regular input
};

struct Batch {
  std::int64_t pixels = 0;
  std::vector<SeriesBatch> series;  // one a source of the ModelSpec
  const float* statics = nullptr;   // [pixel][static], normalised; 0 where missing
};

class Classifier {
 public:
  virtual ~Classifier() = default;
  const ModelSpec& spec() const { return spec_; }

  // out: [pixel][class], already divided by the calibration temperature; decide (kernels/ops/decide.h) computes probabilities from it,
  // with the spec's sharpening. In the order of the stream; on the CPU complete when it returns.
  // On the CPU a pixel's logits are the same bits in any batch and with any number of threads; values under an invalid
  // date have no influence. Not for concurrent calls on one object.
  virtual void logits(const Stream& stream, const Batch& batch, float* out) = 0;
  virtual void release() {}  // memory of the device that LibTorch keeps

 protected:
  explicit Classifier(ModelSpec spec) : spec_(std::move(spec)) {}
  ModelSpec spec_;
};

// For network architectures; a random forest is read with read_forest() (models/arch/random_forest.h). `threads` on the CPU.
// UserError if tensors and spec do not match.
std::unique_ptr<Classifier> load_classifier(const ModelFile& file, const Device& device, int threads = 1);

}  // namespace millesime
