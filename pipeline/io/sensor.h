#pragma once
// Sensor: the interface of a product layout. One file a layout in pipeline/io/sensors.

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

struct SensorOptions {  // [sensors.sentinel2_theia]
  std::string root;     // <root>/<tile>/<product>
  std::vector<std::string> bands;
  bool skip_damaged = false;
  std::string resampling = "bilinear";  // of 20 m bands to the 10 m grid
};

// One image product on disk.
struct Product {
  std::string name;  // SENTINEL2A_20180511-105804-037_L2A_T31TCJ_D_V1-7
  std::string path;  // folder, or /vsizip/ path of the content of a zip
  std::string tile;  // T31TCJ
  Date date;
  std::string time;                          // "105804-037": distinguishes two passes of a day
  std::string version;                       // "1-7"
  std::map<std::string, std::string> files;  // of each band and mask plane that is read ("B8A", "CLM"), relative to path
};

// A fault of a product, as text: file, expected, found.
struct Damage {
  std::string product, message;
};

// One day of one tile: the newest version of each pass. Two passes are merged: the second fills where the first has no image.
struct Acquisition {
  Date date;
  std::vector<Product> passes;  // by time
};

// A product of a day outside the requested period.
struct OutsidePeriod {
  std::string product;
  Date date;
};
// "2016 (1 product), 2018 (2 products)"; "" for none.
std::string years_of(const std::vector<OutsidePeriod>& outside);

// A file of an acquisition, with size and time to detect that it was replaced.
struct SourceFile {
  std::string path;
  std::int64_t bytes = 0;
  std::int64_t modified_ns = 0;  // since the epoch
};

// The census of one tile.
struct Census {
  std::string tile, sensor;
  std::string root;                           // folder of the source; paths in the census file are relative to it
  Grid grid;                                  // the 10 m grid
  std::vector<std::string> bands;             // requested bands that every acquisition has
  std::vector<Acquisition> acquisitions;      // in time order, one a day
  std::vector<Damage> damaged;                // products that cannot be read or do not match the tile; they are left out
  std::vector<std::string> superseded;        // older versions of a pass
  std::vector<std::string> merged;            // days with two passes
  std::vector<std::string> ignored;           // other files in the tile's folder
  std::vector<OutsidePeriod> outside_period;  // products outside the period; they are not opened
  std::vector<SourceFile> files;              // every file of the acquisitions (zip: the archive)

  int n_products() const;  // in the acquisitions
  nlohmann::ordered_json to_json() const;
  static Census from_json(const nlohmann::ordered_json& document, const std::string& origin, const std::string& root);
  // `root`: where the source lies now, however that is spelled. "" where no image will be read.
  static Census read(const std::string& file, const std::string& root);
};

// UserError with a file of the census that was removed or replaced since (size, time of change). Fast: no file is opened.
void require_unchanged(const Census& census);

// One mask plane of a sensor: which of its values make a pixel invalid.
struct MaskPlane {
  std::string name;
  MaskRule invalid{};
  bool edge = false;  // non-zero where the product has no image
};

class Sensor {
 public:
  virtual ~Sensor() = default;
  virtual std::string name() const = 0;
  virtual std::vector<std::string> bands() const = 0;      // all possible bands, in the order of wavelength
  virtual std::vector<MaskPlane> mask_planes() const = 0;  // how masks become validity
  // Names of the tiles under root (<root>/<tile>/<product>), sorted.
  virtual std::vector<std::string> tiles(const std::string& root) const = 0;
  // Finds and checks every product of a tile in [first, last]: bands, masks, sizes, CRS, grids, first and last block readable. Damage
  // is collected, never thrown. `bands` {}: those that any product has. UserError: a missing tile folder, an unknown band, a band
  // that no product has.
  virtual Census take_census(const std::string& root, const std::string& tile, const std::vector<std::string>& bands, Date first,
                             Date last) const = 0;
  // Names, sizes and times of change of the files that take_census() reads, as one number: fast, for planning.
  virtual std::string listing_digest(const std::string& root, const std::string& tile, Date first, Date last) const = 0;
};

std::vector<std::string> known_sensors();

// "sentinel2_theia"; UserError listing the known ones otherwise.
std::unique_ptr<Sensor> make_sensor(const std::string& name);

// Reads windows of a tile's series, of any sensor. The dates are distributed over `threads`; each file is read by one thread at a time
// and stays open within the limit of open files. One call at a time.
class SeriesReader {
 public:
  // `bands` may be empty: series of masks only. UserError with a band that the census lacks, or for a census without acquisitions.
  SeriesReader(const Census& census, const std::vector<std::string>& bands, int threads = 1);
  ~SeriesReader();
  SeriesReader(SeriesReader&&) noexcept;

  const Grid& grid() const;
  // Windows that cover the tile, row by row, of about `pixels` each, at most `most_pixels`: whole blocks of the files of every
  // resolution, minus the margin that interpolation needs from the next blocks. Read in this order, no block is decompressed twice, unless
  // blocks are larger than `most_pixels` (see rereading()) or files of a tile differ in layout (see decompressed_again()).
  std::vector<Window> windows(std::int64_t pixels, std::int64_t most_pixels) const;
  // Windows as split() makes them, for output in chunks: whole chunks, and also whole blocks of the files if that is at most
  // `most_pixels`. Blocks that interpolation reads beyond a window are decompressed twice.
  std::vector<Window> windows_of_chunks(int chunk, std::int64_t most_pixels) const;
  std::int64_t bytes_per_pixel() const;  // of a Series, for the memory budget
  std::int64_t bytes_kept() const;       // maximum, between two windows and while blocks are decompressed
  // Number of pixels of a window that needs bytes_per_pixel for each, within 1/share of the memory, in addition to bytes_kept(). UserError,
  // with advice, if that is almost none because the files' blocks are larger than the memory.
  std::int64_t pixels_within(std::int64_t memory_bytes, int share, std::int64_t bytes_per_pixel) const;

  // "" or, if the files' blocks are larger than `window`, a sentence that says how often each of them is decompressed.
  std::string rereading(const Window& window) const;

  // UserError with tile, date and file if a file changed since the census or cannot be read.
  Series read(const Window& window) const;
  // For a series of masks only: 1 where a product of that date has an image (edge mask 0), [date][pixel]
  std::vector<std::uint8_t> coverage(const Series& masks) const;

  // The number of blocks that all calls of read() so far have decompressed, and "" or, if that is more than the files have, a
  // sentence that says so.
  std::int64_t decompressions() const;
  std::string decompressed_again() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millesime
