#pragma once
// Config: the options of a production, from the TOML file and the command line. Every option is declared once, in config.cpp.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/base/recipe.h"
#include "pipeline/core/options.h"
#include "pipeline/imagery/exogenous.h"
#include "pipeline/imagery/reference.h"
#include "pipeline/imagery/region_weights.h"
#include "pipeline/imagery/seed_map.h"
#include "pipeline/io/sensor.h"
#include "pipeline/learning/model_options.h"
#include "pipeline/learning/selection_rule.h"
#include "pipeline/learning/time_options.h"
#include "pipeline/stages/fuse.h"
#include "pipeline/stages/mosaic.h"
#include "pipeline/stages/period.h"
#include "pipeline/stages/publish.h"
#include "pipeline/stages/regularise.h"
#include "pipeline/stages/sources.h"
#include "pipeline/stages/tiles.h"
#include "pipeline/stages/vectorise_options.h"

namespace millesime {

class Planning;

struct Config {
  std::string file;  // where it was read from
  int year = 0;
  std::string nomenclature = "oso23";
  std::string output = "out";
  std::string device = "auto";
  int threads = 0;
  std::string memory;
  std::vector<SourceOptions> sources;  // [[source]], at least one; the first gives the tiles and their grid
  TileOptions tiles;
  PeriodOptions period;
  TimeOptions time;
  ReferenceOptions reference;
  RegionOptions regions;
  std::vector<ExogenousOptions> exogenous;
  ModelOptions model;
  SelectionRule sample;           // [sample], within each tile and region
  Recipe train;                   // [train]
  SelectionRule train_selection;  // [train], over all tiles
  ClassifyOptions classify;
  FuseOptions fuse;
  MosaicOptions mosaic;
  RegulariseOptions regularise;
  VectoriseOptions vectorise;
  PublishOptions publish;
  std::shared_ptr<Planning> planning;  // of the engine: what the plan of this production knows; null: none

  Config();

  // First and last day of the period, as far as it is known; the name of the map of these days.
  std::pair<Date, Date> days() const;
  std::string edition() const;

  // Every option of this Config; the result points into it.
  Options declare();

  std::string to_toml();  // effective.toml: every option with its value, each [[source]] and each [[exogenous]]

  // declare(), with the values of a file and of --set assignments. UserError with file, line, key, expected and got.
  Options read(const std::string& from, const std::vector<std::string>& assignments);

  // The same, checked and with every name resolved.
  static Config load(const std::string& file, const std::vector<std::string>& assignments);
};

// UserError where there is neither a reference to learn from nor a trained model.
void require_reference(const Config& config);

}  // namespace millesime
