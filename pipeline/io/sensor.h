#pragma once
// Sensor: finds the products of a source and takes their census. What is particular to it is data (sensor_file.h); how its products are
// found, named and packed is a layout (pipeline/io/sensors).

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/dates.h"
#include "pipeline/io/census.h"
#include "pipeline/io/sensor_file.h"

namespace millesime {

class ProductLayout;

struct SourceOptions {                    // [[source]]
  std::string name = {};                  // "": that of the sensor file
  std::string sensor = {};                // a name in configs/sensors, or a file
  std::string root = {};                  // folder of the products, s3://..., or a STAC ItemCollection
  std::vector<std::string> bands = {};    // own or common names; {}: the sensor's
  std::string variant = {};               // of the sensor's variants; "": the first
  std::vector<std::string> invalid = {};  // "SCL = 1, 3, 8, 9, 10, 11", instead of the sensor's values or bits
  std::string resampling = "bilinear";    // of bands of other pixels to the tile's grid
  bool skip_damaged = false;
};

struct CensusRequest {
  std::string source;  // its name; "": the sensor file's
  std::string root, tile, variant;
  std::vector<std::string> bands;  // own or common names; {}: those that any product has
  Date first, last;
  std::vector<std::string> invalid = {};  // as SourceOptions::invalid
  std::optional<Grid> grid = {};          // of the tile, for a source that does not give it; the products may then lie on any grid
};

class Sensor {
 public:
  explicit Sensor(SensorFile file);
  ~Sensor();
  Sensor(Sensor&&) noexcept;

  const SensorFile& file() const { return file_; }
  // Names of the tiles under root, sorted. found_tiles(): UserError, with the names that are looked for, where there are none.
  std::vector<std::string> tiles(const std::string& root) const;
  std::vector<std::string> found_tiles(const std::string& root) const;
  // Rasters below the root, relative to it, that no pattern of the sensor file names.
  std::vector<std::string> unmatched(const std::string& root) const;
  // The grid of a tile without a census: the layout's, or that of the first image that opens; nothing where none does.
  std::optional<Grid> grid_of(const CensusRequest& request) const;
  // What is wrong with the numbers of the first band that opens, as a census would say; "" where nothing is, or none opens.
  std::string problem_of_numbers(const CensusRequest& request) const;
  // What is wrong with products before an image is opened, one line for each that has a problem.
  std::vector<std::string> problems_of_metadata(const CensusRequest& request) const;
  // Finds and checks every product of a tile in [first, last]: bands, masks, sizes, CRS, grids, first and last block readable. Damage
  // is collected, never thrown. UserError: a missing tile folder, an unknown band, a band that no product has.
  SourceCensus take_census(const CensusRequest& request) const;
  SourceCensus take_census(const std::string& root, const std::string& tile, const std::vector<std::string>& bands, Date first,
                           Date last) const {
    return take_census({"", root, tile, "", bands, first, last});
  }
  // Of each product the names of its files, and sizes and times of change of those that take_census() and the reading of images depend on,
  // as one number, {"<product>": "<number>", ...}: fast, for planning. Each of these files is looked at once, and nothing else. Other files
  // in the tile's folder are listed like products.
  std::string listing(const CensusRequest& request) const;
  std::string listing(const std::string& root, const std::string& tile, Date first, Date last) const {
    return listing({"", root, tile, "", {}, first, last});
  }

 private:
  SensorFile file_;
  const ProductLayout& layout_of(const std::string& root) const;  // that of the file, or that of a list of items
  std::unique_ptr<ProductLayout> layout_, list_;
};

// Masks with other invalid values, or other bits where a mask names bits: "SCL = 1, 3, 8, 9, 10, 11". UserError, which begins with
// "invalid: ", for an unknown mask, no numbers, or a number that says something else already.
void change_invalid(std::vector<MaskPlane>& masks, const std::vector<std::string>& changes);

// "sentinel2_theia", or a file; UserError listing the known ones otherwise.
std::unique_ptr<Sensor> make_sensor(const std::string& name_or_file);

// The grid of a Sentinel-2 tile (T31TCJ: 100 km squares of MGRS, 109.8 km wide) of this resolution; nothing for another name.
std::optional<Grid> sentinel2_grid(const std::string& tile, double resolution);

}  // namespace millesime
