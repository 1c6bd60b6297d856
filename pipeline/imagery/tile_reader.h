#pragma once
// TileReader: reads the windows of a tile, the series of every source and the static inputs. One thread reads at a time; a window's files
// are read by several.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/static_groups.h"
#include "pipeline/imagery/coordinate_reader.h"
#include "pipeline/imagery/exogenous.h"
#include "pipeline/imagery/tile_window.h"
#include "pipeline/io/series_reader.h"

namespace millesime {

class TileReader {
 public:
  // A source of the tile, and the bands that are read of it.
  struct Source {
    const SourceCensus* census;
    std::vector<std::string> bands;
  };

  // The first source gives the tile's grid. `halo`: px by which windows are read larger. `memory_bytes`: of which each source keeps a share
  // for blocks at the borders of windows. `coordinates`: they are static inputs, too, after the exogenous ones.
  TileReader(const std::vector<Source>& sources, const std::vector<ExogenousOptions>& exogenous, int threads, int halo,
             std::int64_t memory_bytes, bool coordinates = false);

  const SeriesReader& main() const { return *series_.front(); }
  std::int64_t bytes_per_pixel() const;               // of a TileWindow
  void read(const Window& window, TileWindow& into);  // in the memory that is there
  // Static inputs without a value, in the windows so far.
  const MissingStatics& missing() const { return missing_; }

 private:
  std::size_t n_statics() const;

  std::vector<std::unique_ptr<SeriesReader>> series_;  // as `sources`
  ExogenousReader exogenous_;
  std::optional<CoordinateReader> coordinates_;
  MissingStatics missing_;
};

}  // namespace millesime
