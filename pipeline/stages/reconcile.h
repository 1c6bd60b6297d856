#pragma once
// reconcile: the maps of several years made consistent, pixel by pixel (kernels/ops/reconcile.h has the model): what flickers between
// years goes, changes that last stay. A command on plain files, window by window; memory does not depend on the size of the maps.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/core/options.h"
#include "pipeline/stages/names_language.h"

namespace millesime {

struct ReconcileCommand {
  std::vector<std::string> maps;        // in the order of their years, one grid: class maps, or probabilities x 1000 with a band a class
  std::vector<std::string> confidence;  // of class maps, one each
  std::vector<std::string> years;       // {}: the year in each file's name
  std::string nomenclature;
  std::string transitions;            // table; "": by rule
  double stay = 0.97;                 // a year later; years that are missing between the maps count
  std::vector<std::string> rotating;  // codes of groups; {}: those of the nomenclature
  bool learn = false;
  double accuracy = 0.8;  // of class maps without confidence
  int threshold = 50;     // percent
  NamesLanguage names;
  std::string output;

  Options declare();
};

struct ReconcileCounts {
  std::int64_t pixels = 0, seen = 0;  // seen: in some year
  std::int64_t lasting = 0;           // pixels with a lasting change
  std::vector<int> years;
  std::vector<std::int64_t> relabelled;  // of each year: pixels whose class is another than in the map given
  std::vector<std::int64_t> changed_in;  // of each year: pixels whose lasting change is in it
};

// Writes OCS_<year>.tif and OCS_<year>_confidence.tif of each year, change.tif (probability of a lasting change, percent), change_year.tif
// (first year of the new class where that probability reaches the threshold; 0 elsewhere), change_from.tif and change_to.tif (there, the
// classes of OCS of the year before and of that year), transitions.csv (of one year) and reconcile.json. UserError: fewer than three years,
// years twice or out of order, other grids, codes that the nomenclature lacks, bands that are not one a class, a table that does not sum to
// one.
ReconcileCounts reconcile_maps(const ReconcileCommand& command, const Context& context);
std::string to_text(const ReconcileCounts& counts);  // for a terminal

}  // namespace millesime
