#pragma once
// Publish: the products for users. Cloud-optimised GeoTIFFs with palette and overviews, QGIS styles, accuracy, a STAC item, the report.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/file_set.h"
#include "pipeline/reports/map_report.h"
#include "pipeline/stages/period.h"
#include "pipeline/stages/stage.h"

namespace millesime {

struct PublishOptions {  // [publish]
  std::string title;     // default: "Land cover", in the language of the products
  std::string compression = "DEFLATE";
  std::string licence = "etalab-2.0";
  std::string collection = "land-cover";  // STAC identifier of all editions
  std::string provider, provider_url;     // who publishes; "" for nobody
  std::string language = "en";            // of names, titles and the report

  std::string title_or_default() const;
};

// Two units: the products of Layout from the mosaic's maps, accuracy.json (with areas) and RESULTS.txt of validate; and the STAC collection
// above the editions.
Stage publish_stage();

inline constexpr const char* kPublishTitleHelp =
    "title of the report and of the STAC item; default: Land cover, in the language of the products";

// The endings of the products' file names, after <name>.
inline constexpr const char *kConfidence = "_confidence", *kValidity = "_validity", *kUncertainty = "_uncertainty",
                            *kRegularised = "_regularised", *kLevel1 = "_level1", *kDeepest = "_deepest", *kPolygonStyle = "_polygons.sld";
inline constexpr const char* kPolygonFolder = "vectors";

struct PublishedPolygons {
  std::string file;           // finished; it is published under its own name
  std::int64_t polygons = 0;  // in it
  bool whole = false;         // of the whole map, maybe beside files of its zones
};

// The input: the whole map on one grid, and its metadata.
struct Publication {
  std::string classification, confidence, validity;  // of this program's form; the last two may be ""
  std::string uncertainty = {};                      // or ""
  std::string level1 = {}, deepest = {};             // maps of levels (levels.h), or ""
  std::string accuracy, results;                     // accuracy.json and RESULTS.txt of validate, or ""
  std::string folder, name;                          // products are <folder>/<name>.tif, <name>_confidence.tif...
  std::string regularised;                           // regularised map, or ""
  std::vector<PublishedPolygons> polygons;           // of the map
  std::string collection;                            // file of the STAC collection above the editions, which the item names; "" for none
  SetForm form = SetForm::plain_files;               // how they are put there together, when all of them are made
  int year = 0;
  PeriodOptions period;  // with the year: the days of the map and the name of the edition
  Nomenclature nomenclature;
  PublishOptions options;
  std::vector<std::string> census;    // census files of the tiles
  std::vector<std::string> left_out;  // tiles of the production that the map lacks
  std::vector<std::string> samples;   // samples files of the tiles, for the curves of the report
  std::vector<NamedValue> config;     // for the report
  std::vector<std::pair<std::string, std::vector<NamedValue>>> models;
  std::vector<NamedValue> unmapped;
  std::vector<std::string> notes;
  std::vector<std::string> papers;
};
// Returns pixels, mapped pixels and classes. UserError if the map has codes that the nomenclature lacks.
nlohmann::json publish(const Publication& publication, const Context& context);

// The collection above the editions, from the items that lie below it now. Productions of several years may write it at a time: whoever is
// last lists all.
void publish_collection(const std::string& file, const PublishOptions& options, const Nomenclature& nomenclature);

// For each class: pixels and mean confidence; read in strips, in bounded memory.
MapSummary summarise(const std::string& classification, const std::string& confidence, const std::string& validity, const Context& context);

// `millesime publish DIR`: DIR has classification.tif and, optionally, confidence.tif, validity.tif, uncertainty.tif, level1.tif,
// deepest.tif, regularised.tif, accuracy.json and RESULTS.txt, as written by the commands mosaic, regularise and validate.
struct PublishCommand {
  std::string folder;
  std::string output;  // default: the folder itself
  std::string nomenclature = "oso23";
  int year = 0;
  PeriodOptions period;
  PublishOptions options;

  Options declare();
};
nlohmann::json publish(const PublishCommand& command, const Context& context);

}  // namespace millesime
