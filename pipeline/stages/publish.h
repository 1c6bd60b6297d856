#pragma once
// Publish: what users download. Cloud-optimised GeoTIFFs with palette and overviews, QGIS styles, accuracy, a STAC item, the report.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/reports/map_report.h"
#include "pipeline/stages/stage.h"

namespace millesime {

struct PublishOptions {  // [publish]
  std::string title = "Land cover";
  std::string compression = "DEFLATE";
  std::string licence = "etalab-2.0";
};

// One unit: the mosaic's maps become the products of Layout, beside accuracy.json (with areas) and RESULTS.txt of validate.
Stage publish_stage();

// What is published: the whole map on one grid, and what is known of it.
struct Publication {
  std::string classification, confidence, validity;  // uint8 rasters; confidence and validity may be ""
  std::string accuracy, results;                     // accuracy.json and RESULTS.txt of validate, or ""
  std::string folder, name;                          // products are <folder>/<name>.tif, <name>_confidence.tif...
  int year = 0;
  Nomenclature nomenclature;
  PublishOptions options;
  std::vector<std::string> census;   // census files of the tiles
  std::vector<std::string> samples;  // samples files of the tiles, for the curves of the report
  std::vector<NamedValue> config;    // for the report
  std::vector<std::pair<std::string, std::vector<NamedValue>>> models;
  std::vector<std::string> papers;
};
// Returns pixels, mapped pixels and classes. UserError when the map holds codes that the nomenclature lacks.
nlohmann::json publish(const Publication& publication, const Context& context);

// Class by class: pixels and mean confidence; read in strips, in bounded memory.
MapSummary summarise(const std::string& classification, const std::string& confidence, const std::string& validity, const Context& context);

// `millesime publish DIR`: DIR holds classification.tif and, where there are some, confidence.tif, validity.tif, accuracy.json and
// RESULTS.txt, as the commands mosaic and validate write them.
struct PublishCommand {
  std::string folder;
  std::string output;  // default: the folder itself
  std::string nomenclature = "oso23";
  int year = 0;
  PublishOptions options;

  Options declare();
};
nlohmann::json publish(const PublishCommand& command, const Context& context);

}  // namespace millesime
