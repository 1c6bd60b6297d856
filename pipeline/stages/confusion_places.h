#pragma once
// Where the classes of a map are confused: for the report, which says what would help.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/core/results.h"

namespace millesime {

// Side of the squares in which confusions are counted where the reference has no blocks of its own.
inline constexpr double kPlaceKm = 5;
double metres_of_unit(const std::string& crs);  // for them: a degree is as long as one of latitude

class ConfusionPlaces {
 public:
  using Name = std::pair<std::string, std::int64_t>;  // any texts or numbers that tell them apart

  // A pixel of the reference, or a unit of a sample, right or wrong.
  struct Judged {
    int reference = 0, produced = 0;
    Name polygon, block;
    Point at;             // in the map's system
    double hectares = 0;  // that a unit of a sample stands for
  };
  void add(const Judged& judged);

  // The most hectares first, then pixels, then by codes; at most kMostConfusions.
  static constexpr std::size_t kMostConfusions = 100;
  std::vector<PlacedConfusion> result(const std::string& crs) const;

 private:
  struct Block {
    std::int64_t pixels = 0;
    double x = 0, y = 0;  // sums
    double hectares = 0;
  };
  struct Pair {
    std::int64_t pixels = 0;
    double hectares = 0;
    std::map<Name, std::int64_t> polygons;
    std::map<Name, Block> blocks;
  };
  std::map<std::pair<int, int>, Pair> pairs_;  // by reference and produced
};

}  // namespace millesime
