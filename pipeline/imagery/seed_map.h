#pragma once
// OutputModels: the models of one output of a tile (class map, confidence, ...). They compute scores of a window on the device; the
// scores are blended and decided on the host, while the device computes the next window.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kernels/base/event.h"
#include "kernels/base/transfer.h"
#include "kernels/ops/series_view.h"
#include "models/base/model_file.h"
#include "pipeline/core/options.h"
#include "pipeline/core/series.h"
#include "pipeline/imagery/tile_model.h"
#include "pipeline/imagery/tile_window.h"

namespace millesime {

struct ClassifyOptions {  // [classify]
  bool probabilities = false;
  int batch = 0;  // pixels a model call; 0: chosen from the memory budget
  std::string precision = "float32";

  void declare(Options& options);  // of the section [classify], and of the command
};

struct RegionalModel {
  std::string region;  // name in the regions file, "" for a model without regions
  std::string file;
};

// The output of one run of models (one seed).
struct ClassifyOutput {
  std::vector<RegionalModel> models;  // one, or one a region
  std::string classification, confidence;
  std::string validity, probabilities;  // "" for none
};

// The regions with a weight in a window, and their weight at each pixel.
struct RegionShares {
  std::vector<std::string> names;
  std::vector<float> weights;  // [region][pixel]
};

struct LayerSamples {  // of one output
  std::vector<std::uint8_t> label, confidence, validity;
  std::vector<std::uint16_t> probabilities;  // [pixel][class]

  void append(const LayerSamples& below);  // the rows below these
};

// The scores of the models of one output for a window, on the device: on a GPU in separate memory, so that the next window can be computed;
// on the CPU in the memory of the models.
struct Answers {
  explicit Answers(const Device& device) : complete(device) {}
  std::int64_t pixels = 0;
  std::vector<std::size_t> models;          // models with a weight in the window
  std::vector<const float*> probabilities;  // of each of them, [pixel][its class]
  std::vector<float> weights;               // of each of them, [pixel], on the host
  Buffer<std::uint8_t> count;               // of valid acquisitions
  std::vector<Buffer<float>> copies;        // by model
  Event complete;
};

// The scores of a window until the maps are decided; the memory is reused for the next window.
class SpareAnswers {
 public:
  SpareAnswers(const Device& device, std::size_t outputs) : device_(device), outputs_(outputs) {}
  std::vector<Answers> take();
  void give(std::vector<Answers> answers);
  void release();  // their memory

 private:
  Device device_;
  std::size_t outputs_;
  std::mutex mutex_;
  std::vector<std::vector<Answers>> spare_;
};

// The models of one output and the classes of its maps.
class OutputModels {
 public:
  OutputModels(const ClassifyOutput& output, const TileInput& input, const ClassifyOptions& options, Trust trust, const Context& context);

  const Nomenclature& nomenclature() const { return models_.front()->spec().nomenclature; }
  const std::vector<int>& codes() const { return codes_; }  // of the maps' classes, in the order of the nomenclature
  std::int64_t bytes_per_pixel(int dates) const;            // memory of ask() and decide(), without the series
  PrecisionCost precision_cost() const;                     // changes by 16 bits, on the compared pixels

  // The scores of the models for a series and its `input`, complete when the stream is. Without regions, the only model applies to every
  // pixel. Throws OutOfDeviceMemory.
  void ask(const Stream& stream, const DeviceSeries& series, const TileWindow& input, const std::optional<RegionShares>& regions,
           Answers& answers);
  void release();  // frees the models' memory of a window

  // The values of the maps. May run while the models compute another window.
  LayerSamples decide(Transfer& transfer, const Answers& answers) const;

 private:
  LayerSamples decide_layer(const Stream& host, std::int64_t pixels, const std::vector<float>& scores, const std::vector<float>& weights,
                            LayerSamples layer) const;

  ClassifyOutput output_;
  bool write_probabilities_;
  std::vector<std::unique_ptr<TileModel>> models_;
  std::vector<int> codes_;
  std::vector<std::vector<int>> columns_;  // class of a model -> column of the joint scores
};

}  // namespace millesime
