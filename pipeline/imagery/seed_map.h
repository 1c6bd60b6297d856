#pragma once
// SeedMap: the map of one seed of a tile: its models, their scores of a window, and its files.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/staged.h"
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

  // The group of each class that has one, by codes, of the nomenclature that the map is published with; nothing: of the model's. Not an
  // option.
  std::optional<std::map<int, int>> groups;
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

  // The values of the map in a window, on the host.
  struct Pixels {
    std::vector<std::uint16_t> label;  // class codes
    std::vector<std::uint8_t> confidence, validity, uncertainty;
    std::vector<std::uint16_t> level1, deepest;             // codes of groups; of classes, or of groups where no class is sure enough
    std::vector<std::vector<std::uint16_t>> probabilities;  // [class][pixel]

    void clear();                                        // their memory stays
    void keep(const std::vector<std::uint8_t>& inside);  // pixels that are 0 there become empty
  };

  // The same as the device sends them: a place among the classes, a confidence and a validity a pixel, and what else was asked for.
  struct Values {
    std::int64_t pixels = 0;
    PinnedNumbers<std::uint8_t> bytes;   // [place, confidence, validity, uncertainty][pixel]
    PinnedNumbers<std::uint16_t> codes;  // [level 1, deepest, each class's probability][pixel]
  };

  // UserError if a model does not match the tile (TileModel), or if a class code does not fit into the map. `prepared`: of all maps of the
  // tile, whose owner says where a window begins.
  SeedMap(const Files& files, const TileInput& input, const ClassifyOptions& options, Trust trust, const Grid& grid, const Context& context,
          const std::shared_ptr<PreparedInputs>& prepared);

  std::int64_t bytes_per_pixel(int dates) const;              // memory of decide(), without the series and what is prepared
  PrecisionCost precision_cost() const;                       // changes by 16 bits, on the compared pixels
  std::map<std::string, std::int64_t> unknown_codes() const;  // the most of its models, TileModel::unknown_codes()
  std::set<std::string> notes() const;                        // of all its models, TileModel::notes()

  // The values of the window `inner`, in the order of the stream; `window` is larger by the halo (but not beyond the tile), and `series`
  // are its own on the device, the main one first. Without regions, the only model counts at every pixel. Throws OutOfDeviceMemory.
  void decide(const Stream& stream, std::span<const DeviceSeries> series, const TileWindow& window, const Window& inner,
              const std::optional<RegionShares>& regions, Values& values);
  void release();  // frees the device's memory of a window
  // Waits for the values, and adds them below those that are there. May run while decide() is at work on another window.
  void read(const Values& values, Pixels& pixels) const;

  void write(const Window& window, const Pixels& pixels);
  void commit();  // all files get their names (atomic)

 private:
  const Nomenclature& nomenclature() const { return models_.front()->spec().nomenclature; }
  void open_files(const Grid& grid);
  void put_on(const Device& device);
  // The probabilities of all models, blended, [class][pixel] in planes_[0]; the valid dates of each pixel, and 0 where it gets no class.
  struct Blended {
    const std::uint8_t *count, *decidable;
  };
  Blended blend_models(const Stream& stream, std::span<const DeviceSeries> series, const TileWindow& window,
                       const std::optional<RegionShares>& regions);
  const float* smoothed(const Stream& stream, const Window& window, const std::uint8_t* decidable);
  int bytes_a_pixel() const { return uncertainty_ ? 4 : 3; }
  std::int64_t codes_a_pixel() const { return (level1_ ? 2 : 0) + (probabilities_ ? static_cast<std::int64_t>(codes_.size()) : 0); }

  Files files_;
  ClassifyOptions options_;
  std::vector<std::unique_ptr<TileModel>> models_;
  std::vector<int> codes_;                     // of the map's classes, in the order of the nomenclature
  std::vector<int> groups_;                    // of each of them: the code of its group, its own where it has none
  float level_confidence_ = 0;                 // share
  std::vector<Buffer<std::int16_t>> columns_;  // of each model: [class of the map], its class or -1; empty where they are the same
  Buffer<std::uint16_t> codes_there_, groups_there_;
  // Of a window:
  Staged<float> weights_;  // [region][pixel]
  Buffer<float> weight_sums_, planes_[2];
  Buffer<std::uint8_t> count_, decidable_, bytes_;
  Buffer<std::uint16_t> sent_codes_;
  std::unique_ptr<RasterWriter> classification_, confidence_, validity_, probabilities_, level1_, deepest_, uncertainty_;
};

}  // namespace millesime
