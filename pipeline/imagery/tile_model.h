#pragma once
// TileModel: applies one trained model to windows of a tile: L-TAE's kernel, or the fused preparation kernel and then the forest's or
// LibTorch. For an ensemble: its members one after the other, and the mean of their probabilities.

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/buffer.h"
#include "kernels/base/staged.h"
#include "kernels/ops/thermal_time.h"
#include "pipeline/core/context.h"
#include "pipeline/core/series.h"
#include "pipeline/imagery/prepared_inputs.h"
#include "pipeline/imagery/statics_seen.h"
#include "pipeline/learning/model_runner.h"

namespace millesime {

// The input that is read for a window, the same for every model of a run.
struct TileInput {
  std::vector<std::string> bands;  // of the Series
  std::vector<std::string> static_names;
  int year = 0;             // positions in time are counted from its first day
  std::vector<Date> dates;  // of the tile's acquisitions, in time order
  Resampling resampling = Resampling::bilinear;
  // A further source that is read for a window, on dates of its own.
  struct Source {
    std::string name;
    std::vector<std::string> bands;
    std::vector<Date> dates;
    Resampling resampling = Resampling::bilinear;
    float step = 0;  // physical value of a stored number; 0: that of the model
  };
  float step = 0;  // of the main source, likewise
  std::vector<Source> others = {};
  std::vector<std::string> absent = {};  // further sources of the production that have no acquisition over this tile
  bool refuses_parts = false;            // dates beyond the tile's acquisitions are an error (classify.early = "refuse")
  bool may_lack_sources = false;         // a model's source that the production does not have is hidden; otherwise it is an error
  bool coordinates = false;              // the static inputs end with those of core/coordinate_inputs.h
};

class TileModel {
 public:
  // UserError if the model does not match: a band or static input that the tile does not have, or regular dates that are mostly before
  // the tile's first or after its last acquisition. A further source that is absent over this tile is hidden as in training; one that the
  // production does not have is an error, unless that is allowed. `batch_pixels` and `precision`: see ModelRunner.
  // `prepared`: shared with other models of the tile, whose owner says where a window begins; null: its own.
  TileModel(ModelFile file, const TileInput& input, int batch_pixels, const Context& context, Arithmetic precision = Arithmetic::float32,
            std::shared_ptr<PreparedInputs> prepared = nullptr);

  const ModelSpec& spec() const { return spec_; }
  std::int64_t bytes_per_pixel(int n_dates) const;  // memory of run(), without the series and what is prepared

  // Probabilities [pixel][class of the spec] of a window, and the number of valid dates of each pixel. `statics`: [pixel][static], NaN
  // where missing. Pointers are valid until the next call, on the stream's device. Throws OutOfDeviceMemory.
  struct Scores {
    const float* probabilities = nullptr;
    const std::uint8_t* count = nullptr;
  };
  // `others`: the series of the further sources, as in TileInput.
  Scores run(const Stream& stream, const DeviceSeries& series, const std::vector<Date>& dates, const std::vector<float>& statics,
             std::span<const DeviceSeries> others = {});
  void release();  // frees the memory of the last call
  // UserError where what a pixel needs was missing in the windows so far: on a GPU run() itself knows only of those before.
  void require_complete();
  PrecisionCost precision_cost() const;
  std::map<std::string, std::int64_t> unknown_codes() const;  // of each category: pixels so far with a code that no sample had
  std::vector<std::string> notes() const;                     // extrapolated dates; StaticsSeen::notes() of the pixels so far

 private:
  // Numbers on the device that are the same for every window of a tile.
  template <class T>
  class Constant {
   public:
    const T* on(const Stream& stream, const std::vector<T>& numbers) {
      if (numbers != known_) {
        known_.clear();  // in case of too little memory
        there_ = to_device(stream, numbers);
        stream.synchronize();
        known_ = numbers;
      }
      return there_.data();
    }

   private:
    std::vector<T> known_;
    Buffer<T> there_;
  };
  // A further source of the model: where it is among those that are read, and its prepared input.
  struct OtherSource {
    std::optional<std::size_t> place;  // none: it is missing
    std::size_t input = 0;             // its place among what is prepared
    Buffer<float> mean, inverse_std, positions;
    Constant<float> days;
    Constant<ThermalSum> sums;
  };
  // Thermal time of each pixel's acquisitions, from the temperatures of the window, which prepare() reads once.
  const float* thermal_positions(const Stream& stream, const std::vector<Date>& dates, std::int64_t pixels, const std::uint8_t* valid,
                                 Constant<ThermalSum>& sums, Buffer<float>& positions);
  void tell_what_lacks(const Stream& stream);
  void read_temperatures(const Stream& stream, std::span<const DeviceSeries> others);
  Scores run_members(const Stream& stream, const DeviceSeries& series, const std::vector<Date>& dates, const std::vector<float>& statics,
                     std::span<const DeviceSeries> others);
  // Of a source of the spec, whose place among those that are read is `place`.
  WindowPreparation preparation(std::size_t source, std::size_t place) const;
  // The model's input, and the valid dates of each pixel.
  std::pair<Batch, const std::uint8_t*> prepare(const Stream& stream, const SeriesView& series, const std::vector<Date>& dates,
                                                std::span<const DeviceSeries> others);
  SeriesBatch prepare_other(const Stream& stream, std::size_t source, std::span<const DeviceSeries> others);
  // The series as they are, of every source of the model.
  std::vector<ModelRunner::SourceImages> images(const SeriesView& window, const std::vector<Date>& dates,
                                                std::span<const DeviceSeries> others);
  // The static inputs: [pixel][input], or planes: [input][pixel]; null without any.
  const float* static_inputs(const Stream& stream, std::int64_t pixels, const std::vector<float>& statics, bool planes, bool normalised);
  std::vector<float> days_of(const std::vector<Date>& dates) const;  // since the year's first

  ModelSpec spec_;
  TileInput input_;
  std::vector<int> static_positions_;
  std::vector<std::int64_t> unknown_;  // of each static input
  std::optional<StaticsSeen> statics_seen_;
  std::string note_on_dates_;
  Date new_year_;
  std::shared_ptr<PreparedInputs> prepared_;
  bool owns_prepared_ = false;           // nobody else says where a window begins
  std::size_t input_place_ = 0;          // of the main source, among what is prepared
  std::unique_ptr<ModelRunner> runner_;  // of a single model; or
  std::vector<TileModel> members_;       // of an ensemble
  std::vector<OtherSource> others_;      // of the spec's sources but the first
  // Of thermal time: where the temperatures are among the further sources that are read, and those of a window.
  struct Temperatures {
    std::size_t place, band;
    Buffer<std::int16_t> samples;      // [day][band][pixel]
    Buffer<std::uint8_t> known;        // [day][pixel]
    Buffer<std::int32_t> lacking;      // of a window, ThermalTimeArgs::lacking
    PinnedNumbers<std::int32_t> told;  // the same on the host, under way until the next window
    bool asked;                        // whether it holds anything; false of a new one
    Constant<ThermalSum> sums;         // of the first source
  };
  std::optional<Temperatures> temperatures_;
  std::string what_;  // the model's file, in messages
  Buffer<float> mean_, inverse_std_, positions_, probabilities_;
  Constant<float> days_;
  Staged<float> statics_;
  Buffer<std::uint8_t> count_;  // where the model reads images
};

}  // namespace millesime
