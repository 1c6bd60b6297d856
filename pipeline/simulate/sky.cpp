#include "pipeline/simulate/sky.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <tuple>

#include "pipeline/core/error.h"
#include "pipeline/simulate/noise.h"

namespace millesime::simulated {

namespace {

enum SkyField : std::uint64_t { kCalendar = 50, kWeather, kCloud, kHaze };

constexpr int kRevisitDays = 5;  // both satellites, one orbit

// Days of `count` passes of one orbit, spread over the year on the orbit's cycle; irregular, as real series have holes. Tiles of one
// orbit share most of their days.
std::vector<Date> orbit_days(std::uint64_t key, std::uint64_t tile_key, int year, int phase, int count) {
  const Date first = Date::from_ymd(year, 1, 1), last = Date::from_ymd(year, 12, 31);
  const int cycles = (last - first - phase) / kRevisitDays + 1;
  std::vector<Date> days;
  int previous = -1;
  for (int k = 0; k < count; ++k) {
    const double jitter = 0.15 + 0.7 * uniform(hash_of(key, k));
    int cycle = static_cast<int>((k + jitter) * cycles / count) + (uniform(hash_of(tile_key, k)) < 0.25 ? 1 : 0);
    cycle = std::min(std::max(cycle, previous + 1), cycles - (count - k));
    previous = cycle;
    days.push_back(first + (phase + cycle * kRevisitDays));
  }
  return days;
}

Pass pass_of(std::uint64_t key, Date date, int orbit, int phase) {
  Pass pass;
  pass.date = date;
  pass.orbit = orbit;
  const int cycle = (date - Date::from_ymd(date.year(), 1, 1) - phase) / kRevisitDays;
  pass.satellite = (cycle + orbit) % 2 == 0 ? 'A' : 'B';
  // Orbit 51 crosses southern France about 10:58 UTC, orbit 94, further west, about 11:08.
  const std::uint64_t hash = hash_of(key, date.days, orbit);
  const int second = (orbit == 51 ? 58 * 60 : 68 * 60) + static_cast<int>(hash % 45);
  char text[32];
  std::snprintf(text, sizeof text, "%02d%02d%02d-%03d", 10 + second / 3600, second / 60 % 60, second % 60,
                static_cast<int>((hash >> 20) % 1000));
  pass.time = text;
  return pass;
}

}  // namespace

std::string Pass::product_name(const std::string& tile) const {
  return join_text("SENTINEL2", satellite, "_", date.compact(), "-", time, "_L2A_", tile, "_D_V", version);
}

std::vector<Pass> calendar(std::uint64_t seed, const std::string& tile, const CalendarOptions& options) {
  std::uint64_t tile_key = 0;
  for (const char letter : tile) tile_key = hash_of(tile_key, letter);
  const std::uint64_t orbit_key = hash_of(seed, kCalendar);
  const bool quirks = !options.plain;
  const int other_orbit = options.main_orbit == 51 ? 94 : 51;
  const auto phase = [](int orbit) { return orbit == 51 ? 2 : 0; };

  // About a quarter of the days are of the neighbouring orbit. A year has 73 days of each.
  const int wanted_other = quirks && options.days >= 5 ? std::max(options.days / 4, options.days - 73) : 0;
  const int main_days = std::min(options.days - wanted_other, 73);

  std::vector<Pass> passes;
  const std::vector<Date> days =
      orbit_days(hash_of(orbit_key, options.main_orbit), tile_key, options.year, phase(options.main_orbit), main_days);
  for (int k = 0; k < main_days; ++k) {
    Pass pass = pass_of(orbit_key, days[static_cast<std::size_t>(k)], options.main_orbit, phase(options.main_orbit));
    if (quirks && main_days >= 4 && k == main_days / 2) {
      // The recording was cut over the tile: two products of one day, the second some seconds later and further south.
      Pass south = pass;
      pass.last_row = 0.62;
      south.first_row = 0.48;
      south.time = south.time.substr(0, 4) + "59-460";
      passes.push_back(south);
    }
    if (quirks && main_days >= 3 && k == main_days / 3) {
      Pass old = pass;
      old.faulty = true;
      passes.push_back(old);
      pass.version = "1-8";
    }
    if (options.with_zip && k == 2 * main_days / 3) pass.zipped = true;
    passes.push_back(pass);
  }
  if (wanted_other > 0)
    for (const Date day : orbit_days(hash_of(orbit_key, other_orbit), mix(tile_key), options.year, phase(other_orbit), wanted_other)) {
      Pass pass = pass_of(orbit_key, day, other_orbit, phase(other_orbit));
      pass.swath_side = other_orbit == 51 ? 1 : -1;  // the swath of orbit 51 ends inside the tile on its west side
      passes.push_back(pass);
    }
  std::sort(passes.begin(), passes.end(),
            [](const Pass& a, const Pass& b) { return std::tie(a.date, a.time, a.version) < std::tie(b.date, b.time, b.version); });
  return passes;
}

Sky::Sky(const World& world, const Pass& pass, double cloud_share)
    : seed_(hash_of(world.seed(), kWeather, pass.date.days, pass.orbit)),
      cloud_m_(std::clamp(1.1 * world.zone_m(), 450.0, 9000.0)),
      faulty_(pass.faulty) {
  const double season = std::cos((pass.date.day_of_year() - 15) * 2 * std::numbers::pi / 365);
  // Cloudy days and clear days are both more common than half-cloudy ones.
  const double mean = std::clamp(cloud_share * (1 + 0.35 * season), 0.001, 0.95);
  const double odds = std::log(mean / (1 - mean)) + 2.0 * normal(hash_of(seed_, 1));
  cover_ = cloud_share <= 0 ? 0 : std::min(0.9, 1 / (1 + std::exp(-odds)));  // products with over 90 % of cloud are not made
  cirrus_ = uniform(hash_of(seed_, 2)) < 0.2;
  dilation_ = 0.02 + 0.05 * uniform(hash_of(seed_, 3));
  missed_ = uniform(hash_of(seed_, 4)) < 0.25 ? 0.05 : 0;  // the mask of some days misses the edges of clouds
  haze_ = 0.004 * std::fabs(normal(hash_of(seed_, 5))) + (uniform(hash_of(seed_, 6)) < 0.14 ? 0.035 : 0);
  light_ = 1 + 0.03 * normal(hash_of(seed_, 7));
  // The sun stands in the south-south-east; shadows fall to the north-north-west, longer in winter. Heights fit the clouds' size.
  const double height_m = 0.35 * cloud_m_ * (0.6 + 0.8 * uniform(hash_of(seed_, 8)));
  const double elevation = (45.0 - 22.0 * season) * std::numbers::pi / 180, length_m = height_m / std::tan(elevation);
  shadow_offset_ = {-0.38 * length_m, 0.92 * length_m};

  // The level that leaves `cover_` of the world below cloud, found on a coarse lattice.
  std::vector<double> sample;
  const Box& extent = world.extent();
  constexpr int kLattice = 64;
  for (int row = 0; row < kLattice; ++row)
    for (int col = 0; col < kLattice; ++col)
      sample.push_back(thickness({extent.min_x + (extent.max_x - extent.min_x) * (col + 0.5) / kLattice,
                                  extent.min_y + (extent.max_y - extent.min_y) * (row + 0.5) / kLattice}));
  const auto rank = static_cast<std::ptrdiff_t>((1 - cover_) * (kLattice * kLattice - 1));
  std::nth_element(sample.begin(), sample.begin() + rank, sample.end());
  level_ = cover_ > 0 ? sample[static_cast<std::size_t>(rank)] : 10;
}

double Sky::thickness(Point p) const { return fractal_noise(hash_of(seed_, kCloud), p.x / cloud_m_, p.y / cloud_m_, 4) - level_; }

double Sky::tint(int band) const { return 1 + 0.018 * normal(hash_of(seed_, 20, band)); }

Sky::Air Sky::at(Point p) const {
  Air air;
  // Sunlight that reaches p has passed the cloud layer towards the sun.
  const double over = thickness(p), towards_sun = thickness({p.x - shadow_offset_.x, p.y - shadow_offset_.y});
  const double opacity = smooth_step(-0.04, cirrus_ ? 0.5 : 0.16, over);
  const double shade = smooth_step(-0.01, 0.14, towards_sun);
  air.cloud = static_cast<float>(opacity);
  air.shadow = static_cast<float>(0.55 * shade * (1 - opacity));
  air.haze = static_cast<float>(
      std::max(0.0, haze_ * (1 + 0.9 * fractal_noise(hash_of(seed_, kHaze), p.x / (2.2 * cloud_m_), p.y / (2.2 * cloud_m_), 2))));

  if (faulty_) return air;
  const double margin = dilation_ - missed_;
  std::uint8_t mask = 0;
  if (over > -margin) {
    mask |= kCloudsAndShadows | kClouds | (over > 0.1 ? kCloudsByReflectance : kCloudsByChange);
    if (over < 0.06) mask |= kThinClouds;
    if (cirrus_) mask |= kHighClouds;
  } else if (towards_sun > -0.5 * margin + 0.02) {
    mask |= kCloudsAndShadows | kShadows;
  }
  air.mask = mask;
  return air;
}

}  // namespace millesime::simulated
