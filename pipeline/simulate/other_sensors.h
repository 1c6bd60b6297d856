#pragma once
// The same world as other sensors see it: Landsat, Sentinel-1, and the weather.

#include <string>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/simulate/render.h"
#include "pipeline/simulate/world.h"

namespace millesime::simulated {

struct Season {
  int year = 2021;
  int dates = 30;  // acquisition days, of each orbit or path
  double cloud_share = 0.4;
};

// Landsat 8 and 9, Collection 2 Level 2, at 30 m: <folder>/LC08_L2SP_199029_<date>_<date>_02_T1/... Path 199 lies in UTM zone 31 and sees
// the whole world, path 200 lies in zone 30 and sees a part; each day has two rows that overlap. The pixels are not aligned with those of
// 10 m.
void write_landsat(const World& world, const std::vector<Tile>& tiles, const Season& season, const std::string& folder,
                   const Context& context);

// Sentinel-1 on the tile's grid as S1Tiling writes it: <folder>/<31TCJ>/s1a_31TCJ_vv_DES_110_<date>t<time>.tif and so on, gamma0 as linear
// power with speckle, 0 where there is no image. Descending and ascending orbits, the second sees a part of the tile.
void write_sentinel1(const World& world, const Tile& tile, const Season& season, const std::string& folder, const Context& context);

// Daily mean temperature: <folder>/temperature_<date>.tif, degrees Celsius on a grid in degrees.
void write_temperature(const World& world, int year, const std::string& folder, const Context& context);

// Mean temperature of a day of the world's year, deg C: what the files of write_temperature() hold.
double daily_temperature(const World& world, Point p, Date day);

}  // namespace millesime::simulated
