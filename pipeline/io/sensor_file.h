#pragma once
// A sensor is data: configs/sensors/NAME.toml, or a file of the user's. configs/sensors/README.md describes every key.

#include <map>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/io/encoding.h"

namespace millesime {

// What bands are called whatever the sensor, in the order of wavelength: "blue", "nir", "vv", "temperature"...
const std::vector<std::string>& common_band_names();

// A pattern of names: text, * for any part of a name, ? for a letter or digit, # for a digit, (a|b) for alternatives, and {what} for what a
// name says: {date} (also {date:YYYYDDD}, {date:YYYY/MM/DD}..., or {year}, {month} and {day} apart), {tile}, {time}, {version}, {band}, or
// anything else that tells products apart: {satellite}, {satellite:?}, {time:######}.
class NamePattern {
 public:
  NamePattern() = default;
  // `tile`: a regular expression for {tile}; UserError with `origin`.
  NamePattern(const std::string& text, const std::string& tile, const std::string& origin);

  using Parts = std::map<std::string, std::string>;  // "date" as YYYYMMDD
  // The parts of a name; with `anywhere`, of the last folders and the file of a path, as many as the pattern has. UserError for a day that
  // does not exist.
  std::optional<Parts> match(const std::string& name, bool anywhere = false) const;
  bool has(const std::string& part) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_, date_format_;
  std::vector<std::string> parts_;  // of each group of the expression
  std::regex expression_;
  int depth_ = 0;               // folders in the pattern
  bool date_is_apart_ = false;  // {year}, {month} and perhaps {day}, and no {date}
};

struct SensorBand {
  std::string name, common;                  // "B8A", "nir_narrow"
  std::string file;                          // its name as the layout understands it; "" for the sensor's
  std::map<std::string, std::string> files;  // of products whose names begin with the key
  std::vector<std::string> assets;           // keys of its asset in STAC items, besides its names
  std::string variable;                      // of a NetCDF or HDF file: source_name.h
  int band = 1;                              // in the file
  double resolution = 0;                     // m; 0: not stated
  SampleUnit unit = SampleUnit::reflectance;
  Encoding encoding;
  bool extra = false;  // read only where a configuration names it
};

struct SensorMask {
  MaskPlane plane;
  std::string file;
  std::vector<std::string> assets;
  std::string variable;
  int band = 1;
};

struct SensorFile {
  std::string name;    // "sentinel2_theia", of the file
  std::string origin;  // the file
  std::string digest;  // of its content
  std::string title, platform, layout;
  std::string source;  // the default name of a source of this sensor: "sentinel2"
  SampleUnit unit = SampleUnit::reflectance;
  double resolution = 0;              // m, of a grid of its own
  std::string product, tile;          // the pattern of products' names; a regular expression for names of tiles
  bool syntheses = false;             // each image is made of those of some weeks
  std::string dates;                  // "name" (of the product), "bands" (descriptions of the file's bands), "time" (a NetCDF axis)
  std::vector<std::string> variants;  // of which a configuration chooses one, the first by default: {variant} in names
  std::vector<NamePattern> items;     // ids and collections (small letters) of its STAC items; {}: every item of a list is one of it
  std::string variant_property;       // of STAC items: its text begins like their variant
  std::string list_sensor;            // that reads lists of these products, where the layout cannot
  std::vector<SensorBand> bands;      // in the order of wavelength
  std::vector<SensorMask> masks;
  std::map<std::string, std::string> settings;  // of the layout: keys that only it knows

  // A name in configs/sensors, or a file. UserError with file, line, key, expected and got.
  static SensorFile load(const std::string& name_or_file);

  std::vector<std::string> band_names() const;
  std::vector<std::string> default_bands() const;               // without the extra ones
  const SensorBand* find_band(const std::string& asked) const;  // by its own or its common name; null if there is none
  // Own names of bands given by own or common names; UserError, which begins with `key`, that suggests the nearest known one.
  std::vector<std::string> own_names(const std::vector<std::string>& asked, const std::string& key) const;
  std::vector<MaskPlane> planes() const;  // of the masks, and of a band where no mask tells where there is an image
  nlohmann::ordered_json to_json() const;
};

std::vector<std::string> known_sensors();  // the names in configs/sensors

}  // namespace millesime
