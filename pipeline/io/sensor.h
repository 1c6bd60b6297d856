#pragma once
// Sensor: what the pipeline needs to know of a product layout. One file a layout in pipeline/io/sensors.

#include <cstdint>
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
  std::string name;      // SENTINEL2A_20180511-105804-037_L2A_T31TCJ_D_V1-7
  std::string path;      // folder, or /vsizip/ path of what a zip holds
  std::string tile;      // T31TCJ
  Date date;
  std::string time;      // "105804-037": tells two passes of a day apart
  std::string version;   // "1-7"
};

// What is wrong with a product, in words: file, what was expected, what was found.
struct Damage {
  std::string product, message;
};

// One day of one tile: the newest version of each pass. Two passes are merged: the second fills where the first has no image.
struct Acquisition {
  Date date;
  std::vector<Product> passes;
};

// The census of one tile.
struct Census {
  std::string tile, sensor;
  Grid grid;                               // the 10 m grid
  std::vector<std::string> bands;          // that every acquisition has and that were asked for
  std::vector<Acquisition> acquisitions;   // in time order, one a day
  std::vector<Damage> damaged;             // products that cannot be read (or fit) and are left out
  std::vector<std::string> superseded;     // older versions of a pass
  std::vector<std::string> merged;         // days with two passes
  std::vector<std::string> files;          // every file the acquisitions consist of (zip: the archive)

  nlohmann::ordered_json to_json() const;
  static Census from_json(const nlohmann::ordered_json& document, const std::string& origin);
  static Census read(const std::string& file);
};

class Sensor {
 public:
  virtual ~Sensor() = default;
  virtual std::string name() const = 0;
  // Names of the tiles under root (<root>/<tile>/<product>).
  virtual std::vector<std::string> tiles(const std::string& root) const = 0;
  // Finds and checks every product of a tile in [first, last]: bands, masks, sizes, CRS, grids, first and last block readable. Damage
  // is collected, never thrown; an empty or missing tile folder is a UserError.
  virtual Census take_census(const std::string& root, const std::string& tile, const std::vector<std::string>& bands, Date first, Date last) const = 0;
  // How values and masks become validity.
  virtual std::vector<MaskRule> mask_rules() const = 0;
};

// "sentinel2_theia"; UserError listing the known ones otherwise.
std::unique_ptr<Sensor> make_sensor(const std::string& name);

// Reads windows of a tile's series. Files stay open; one object a thread.
class SeriesReader {
 public:
  SeriesReader(const Census& census, const std::vector<std::string>& bands);  // UserError naming a band the census lacks
  ~SeriesReader();
  SeriesReader(SeriesReader&&) noexcept;

  const Grid& grid() const;
  // Preferred block of the files, for split().
  int block_width() const;
  int block_height() const;
  std::int64_t bytes_per_pixel() const;  // of a Series, for the memory budget

  Series read(const Window& window) const;
  // 1 where the product of that date has an image (edge mask 0), [date][pixel]
  std::vector<std::uint8_t> read_coverage(const Window& window) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millesime
