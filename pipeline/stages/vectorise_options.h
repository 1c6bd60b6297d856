#pragma once
// The options of vectorise (vectorise.h), for the command and for a production.

#include <string>
#include <vector>

#include "pipeline/core/options.h"
#include "pipeline/imagery/zones.h"

namespace millesime {

struct VectoriseOptions {  // [vectorise]
  bool enabled = false;    // in a production
  bool whole = false;      // in a production with zones: also the whole map
  double tolerance = 10;   // m
  std::string simplification = "douglas-peucker", smoothing = "none", outline = "diagonals", statistics = "centre";
  std::vector<std::string> formats = {"gpkg"};
  std::string prefix = "departement_";
  ZoneOptions zones;

  void declare(Options& options);
};

}  // namespace millesime
