#pragma once
// compare: two maps of one grid, e.g. of two years or of two models: agreement, changes from class to class, areas.

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

namespace millesime {

struct CompareCommand {
  std::string first, second;  // maps of class codes; 0 is no class
  std::string nomenclature;   // "": each code is its own name
  std::string output;         // folder for changes.csv and comparison.json, "" for none
  bool map = false;           // also changes.tif: the second map's class where the first one has another class, 0 elsewhere

  Options declare();
};

struct Comparison {
  ConfusionMatrix changes;  // pixels with a class in both; rows are the first map, columns the second
  std::int64_t only_first = 0, only_second = 0, neither = 0;
  // True hectares of each pair (class of the first map, of the second one) in `changes`; nothing where the maps have no place on the earth.
  std::optional<std::map<std::pair<int, int>, double>> hectares;
  Nomenclature nomenclature;

  std::int64_t compared() const { return changes.total(); }
  std::int64_t changed() const;
};

// UserError if the grids differ or a code is not in the nomenclature. Memory does not depend on the size of the maps.
Comparison compare_maps(const CompareCommand& command, const Context& context);

// Undefined numbers are null, areas in ha on the ellipsoid (null in a local reference system):
//   pixels {compared, changed, only_first, only_second, neither}, agreement, kappa
//   classes [{code, name, first, second, first_ha, second_ha, kept, f_score}]: pixels in each map; share of the first map's that stayed
//   changes [{from, to, from_name, to_name, pixels, ha}], the largest first
nlohmann::ordered_json to_json(const Comparison& comparison);
std::string to_text(const Comparison& comparison);      // for a terminal
std::string changes_csv(const Comparison& comparison);  // first, first_name, second, second_name, pixels, ha: every pair that occurs

}  // namespace millesime
