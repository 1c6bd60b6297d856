#pragma once
// Design: a probability sample of a map, for people to interpret. `millesime validate` reads it back (validate_points.h).
//
// The file is a GeoPackage of three layers:
//   points   what interpreters see: id, label_1, interpreter_1, label_2, interpreter_2, label (agreed on), comment
//   hidden   the same points with stratum, class of the map and what it is called: not to be looked at before the labels are given
//            and, of a sample in clusters, cluster: the number of the draw
//   strata   a table: code, name, pixels, hectares, expected (user's accuracy), points; a sample in clusters has one, the whole map
// and a table layer_styles, from which QGIS has the form of the points: lists of the classes to choose the labels from.
//
// Of blocks (map_units.h) the first layer is called blocks and has their squares, as has hidden, with pixels: those that have a class. The
// table strata then has blocks instead of pixels, and drawn instead of points.

#include <array>
#include <string>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/core/options.h"
#include "pipeline/core/stratified_sample.h"
#include "pipeline/stages/names_language.h"

namespace millesime {

inline constexpr const char *kDesignPoints = "points", *kDesignHidden = "hidden", *kDesignStrata = "strata";
inline constexpr const char *kDesignBlocks = "blocks", *kDesignPixels = "pixels", *kDesignCluster = "cluster";
inline constexpr std::array<const char*, 3> kDesignLabels = {"label_1", "label_2", "label"};  // fields that interpreters fill in

struct DesignCommand {
  std::string map, strata;               // class map; "": its classes are the strata, otherwise a raster on the same grid
  std::string nomenclature;              // "": the legend of the map
  std::string unit = "point";            // block
  double block_size = 20;                // metres, side of a block
  double half_width = 2;                 // percent, of the 95 % interval of the overall accuracy
  double expected = 80;                  // percent, user's accuracy of the strata
  std::vector<std::string> expected_of;  // "11=95"
  int points = 0;                        // 0: as many as half_width needs
  std::string allocation = "olofsson";   // proportional, equal, neyman
  int least = 50;                        // points of a stratum, with olofsson
  int cluster_points = 0;                // of each cluster; 0: no clusters
  int cluster_side = 100;                // px
  double cluster_correlation = 0.1;      // of what is right in a cluster
  std::int64_t seed = 1;
  NamesLanguage names;
  std::string output;  // .gpkg

  bool of_blocks() const { return unit == "block"; }
  Options declare();
};

// The strata of a map of pixels: number and hectares of its classes, or of the values of another raster where the map has a class (0 where
// that has no value).
std::vector<Stratum> count_strata(const std::string& map, const std::string& strata, const Context& context);

// Half of the 95 % interval that the overall accuracy is expected to have with these points of the strata, in percent.
double expected_half_width(const DesignCommand& command, const std::vector<Stratum>& strata);

// UserError where the output has labels already. Reads the map twice, in strips. Returns the strata, with their points. With cluster_points
// the sample has two stages: squares of the map, drawn with replacement and with probability proportional to their mapped units, and in
// each draw units at random, without replacement.
std::vector<Stratum> design(const DesignCommand& command, const Context& context);

}  // namespace millesime
