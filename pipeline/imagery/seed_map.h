#pragma once
// SeedMap: the map of one seed of a tile: its models, their scores of a window, and its files.

#include <cstdint>
#include <map>
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
#include "pipeline/imagery/tile_model.h"
#include "pipeline/imagery/tile_window.h"
#include "pipeline/io/raster_file.h"

namespace millesime {

struct ClassifyOptions {  // [classify]
  bool probabilities = false;
  bool all_classes = false;
  int batch = 0;  // pixels a model call; 0: chosen for the device
  std::string precision = "float32";
  bool missing_sources = false;
  int smooth = 2;  // passes of kernels/ops/smooth.h over the probabilities; 0: none
  int smooth_reach = 2;
  double smooth_tolerance = 0.2;
  int halo() const { return smooth * smooth_reach; }  // px around a window that its map depends on
  std::string uncertainty = "none";                   // a map of it: kernels/ops/uncertainty.h
  bool levels = false;                                // also maps of groups, and of the deepest level that is sure enough
  double level_confidence = 50;                       // percent
  std::string early = "say";  // of a map of a part of the season, by a model that learned whole ones: "say" or "refuse"

  int last_day = 0;  // day of the year up to which the season is known, of a map of a part of it; 0: no such map. Not an option.

  void declare(Options& options);  // of the section [classify], and of the command
};

struct RegionalModel {
  std::string region;  // name in the regions file, "" for a model without regions
  std::string file;
};

// The regions with a weight in a window, and their weight at each pixel.
struct RegionShares {
  std::vector<std::string> names;
  std::vector<float> weights;  // [region][pixel]
};

class SeedMap {
 public:
  struct Files {
    std::vector<RegionalModel> models;  // one, or one a region
    std::string classification, confidence;
    std::string validity, probabilities;    // "" for none
    bool legend = true;                     // the files carry the names and colours that the models have of their classes
    std::string level1 = {}, deepest = {};  // "" for none; of ClassifyOptions::levels
    std::string uncertainty = {};           // "" for none
  };

  // The values of the map in a window.
  struct Pixels {
    std::vector<std::uint16_t> label;  // class codes
    std::vector<std::uint8_t> confidence, validity, uncertainty;
    std::vector<std::uint16_t> probabilities;  // [pixel][class]
    // Of a map that is smoothed, before smooth() makes the label and the rest of them:
    std::vector<float> scores;                   // [pixel][class]
    std::vector<std::uint8_t> decidable;         // 0: the pixel gets no class
    std::vector<std::uint16_t> level1, deepest;  // codes of groups; of classes, or of groups where no class is sure enough

    void append(const Pixels& below);                    // the rows below these
    void keep(const std::vector<std::uint8_t>& inside);  // pixels that are 0 there become empty
  };

  // The scores of the models for a window, on their device: on a GPU in separate memory, so that the next window can be computed at the
  // same time; on the CPU in the memory of the models.
  struct Scores {
    explicit Scores(const Device& device) : complete(device) {}
    std::int64_t pixels = 0;
    std::vector<std::size_t> models;          // those that have a weight here
    std::vector<const float*> probabilities;  // of each of them, [pixel][its class]
    std::vector<float> weights;               // of each of them, [pixel], on the host
    Buffer<std::uint8_t> count;               // of valid acquisitions
    std::vector<Buffer<float>> copies;        // by model
    Event complete;
  };

  // UserError if a model does not match the tile (TileModel), or if a class code does not fit into the map.
  SeedMap(const Files& files, const TileInput& input, const ClassifyOptions& options, Trust trust, const Grid& grid,
          const Context& context);

  std::int64_t bytes_per_pixel(int dates) const;              // memory of score() and decide(), without the series
  PrecisionCost precision_cost() const;                       // changes by 16 bits, on the compared pixels
  std::map<std::string, std::int64_t> unknown_codes() const;  // the most of its models, TileModel::unknown_codes()

  // The scores of a window, complete on the stream. Without regions, the only model counts at every pixel. Throws OutOfDeviceMemory.
  void score(const Stream& stream, const DeviceSeries& series, const std::vector<DeviceSeries>& others, const TileWindow& window,
             const std::optional<RegionShares>& regions, Scores& scores);
  void release();  // frees the models' memory of a window

  // The values of the map. May run while score() computes another window. A map that is smoothed has no labels yet.
  Pixels decide(Transfer& transfer, const Scores& scores) const;
  // The window `inner` of the pixels of `outer`, which is larger by the halo (but not beyond the tile), smoothed and labelled.
  Pixels smooth(const Window& outer, const Window& inner, const Pixels& pixels, int threads) const;

  void write(const Window& window, const Pixels& pixels);
  void commit();  // all files get their names (atomic)

 private:
  const Nomenclature& nomenclature() const { return models_.front()->spec().nomenclature; }
  void open_files(const Grid& grid);
  void decide_levels(const std::vector<float>& blended, const std::vector<std::uint8_t>& decidable, Pixels& pixels) const;
  Pixels decide_on_host(const Stream& host, std::int64_t n_pixels, const std::vector<float>& scores, const std::vector<float>& weights,
                        Pixels pixels) const;
  void measure_uncertainty(const Stream& host, const std::vector<float>& scores, const std::vector<std::uint8_t>& decidable,
                           Pixels& pixels) const;
  void label(const Stream& host, const std::vector<float>& scores, const std::vector<std::uint8_t>& decidable, Pixels& pixels) const;

  Files files_;
  ClassifyOptions options_;
  std::vector<std::unique_ptr<TileModel>> models_;
  std::vector<int> codes_;                 // of the map's classes, in the order of the nomenclature
  std::vector<int> groups_;                // of each of them: the code of its group, its own where it has none
  float level_confidence_ = 0;             // share
  std::vector<std::vector<int>> columns_;  // class of a model -> column of the joint scores
  std::unique_ptr<RasterWriter> classification_, confidence_, validity_, probabilities_, level1_, deepest_, uncertainty_;
};

// Memory for the scores of a window, of every map: taken for a window, returned when its maps are written.
class SpareScores {
 public:
  SpareScores(const Device& device, std::size_t maps) : device_(device), maps_(maps) {}
  std::vector<SeedMap::Scores> take();
  void give(std::vector<SeedMap::Scores> scores);
  void release();  // their memory

 private:
  Device device_;
  std::size_t maps_;
  std::mutex mutex_;
  std::vector<std::vector<SeedMap::Scores>> spare_;
};

}  // namespace millesime
