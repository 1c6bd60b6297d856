#pragma once
// The report: one self-contained HTML page about a map, in English or French. Its content is in ReportData; missing parts have no section.
// A script makes the map zoom (map_viewer.js); without it the page shows the map as a picture.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/core/dates.h"
#include "pipeline/core/raster.h"
#include "pipeline/core/results.h"
#include "pipeline/io/census.h"
#include "pipeline/io/map_pyramid.h"
#include "pipeline/learning/class_curves.h"
#include "pipeline/reports/html.h"

namespace millesime {

struct ClassSummary {
  int code = 0;
  std::int64_t pixels = 0;
  double confidence = 0;  // mean, 0..100
  double ha = 0;          // on the ellipsoid; 0 where MapSummary::mapped_ha is not known
};

struct MapSummary {
  Grid grid;                          // of the whole map
  bool in_degrees = false;            // the unit of the grid; else metres, or another unit of length
  std::vector<ClassSummary> classes;  // those that occur, by code
  std::int64_t mapped = 0;            // pixels with a class
  std::optional<double> mapped_ha;    // their true area on the ellipsoid; nothing in a local reference system
  double confidence = 0;              // mean over them, 0..100
  double validity = 0;                // mean number of valid acquisitions over them
  int lowest_confidence = 0, highest_confidence = 0, lowest_validity = 0, highest_validity = 0;  // of those that have a value
};

struct ReportLayer {
  std::string file;                  // of the full map, in the folder of the page
  Raster<std::uint8_t> picture;      // reduced; no samples: there is no such layer
  std::vector<PyramidLevel> levels;  // to zoom into
};

struct ReportFile {
  std::string file, title;  // in the folder of the page
};

struct ReportData {
  Language language = Language::en;
  std::string title;
  std::string edition;         // "2021", "2021-06"
  std::pair<Date, Date> days;  // first and last of its period
  Nomenclature nomenclature;   // with names in this language
  MapSummary summary;
  ReportLayer map, confidence, validity;
  std::optional<MapSummary> regularised;  // of the map without small patches
  std::optional<std::int64_t> polygons;   // number of them, in all zones
  std::vector<ReportFile> files;          // of the edition
  std::optional<AccuracyReport> accuracy;
  std::optional<AreaAccuracy> areas;  // in ha
  std::vector<ClassCurve> curves;     // NDVI of the samples of each class
  std::vector<SourceCensus> census;   // of each tile
  std::vector<std::string> left_out;  // further tiles of the production, which the map lacks
  std::string version, licence;
  std::vector<NamedValue> config;                                       // key and effective value
  std::vector<std::pair<std::string, std::vector<NamedValue>>> models;  // name, and provenance of its training
  std::vector<NamedValue> unmapped;                                     // pixels of the tiles' maps without a class, by reason
  std::vector<std::string> notes;                                       // substitutions that a reader has to know
  std::vector<std::string> papers;                                      // English, with a remark in brackets at the end or without
};

std::string report_html(const ReportData& data);

// A paper with its remark in this language; one that has no translation is left out.
std::string paper_in(Language language, const std::string& paper);

}  // namespace millesime
