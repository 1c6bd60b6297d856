#pragma once
// Classifier: a trained network at work. What classification needs of models, without a header of the library behind them.
//
//   ModelFile file = ModelFile::read("model.safetensors");
//   std::unique_ptr<Classifier> model = load_classifier(file, device);
//   model->logits(batch, out);

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/base/device.h"
#include "models/base/model_spec.h"

namespace millesime {

struct ModelFile;

// One source of a batch, normalised as its SourceSpec says. Pointers are host memory on the CPU, device memory on a GPU.
struct SeriesBatch {
  int dates = 0, features = 0;          // dates 0: there is no such source here, every pixel lacks it
  const float* values = nullptr;        // [pixel][date][feature]; read only where valid
  const std::uint8_t* valid = nullptr;  // [pixel][date], 1 = observed; nullptr: all are (regular input)
  const float* days = nullptr;          // [date], days since 1 January of the mapped year; see days_per_pixel
  bool days_per_pixel = false;          // days are [pixel][date]: samples of several tiles
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

  // out: [pixel][class], already divided by the calibration temperature; decide (kernels/ops/decide.h) makes probabilities of it, with the
  // spec's sharpening. Complete when it returns.
  // On the CPU a pixel's logits are the same bits whatever batch it comes in and on any number of threads; values under an invalid
  // date have no influence. Not for concurrent calls on one object.
  virtual void logits(const Batch& batch, float* out) = 0;

 protected:
  explicit Classifier(ModelSpec spec) : spec_(std::move(spec)) {}
  ModelSpec spec_;
};

// For network architectures; a random forest is read with read_forest() (models/arch/random_forest.h). `threads` on the CPU.
// UserError when tensors and spec do not fit each other.
std::unique_ptr<Classifier> load_classifier(const ModelFile& file, const Device& device, int threads = 1);

}  // namespace millesime
