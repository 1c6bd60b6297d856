#pragma once
// SeedMap: the map of one seed of a tile: the models behind it, what they say of a window, and the files that show it.

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
#include "pipeline/imagery/tile_model.h"
#include "pipeline/imagery/tile_window.h"
#include "pipeline/io/raster_file.h"

namespace millesime {

struct ClassifyOptions {  // [classify]
  bool probabilities = false;
  int batch = 0;  // pixels a model call; 0: chosen for the device
  std::string precision = "float32";

  void declare(Options& options);  // of the section [classify], and of the command
};

struct RegionalModel {
  std::string region;  // name in the regions file, "" for a model of the whole world
  std::string file;
};

// Which regions reach into a window, and their weight at each pixel.
struct RegionShares {
  std::vector<std::string> names;
  std::vector<float> weights;  // [region][pixel]
};

class SeedMap {
 public:
  struct Files {
    std::vector<RegionalModel> models;  // one, or one a region
    std::string classification, confidence;
    std::string validity, probabilities;  // "" for none
  };

  // What the map shows of a window.
  struct Pixels {
    std::vector<std::uint8_t> label, confidence, validity;
    std::vector<std::uint16_t> probabilities;  // [pixel][class]

    void append(const Pixels& below);  // of the rows below these
  };

  // What the models say of a window, still on their device: on a GPU in its own memory, so that the next window can be computed meanwhile;
  // on the CPU where the models keep it until then.
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

  // UserError where a model does not fit the tile (TileModel) or a class code does not fit the map.
  SeedMap(const Files& files, const TileInput& input, const ClassifyOptions& options, Trust trust, const Grid& grid,
          const Context& context);

  std::int64_t bytes_per_pixel(int dates) const;  // that score() and decide() need beside the series
  PrecisionCost precision_cost() const;           // what 16 bits cost, as far as it was compared

  // The scores of a window, complete on the stream. Without regions, the only model counts at every pixel. Throws OutOfDeviceMemory.
  void score(const Stream& stream, const DeviceSeries& series, const TileWindow& window, const std::optional<RegionShares>& regions,
             Scores& scores);
  void release();  // gives back what the models keep of a window

  // What the map shows. May run while score() works on another window.
  Pixels decide(Transfer& transfer, const Scores& scores) const;

  void write(const Window& window, const Pixels& pixels);
  void commit();  // all files get their names (atomic)

 private:
  const Nomenclature& nomenclature() const { return models_.front()->spec().nomenclature; }
  void open_files(const Grid& grid);
  Pixels decide_on_host(const Stream& host, std::int64_t n_pixels, const std::vector<float>& scores, const std::vector<float>& weights,
                        Pixels pixels) const;

  Files files_;
  std::vector<std::unique_ptr<TileModel>> models_;
  std::vector<int> codes_;                 // of the map's classes, in the order of the nomenclature
  std::vector<std::vector<int>> columns_;  // class of a model -> column of the joint scores
  std::unique_ptr<RasterWriter> classification_, confidence_, validity_, probabilities_;
};

// Memory for the scores of a window, of every map: taken for a window, given back when its maps are written.
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
