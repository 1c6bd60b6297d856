#pragma once
// Sensor: what the pipeline needs to know of a product layout. One file a layout in pipeline/io/sensors.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/dates.h"
#include "pipeline/core/raster.h"
#include "pipeline/core/series.h"

namespace millesime {

// One image product on disk.
struct Product {
  std::string name;  // SENTINEL2A_20180511-105804-037_L2A_T31TCJ_D_V1-7
  std::string path;  // folder, or /vsizip/ path of what a zip holds
  std::string tile;  // T31TCJ
  Date date;
  std::string time;                          // "105804-037": tells two passes of a day apart
  std::string version;                       // "1-7"
  std::map<std::string, std::string> files;  // of each band and mask plane that is read ("B8A", "CLM"), relative to path
};

// What is wrong with a product, in words: file, what was expected, what was found.
struct Damage {
  std::string product, message;
};

// One day of one tile: the newest version of each pass. Two passes are merged: the second fills where the first has no image.
struct Acquisition {
  Date date;
  std::vector<Product> passes;  // by time
};

// A file that an acquisition consists of, with what tells that it was replaced.
struct SourceFile {
  std::string path;
  std::int64_t bytes = 0;
  std::int64_t modified_ns = 0;  // since the epoch
};

// The census of one tile.
struct Census {
  std::string tile, sensor;
  Grid grid;                              // the 10 m grid
  std::vector<std::string> bands;         // that every acquisition has and that were asked for
  std::vector<Acquisition> acquisitions;  // in time order, one a day
  std::vector<Damage> damaged;            // products that cannot be read (or fit) and are left out
  std::vector<std::string> superseded;    // older versions of a pass
  std::vector<std::string> merged;        // days with two passes
  std::vector<std::string> ignored;       // what else lies in the tile's folder
  std::map<int, int> other_years;         // year -> products outside the dates asked for
  std::vector<SourceFile> files;          // every file the acquisitions consist of (zip: the archive)

  int n_products() const;  // in the acquisitions
  nlohmann::ordered_json to_json() const;
  static Census from_json(const nlohmann::ordered_json& document, const std::string& origin);
  static Census read(const std::string& file);
};

// UserError naming a file of the census that was removed or replaced since (size, time of change). Cheap: no file is opened.
void require_unchanged(const Census& census);

// One plane of masks of a sensor: which of its values make a pixel invalid.
struct MaskPlane {
  std::string name;
  MaskRule invalid{};
  bool edge = false;  // non-zero where the product has no image
};

class Sensor {
 public:
  virtual ~Sensor() = default;
  virtual std::string name() const = 0;
  virtual std::vector<std::string> bands() const = 0;      // all it may have, in the order of wavelength
  virtual std::vector<MaskPlane> mask_planes() const = 0;  // how masks become validity
  // Names of the tiles under root (<root>/<tile>/<product>), sorted.
  virtual std::vector<std::string> tiles(const std::string& root) const = 0;
  // Finds and checks every product of a tile in [first, last]: bands, masks, sizes, CRS, grids, first and last block readable. Damage
  // is collected, never thrown. `bands` {}: those that any product has. UserError: a missing tile folder, an unknown band, a band
  // that no product has.
  virtual Census take_census(const std::string& root, const std::string& tile, const std::vector<std::string>& bands, Date first,
                             Date last) const = 0;
  // Names, sizes and times of change of what take_census() would look at, as one number: cheap, for planning.
  virtual std::string listing_digest(const std::string& root, const std::string& tile, Date first, Date last) const = 0;
};

// "sentinel2_theia"; UserError listing the known ones otherwise.
std::unique_ptr<Sensor> make_sensor(const std::string& name);

// Reads windows of a tile's series, of any sensor. The dates are shared among `threads`; each file is read by one of them at a time and
// stays open as far as there are not too many. One call at a time.
class SeriesReader {
 public:
  // `bands` may be empty: series of masks alone. UserError naming a band the census lacks, or a census without acquisitions.
  SeriesReader(const Census& census, const std::vector<std::string>& bands, int threads = 1);
  ~SeriesReader();
  SeriesReader(SeriesReader&&) noexcept;

  const Grid& grid() const;
  // Windows that cover the tile, row by row, of about `pixels` each, `most_pixels` where memory ends: whole blocks of the files of every
  // resolution, less what interpolation would need of the blocks beyond. Read in this order, no block is decompressed twice, unless
  // blocks are larger than `most_pixels` (see rereading()) or files of a tile differ in layout (see decompressed_again()).
  std::vector<Window> windows(std::int64_t pixels, std::int64_t most_pixels) const;
  // Windows as split() makes them, for what is written in chunks: whole chunks, and whole blocks of the files as well where that is at most
  // `most_pixels`. What interpolation reads of the blocks beyond is decompressed twice.
  std::vector<Window> windows_of_chunks(int chunk, std::int64_t most_pixels) const;
  std::int64_t bytes_per_pixel() const;  // of a Series, for the memory budget
  std::int64_t bytes_kept() const;       // at most, between two windows and while blocks are decompressed
  // Pixels that a window may have where each takes bytes_per_pixel, within 1/share of the memory and beside what is kept. UserError, with
  // what to do, where that is next to nothing: the files' blocks are larger than the memory.
  std::int64_t pixels_within(std::int64_t memory_bytes, int share, std::int64_t bytes_per_pixel) const;

  // "" or, where the files' blocks are larger than `window`, a sentence that says how often each of them is decompressed.
  std::string rereading(const Window& window) const;

  // UserError with tile, date and file where a file changed since the census or cannot be read.
  Series read(const Window& window) const;
  // Of a series of masks alone: 1 where a product of that date has an image (edge mask 0), [date][pixel]
  std::vector<std::uint8_t> coverage(const Series& masks) const;

  // How many blocks of the files all calls of read() so far have decompressed, and "" or, where that is more than the files hold, a
  // sentence that says so.
  std::int64_t decompressions() const;
  std::string decompressed_again() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millesime
