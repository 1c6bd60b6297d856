#pragma once
// Statistics: what a class map holds in each zone: true hectares and shares of the classes, confidence, and with a second map what changed.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/options.h"
#include "pipeline/imagery/zones.h"
#include "pipeline/stages/names_language.h"

namespace millesime {

struct StatisticsCommand {
  std::string map, confidence, second;  // class map; "" for none of the others. All on one grid
  std::string nomenclature;             // "": the legend of the map
  std::string pixels = "centre";        // or share
  ZoneOptions zones;                    // without: one zone, the whole map
  NamesLanguage names;
  std::string output;  // .csv: a row a zone and class; .gpkg, .fgb, .shp, .geojson, .parquet: a feature a zone

  Options declare();
};

struct ClassInZone {
  std::int64_t cm2 = 0, second_cm2 = 0;  // in the map, in the second one
  std::int64_t lost_cm2 = 0;             // this class in the map, another one in the second
  std::int64_t gained_cm2 = 0;           // another one in the map, this in the second
  std::int64_t weight = 0, confidence = 0;
};

struct ZoneStatistics {
  std::string name;
  std::vector<ClassInZone> classes;  // in the order of the nomenclature
  std::int64_t unmapped_cm2 = 0;
  std::int64_t beyond_cm2 = 0;                     // of the zone beyond the raster, by pixels as large as the nearest ones of it
  std::int64_t compared_cm2 = 0, changed_cm2 = 0;  // with a class in both maps; with different ones

  std::int64_t mapped_cm2() const;
  double mean_confidence() const;  // NaN where nothing is mapped
};

struct StatisticsResult {
  Nomenclature nomenclature;
  Zones zones;
  std::vector<ZoneStatistics> each;
  bool has_confidence = false, has_second = false;
};

// Reads each map once, in strips. Hectares are true areas on the ellipsoid (of the projection in a system without a place on the earth).
StatisticsResult zone_statistics(const StatisticsCommand& command, const Context& context);

std::string statistics_csv(const StatisticsResult& result);
// The whole command; what to print.
std::vector<std::string> statistics(const StatisticsCommand& command, const Context& context);

}  // namespace millesime
