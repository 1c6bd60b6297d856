#pragma once
// What a sensor sees of a simulated world on one day: reflectance below shadow, haze and cloud.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/core/series.h"
#include "pipeline/simulate/ground.h"
#include "pipeline/simulate/sky.h"
#include "pipeline/simulate/spectra.h"
#include "pipeline/simulate/world.h"

namespace millesime::simulated {

struct Tile {
  std::string name;  // T31TCJ
  Grid grid;         // 10 m, UTM
  int main_orbit = 51;
};

inline constexpr int kStripRows = 256;  // a row of blocks of the files at 10 m
inline constexpr int kMaskPlanes = 3;   // CLM, SAT, EDG of MUSCATE

// The 20 m pixels of a grid or window: whole ones only, so an odd size loses its last row and column.
Grid coarse(const Grid& grid);
Window coarse(const Window& window);
std::vector<Window> strips_of(const Grid& grid);
int block_of(int size, int largest);  // GeoTIFF blocks are multiples of 16 pixels

// A Sentinel-2 product in one strip: int16 reflectance x 10000.
struct Strip {
  std::array<std::vector<std::int16_t>, kBands> bands;
  std::array<std::array<std::vector<std::uint8_t>, kMaskPlanes>, 2> masks;  // [10 m, 20 m][CLM, SAT, EDG]
  std::int64_t seen = 0, cloudy = 0, masked = 0;
};

// All bands of a window on the grid of the tile, whatever its resolution.
struct Spectra {
  std::vector<Spectrum> reflectance;  // [pixel], without the sensor's noise
  std::vector<std::uint8_t> clouds;   // [pixel], bits of CloudBit
  std::vector<std::uint8_t> seen;     // [pixel], 0 where the pass has no image
};

class Renderer {
 public:
  // `value_step`: step of the stored reflectances.
  Renderer(const World& world, const Tile& tile, const Pass& pass, double cloud_share, int value_step);

  const Sky& sky() const { return sky_; }
  Strip render(const Ground& ground, int threads) const;
  Spectra render_spectra(const Ground& ground, int threads) const;
  std::uint64_t noise_key(int col, int row) const;  // of a pixel of the grid

 private:
  struct Counts {
    int seen = 0, cloudy = 0, masked = 0;
  };
  std::vector<Look> looks(const Ground& ground, int threads) const;
  Counts render_square(const Ground& ground, const std::vector<Look>& looks, int square_col, int square_row, Strip& strip) const;
  Spectrum seen_from_above(const Ground& ground, const std::vector<Look>& looks, std::size_t pixel, const Sky::Air& air) const;

  const World* world_;
  const Tile* tile_;
  const Pass* pass_;
  int step_;
  Sky sky_;
  std::uint64_t noise_;
  std::array<float, kBands> factor_{};
};

}  // namespace millesime::simulated
