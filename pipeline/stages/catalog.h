#pragma once
// Catalog: the products of each tile, which of them can be used, and the faults of the others.
// As a stage it writes the census of each tile of a production (Layout::census); as a command it checks any folder.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/dates.h"
#include "pipeline/io/sensor.h"
#include "pipeline/stages/period.h"
#include "pipeline/stages/stage.h"

namespace millesime {

// Later stages depend on the content of the census; the unit itself is up to date while the tile's folder has the same
// names, sizes and times of change. A damaged product stops the unit, unless source.skip_damaged is set.
Stage catalog_stage();

// What differs in two listings (Sensor::listing): "3 new (A, B, and 1 more), 1 changed (C), 0 removed".
std::string change_of_listing(const std::string& then, const std::string& now);

// The images of a tile of a production, as in the stage: UserError for damage (unless skipped), and where the first source has no
// acquisition. Another source may have none.
TileImages usable_images(const Config& config, const std::string& tile);

struct CatalogCommand {
  std::string root;  // of the products
  std::string sensor = "sentinel2_theia", variant;
  int year = 0;  // 0: all
  PeriodOptions period;
  std::vector<std::string> tiles;  // empty: all
  std::vector<std::string> bands;  // empty: those that any product of a tile has
  bool json = false;

  Options declare();
};

struct CatalogReport {
  std::string root, sensor;
  std::vector<SourceCensus> tiles;
  std::vector<std::string> unmatched;  // rasters under the root that fit no pattern of the sensor

  bool damaged() const;  // whether a product is damaged: the command then exits with 2
  std::string to_text() const;
  nlohmann::ordered_json to_json() const;
};
CatalogReport catalog(const CatalogCommand& command, const Context& context);

}  // namespace millesime
