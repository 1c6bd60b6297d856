#pragma once
// Exogenous rasters ([[exogenous]]: elevation, climate...) at the pixels of a tile, as static inputs.
//
// Any reference system and resolution; longitudes may be counted from -180 or from 0 degrees. A pixel takes the value at its centre: bands
// of bytes are classes (nearest pixel), all others are continuous (bilinear, over the pixels that have a value; missing if the nearest one
// has none). Outside the raster, and where it has no data (no-data value of the band, mask band, alpha band, NaN), the value is missing:
// NaN. Alpha bands are no inputs. The result does not depend on the windows of a tile.

#include <string>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/core/options.h"

namespace millesime {

struct ExogenousOptions {  // [[exogenous]]
  std::string name, path;

  Options declare();
};

// Names of the static inputs: the entry's name, or name_1, name_2... if its raster has several bands. UserError for a double name.
std::vector<std::string> exogenous_names(const std::vector<ExogenousOptions>& entries);

// Every file they consist of (io/source_files.h).
std::vector<std::string> files_of_exogenous(const std::vector<ExogenousOptions>& entries);

// Not thread-safe: one object a thread.
class ExogenousReader {
 public:
  ExogenousReader(const std::vector<ExogenousOptions>& entries, const Grid& tile);
  ~ExogenousReader();
  ExogenousReader(ExogenousReader&&) noexcept;
  ExogenousReader& operator=(ExogenousReader&&) noexcept;

  std::size_t size() const;                             // static inputs
  std::vector<float> read(const Window& window) const;  // [pixel of the window][static]

 private:
  struct Source;
  Grid tile_;
  std::vector<Source> sources_;
};

}  // namespace millesime
