#pragma once
// A STAC 1.1 item (stacspec.org) that describes a published map, for catalogues and for clients that draw it.
//
// Extensions: projection 2.0, raster 2.0, classification 2.0, file 2.1 (sizes and SHA-256 checksums), processing 1.2, version 1.2 (which
// follows from the content of all files: the same files are the same version).

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/grid.h"
#include "pipeline/core/language.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/io/coordinates.h"

namespace millesime {

struct StacBand {                             // of a raster asset; 0 is no data
  std::string name, description, unit;        // unit: "" if there is none
  double minimum = 0, maximum = 0, mean = 0;  // over the pixels with data; not for classes
  const Nomenclature* classes = nullptr;
  std::string data_type = "uint8";
};

struct StacAsset {
  std::string key, file;  // file: its name in the item's folder
  std::string title, media_type;
  std::vector<std::string> roles;  // "data", "metadata", "overview"...
  std::optional<StacBand> band;
  std::optional<Grid> grid = {};  // if it is not that of the item
};

struct StacItem {
  std::string id, title, description, licence;  // licence: SPDX identifier
  std::string start, end;                       // ISO days, first and last of the period
  Grid grid;                                    // of the raster assets
  std::string level, lineage;                   // processing level ("L4"), and the origin of the map, one sentence
  std::string software_version;
  Language language = Language::en;
  std::vector<StacAsset> assets;
  std::string collection, collection_id;  // file of the collection, in a folder above; "" for none
};

// What the editions of a production have in common.
struct StacCollection {
  std::string id, title, description, licence;
  std::string provider, provider_url;  // "" for none
  const Nomenclature* nomenclature = nullptr;
  Language language = Language::en;
};

inline constexpr const char* kCogMediaType = "image/tiff; application=geotiff; profile=cloud-optimized";

// Writes the collection `path` of the items <folder of path>/<edition>/<item>.json that link to it, from what lies there now; extents,
// links and summaries follow the items. Several processes may do it at once: who ends last has seen all items. Links are relative, so the
// folder can be moved.
void write_stac_collection(const StacCollection& collection, const std::string& path);

// Reads the assets' files in `folder` for size and checksum; they must exist. Links between files are relative.
nlohmann::ordered_json stac_item(const StacItem& item, const std::string& folder);

}  // namespace millesime
