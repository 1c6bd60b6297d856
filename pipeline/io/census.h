#pragma once
// What a census finds: the products of each source over a tile as lists of layers, and what is wrong with them.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/dates.h"
#include "pipeline/core/grid.h"
#include "pipeline/io/encoding.h"

namespace millesime {

// One band or mask of one product: where it lies, and what its numbers mean.
struct Layer {
  std::string file;      // relative to Product::path; "" for a mask that the product may lack and does
  std::string variable;  // of a NetCDF or HDF file: source_name.h
  int band = 0;          // in the file, from 0
  Grid grid;
  Encoding encoding;  // of a band

  bool operator==(const Layer&) const = default;
};

// One image product on disk.
struct Product {
  std::string name;  // SENTINEL2A_20180511-105804-037_L2A_T31TCJ_D_V1-7
  std::string path;  // folder, or /vsizip/ path of the content of a zip
  std::string tile;  // T31TCJ
  Date date;
  std::string time;                     // "105804-037": distinguishes two passes of a day
  std::string version;                  // "1-7"
  std::map<std::string, Layer> layers;  // of each band and mask plane that is read: "B8A", "CLM"

  std::string file_of(const Layer& layer) const;  // as it is opened
};

// A fault of a product, as text: file, expected, found.
struct Damage {
  std::string product, message;
};

// One day of one tile: the newest version of each pass. Passes are merged: a further one fills where those before have no image. Those of
// newer versions come first.
struct Acquisition {
  Date date;
  std::vector<Product> passes;  // of one version by time
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

// The census of one source over one tile. It knows all that reading needs: the sensor file may be gone.
struct SourceCensus {
  std::string tile, source, sensor, platform;  // "T31TCJ", "sentinel2", "sentinel2_theia", "Sentinel-2"
  SampleUnit unit = SampleUnit::reflectance;
  std::string root;                           // folder of the source; paths in the census file are relative to it
  Grid grid;                                  // of the tile
  std::vector<std::string> bands;             // requested bands that every acquisition has
  std::vector<MaskPlane> masks;               // exactly one of them tells where there is an image
  std::map<std::string, Grid> grids;          // of each band and mask: the one that all products are read on
  std::vector<Acquisition> acquisitions;      // in time order, one a day
  std::vector<Damage> damaged;                // products that cannot be read or do not match the tile; they are left out
  std::vector<std::string> superseded;        // older versions of a pass
  std::vector<std::string> merged;            // days of several passes
  std::vector<std::string> ignored;           // other files in the tile's folder
  std::vector<std::string> notes;             // what a reader of the census should know besides
  std::vector<OutsidePeriod> outside_period;  // products outside the period; they are not opened
  std::vector<SourceFile> files;              // every file of the acquisitions (zip: the archive)

  int n_products() const;  // in the acquisitions
  nlohmann::ordered_json to_json() const;
  static SourceCensus from_json(const nlohmann::ordered_json& document, const std::string& origin, const std::string& root);
};

// UserError with a file of the census that was removed or replaced since (size, time of change). Fast: no file is opened.
void require_unchanged(const SourceCensus& census);

// The images of a tile: a census of each source. The first source gives the grid.
struct TileImages {
  std::string tile;
  Grid grid;
  std::vector<SourceCensus> sources;

  static TileImages of(const SourceCensus& census) { return {census.tile, census.grid, {census}}; }
  const SourceCensus& main() const { return sources.front(); }
  // Without the products outside the period, so that what is made of the same images is the same in every edition of a year.
  nlohmann::ordered_json to_json() const;
  static TileImages from_json(const nlohmann::ordered_json& document, const std::string& origin, const std::vector<std::string>& roots);
  // `roots`: where each source lies now, however that is spelled; {} where no image will be read.
  static TileImages read(const std::string& file, const std::vector<std::string>& roots = {});
};

nlohmann::ordered_json to_json(const Grid& grid);
Grid grid_of(const nlohmann::ordered_json& grid);  // of such JSON

}  // namespace millesime
