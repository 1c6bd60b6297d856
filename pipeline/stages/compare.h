#pragma once
// compare: two maps of one grid, e.g. of two years or of two models: agreement, changes from class to class, areas, and how much of the
// difference the maps' own confidence explains.
// The maps may have different nomenclatures (common_classes.h).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/accuracy.h"
#include "pipeline/core/context.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/options.h"
#include "pipeline/stages/names_language.h"

namespace millesime {

struct CompareCommand {
  std::string first, second;                            // maps of class codes; 0 is no class
  std::string nomenclature;                             // "": those of the legends of the maps, else each code is its own name
  std::string first_nomenclature, second_nomenclature;  // of one map, "": `nomenclature`, or the one that has its codes
  std::string first_confidence, second_confidence;      // of the maps; both or none
  NamesLanguage names;
  std::string output;  // folder for changes.csv, matrix.csv and comparison.json, "" for none
  // Also changes.tif: the second map's class where the first one has another class, 0 elsewhere; with confidences also
  // changes_confidence.tif: the probability there that both are right, %.
  bool map = false;

  Options declare();
};

struct Comparison {
  ConfusionMatrix changes;  // pixels with a class in both; rows are the first map, columns the second
  std::int64_t only_first = 0, only_second = 0, neither = 0;
  // True hectares of each pair (class of the first map, of the second one) in `changes`; nothing where the maps have no place on the earth.
  std::optional<std::map<std::pair<int, int>, double>> hectares;
  // Pixels of each pair at which both labels are right, by the confidences, if the errors of the maps are independent of each other.
  std::optional<std::map<std::pair<int, int>, double>> both_right;
  Nomenclature nomenclature;
  std::vector<std::string> notes;

  std::int64_t compared() const { return changes.total(); }
  std::int64_t changed() const;
  double both_right_changed() const;  // pixels with different classes at which both are right
  double explained() const;           // share of the changed pixels at which one label or both are wrong; NaN without confidences
};

// UserError if the grids differ or a code is not in the nomenclature. Memory does not depend on the size of the maps.
Comparison compare_maps(const CompareCommand& command, const Context& context);

// Undefined numbers are null, areas in ha on the ellipsoid (null in a local reference system):
//   pixels {compared, changed, only_first, only_second, neither}, nomenclature, agreement, kappa
//   confidence {both_right: changed pixels, explained: share of the changed ones, change_expected: share of all}, if there are confidences
//   classes [{code, name, first, second, first_ha, second_ha, kept, f_score}]: pixels in each map; share of the first map's that stayed
//   changes [{from, to, from_name, to_name, pixels, ha, both_right}], the largest first; notes
nlohmann::ordered_json to_json(const Comparison& comparison);
std::string to_text(const Comparison& comparison);      // for a terminal
std::string changes_csv(const Comparison& comparison);  // first, first_name, second, second_name, pixels, ha: every pair that occurs
std::string matrix_csv(const Comparison& comparison);   // hectares (or pixels), first map in rows, second in columns

}  // namespace millesime
