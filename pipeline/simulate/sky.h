#pragma once
// The passes of the satellites over a tile, the part of it that they cover, and clouds, their shadows and haze.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/dates.h"
#include "pipeline/simulate/world.h"

namespace millesime::simulated {

// One product of a tile.
struct Pass {
  Date date;
  int orbit = 51;  // relative orbit: 51 over the east, 94 over the west
  char satellite = 'A';
  std::string time;  // "105804-037"
  std::string version = "1-7";
  bool zipped = false;
  bool faulty = false;  // an older version: clouds not masked, radiometry off

  // Part of the tile that the pass saw: rows from `first_row` to before `last_row` (shares of the height), and one side of the edge of
  // the swath (-1: west of it, 1: east of it, 0: everything).
  double first_row = 0, last_row = 1;
  int swath_side = 0;

  std::string product_name(const std::string& tile) const;  // SENTINEL2A_20180511-105804-037_L2A_T31TCJ_D_V1-7
};

// Options of a tile's passes.
struct CalendarOptions {
  int year = 2021;
  int days = 30;        // acquisition days
  int main_orbit = 51;  // sees the whole tile; the other orbit sees half of it
  bool plain = false;   // one orbit, one pass a day, one version, no zip
  bool with_zip = false;
};
// In time order (by date, time, version).
std::vector<Pass> calendar(std::uint64_t seed, const std::string& tile, const CalendarOptions& options);

// Bits of a MUSCATE cloud mask (CLM), as the THEIA product handbook lists them.
enum CloudBit : std::uint8_t {
  kCloudsAndShadows = 1,
  kClouds = 2,
  kCloudsByReflectance = 4,
  kCloudsByChange = 8,
  kThinClouds = 16,
  kShadows = 32,
  kHighClouds = 128
};

// The sky of one date and orbit over the whole world, so that neighbouring tiles see the same clouds.
class Sky {
 public:
  Sky(const World& world, const Pass& pass, double cloud_share);

  struct Air {
    float cloud = 0;        // opacity, 0..1
    float shadow = 0;       // share of the sunlight that is lost
    float haze = 0;         // extra reflectance in the blue band
    std::uint8_t mask = 0;  // CLM
  };
  Air at(Point p) const;

  double cover() const { return cover_; }         // share of the world that is cloudy
  double haze_strength() const { return haze_; }  // typical extra reflectance in the blue
  double light() const { return light_; }         // factor on all reflectances of the day
  double tint(int band) const;                    // residual error of the day's atmospheric correction, a factor

 private:
  double thickness(Point p) const;  // above 0: cloud

  std::uint64_t seed_;
  double cloud_m_, level_ = 0, cover_, haze_, light_, dilation_, missed_;
  bool faulty_, cirrus_;
  Point shadow_offset_;
};

}  // namespace millesime::simulated
