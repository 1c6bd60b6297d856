#pragma once
// Zones: departments, or any polygons with a name, for which a map is cut or summed.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/core/options.h"
#include "pipeline/io/vector_file.h"

namespace millesime {

struct ZoneOptions {
  std::string path;                // "": no zones
  std::string layer;               // "": the only one
  std::string field;               // names the zone
  std::string overlap = "error";   // of zones: error, first (in the file) or last wins
  std::string invalid = "repair";  // or refuse

  void declare(Options& options);
};

struct Zone {
  std::string name;
  Feature feature;  // in the reference system of the map
  Window window;    // the pixels of the map around it
};

struct Zones {
  std::string path;
  bool last_wins = true, may_overlap = false;
  std::vector<Zone> zones;           // that meet the map, in the order of the file
  std::vector<std::string> outside;  // names of those that do not
  std::vector<std::string> notes;    // what was repaired
  std::vector<std::string> fields;

  // The number of the zone (from 1, position in `zones` plus 1) of each pixel of a window of the map whose centre lies in one; 0 elsewhere.
  // UserError where zones overlap although they must not.
  Raster<std::int32_t> numbers(const Grid& map, const Window& window) const;
};

// UserError for a name that is missing or double, with the features; for zones that cannot be read or repaired.
Zones read_zones(const ZoneOptions& options, const Grid& map);

}  // namespace millesime
