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

class ConfusionPlaces {
 public:
  // A pixel of the reference, right or wrong. `polygon`, `block`: any texts or numbers that tell them apart; `at`: in the map's system.
  void add(int reference, int produced, const std::pair<std::string, std::int64_t>& polygon,
           const std::pair<std::string, std::int64_t>& block, const Point& at);

  // The most pixels first, then by codes; at most kMostConfusions.
  static constexpr std::size_t kMostConfusions = 100;
  std::vector<PlacedConfusion> result(const std::string& crs) const;

 private:
  using Name = std::pair<std::string, std::int64_t>;
  struct Block {
    std::int64_t pixels = 0;
    double x = 0, y = 0;  // sums
  };
  struct Pair {
    std::int64_t pixels = 0;
    std::map<Name, std::int64_t> polygons;
    std::map<Name, Block> blocks;
  };
  std::map<std::pair<int, int>, Pair> pairs_;  // by reference and produced
};

}  // namespace millesime
