#pragma once
// TileModel: applies one trained model to windows of a tile: L-TAE's kernel, or the fused preparation kernel and then the forest's or
// LibTorch. For an ensemble: its members one after the other, and the mean of their probabilities.

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "kernels/base/buffer.h"
#include "kernels/ops/forest.h"
#include "kernels/ops/ltae.h"
#include "kernels/ops/prepare.h"
#include "models/base/classifier.h"
#include "models/base/model_file.h"
#include "pipeline/core/context.h"
#include "pipeline/core/series.h"

namespace millesime {

// The input that is read for a window, the same for every model of a run.
struct TileInput {
  std::vector<std::string> bands;  // of the Series
  std::vector<std::string> static_names;
  int year = 0;             // positions in time are counted from its first day
  std::vector<Date> dates;  // of the tile's acquisitions, in time order
  Resampling resampling = Resampling::bilinear;
};

enum class Arithmetic { float32, bfloat16 };

// Differences between the results of a network in 16 bits and in 32 bits, on a sample of the pixels.
struct PrecisionCost {
  std::int64_t pixels = 0, same_label = 0;
  double difference = 0;  // sum over the pixels, of the probability of the class that float32 gives

  void add(const PrecisionCost& other);
  nlohmann::json to_json() const;
  std::string to_text() const;
};

class TileModel {
 public:
  // UserError if the model does not match: a band or static input that the tile does not have, or regular dates that are mostly before
  // the tile's first or after its last acquisition. Sources other than the main one are missing; a note to the context's progress says so.
  // bfloat16: see models/base/bfloat16_classifier.h; every 64th batch is computed in both ways and compared.
  TileModel(ModelFile file, const TileInput& input, int batch_pixels, const Context& context, Arithmetic precision = Arithmetic::float32);

  const ModelSpec& spec() const { return file_.spec; }
  std::int64_t bytes_per_pixel(int n_dates) const;  // memory of run(), without the series

  // Probabilities [pixel][class of the spec] of a window, and the number of valid dates of each pixel. `statics`: [pixel][static], NaN
  // where missing. Pointers are valid until the next call, on the stream's device. If the device has too little memory for the whole
  // window, it is computed in strips of rows, with the same result; OutOfDeviceMemory if one row is too much.
  struct Scores {
    const float* probabilities = nullptr;
    const std::uint8_t* count = nullptr;
  };
  void release();  // frees the memory of the last call
  PrecisionCost precision_cost() const;
  Scores run(const Stream& stream, const DeviceSeries& series, const std::vector<Date>& dates, const std::vector<float>& statics);

 private:
  Scores run_members(const Stream& stream, const DeviceSeries& series, const std::vector<Date>& dates, const std::vector<float>& statics);
  // For rows of the window, whose first pixel is `first`. `statics` begin there.
  void run_rows(const Stream& stream, const SeriesView& rows, std::int64_t first, const std::vector<Date>& dates, const float* statics);
  void release_rows();
  void prepare(const Stream& stream, const SeriesView& series, const std::vector<Date>& dates, std::uint8_t* count);
  // Applies number(spec, value), NaN where missing, to the static inputs: [pixel][static], or planes: [static][pixel].
  template <class Number>
  Buffer<float> static_inputs(const Stream& stream, std::int64_t pixels, const float* statics, bool planes, const Number& number) const;
  void run_network(const Stream& stream, std::int64_t pixels, const float* statics);
  void run_ltae(const Stream& stream, const SeriesView& series, const std::vector<Date>& dates, const float* statics, std::uint8_t* count);
  void run_forest(const Stream& stream, std::int64_t pixels, const float* statics);
  void compare_precision(const Stream& stream, const Batch& batch, const float* logits);

  ModelFile file_;
  TileInput input_;
  int batch_pixels_;
  IndexPlan indices_;
  std::vector<int> static_positions_;
  Date new_year_;
  std::unique_ptr<Classifier> network_;  // or
  std::unique_ptr<Ltae> ltae_;           // or
  std::unique_ptr<Forest> forest_;       // or
  Buffer<float> vote_logits_;            // of a forest that is calibrated
  std::vector<TileModel> members_;       // of an ensemble
  std::vector<Date> ltae_dates_;         // the dates of its positions
  int dates_ = 0, features_ = 0;         // of the prepared rows
  std::unique_ptr<Classifier> exact_;    // in 32 bits, to compare a network of 16 bits with
  PrecisionCost cost_;
  std::int64_t batches_ = 0;
  int strip_rows_ = std::numeric_limits<int>::max();
  Buffer<float> mean_, inverse_std_, values_, days_, logits_, probabilities_;
  Buffer<std::int32_t> target_days_;
  Buffer<std::uint8_t> valid_, count_, label_;
  Buffer<std::uint16_t> votes_;
};

}  // namespace millesime
