#pragma once
// The ground under a tile: every pixel of a window as four points, and the parcels at these points.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/simulate/world.h"

namespace millesime::simulated {

inline constexpr const char* kWorldCrs = "EPSG:2154";

// Coordinates of `from_crs` in `to_crs`, exact on a lattice of 640 m and linear between (error below a millimetre in France). The
// lattice is fixed in from_crs, so two grids of one CRS get the same position for the same pixel.
class PositionLattice {
 public:
  PositionLattice(const std::string& from_crs, const std::string& to_crs, const Box& extent);
  Point operator()(Point p) const;  // p must be in the extent

 private:
  double x0_ = 0, y0_ = 0;
  int cols_ = 0;
  std::vector<Point> nodes_;
};

inline constexpr int kPointsPerPixel = 4;  // 2 x 2 points make mixed pixels at borders

// A window of a tile.
struct Ground {
  Window window;
  std::vector<Parcel> parcels;                                       // in the window, each once
  std::vector<std::array<std::uint32_t, kPointsPerPixel>> at_pixel;  // index of a parcel at the four points
  std::vector<Point> position;                                       // of the pixel's centre in the world
  std::vector<float> growth;                                         // variation inside parcels, standard deviation 1
  std::vector<std::uint8_t> land_class;                              // truth: class at the pixel's centre
};

Ground survey(const World& world, const Grid& grid, const PositionLattice& to_world, const Window& window, int threads);

}  // namespace millesime::simulated
