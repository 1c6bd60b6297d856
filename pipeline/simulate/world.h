#pragma once
// The ground of a simulated world: the parcel at a position, its class, region and climate. Coordinates are EPSG:2154 metres.

#include <cstdint>
#include <vector>

#include "pipeline/core/grid.h"

namespace millesime::simulated {

// A piece of land with one use: a field, a block of houses, a stretch of road or river.
struct Parcel {
  std::uint64_t id = 0;
  int land_class = 0;     // code of the OSO nomenclature of 23 classes
  Point anchor;           // near its middle; the position for climate and soil
  bool mountain = false;  // snow in winter
};

// What differs from year to year.
struct WorldYear {
  int year = 2021;
  bool seasons_follow_temperature = false;  // else they are those of the climate, the same in every year
  double anomaly = 0;                       // of the year's temperature, deg C
  bool rotations = false;                   // fields carry another crop in another year; in 2021 those of a world without rotations
};

bool is_crop(int land_class);  // sown every year

class World {
 public:
  // `extent`: of all tiles; `tile_m`: side of a tile, which determines the size of the landscape's parts, so that a small world
  // has every class, too.
  World(std::uint64_t seed, const Box& extent, double tile_m, const WorldYear& year = {});

  Parcel parcel_at(Point p) const;
  double temperature(Point p) const;               // yearly mean of the climate, deg C
  double degrees(Point p, int day_of_year) const;  // mean temperature of a day of the year, deg C
  // The day of the year on which a year of the mean climate, of 12.5 deg C and without weather, has as many growing degree days (above
  // 0 deg C, from 1 January on) as this place on that day.
  double season_day(Point p, int day_of_year) const;
  double rain(Point p) const;  // yearly sum, mm
  double soil(Point p) const;  // 0: dark, 1: bright
  int region(Point p) const;   // 1 in the west (oceanic), 2 in the east (drier, warmer)

  // Border of the regions from south to north, with the same straight pieces that region() uses.
  std::vector<Point> region_border() const;

  std::uint64_t seed() const { return seed_; }
  const WorldYear& year() const { return year_; }
  const Box& extent() const { return extent_; }
  double zone_m() const { return zone_m_; }      // size of a piece of one landscape (a plain, a forest, a town)
  double parcel_m() const { return parcel_m_; }  // size of a field

 private:
  double border_x(double y) const;
  Parcel field(Point p, Point origin, std::uint64_t zone) const;
  Parcel patch(Point p, double size_m) const;
  int town_class(const Parcel& parcel, Point centre, std::uint64_t zone) const;

  std::uint64_t seed_;
  Box extent_;
  WorldYear year_;
  std::vector<double> weather_;  // of each day of the year, deg C: the anomaly and what the day differs from the season
  double zone_m_, parcel_m_, border_step_m_;
};

}  // namespace millesime::simulated
