#include "pipeline/simulate/world.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "pipeline/core/dates.h"
#include "pipeline/simulate/noise.h"

namespace millesime::simulated {

namespace {

// Keys that keep the random fields of one world apart.
enum Field : std::uint64_t { kZones = 1, kBend, kFields, kPatches, kRivers, kRoads, kClasses, kClimate, kSoil, kBorder };

constexpr double kRiverHalfWidth = 14;  // metres

// The composition of a landscape: share of each class in the western and the eastern region.
struct Share {
  int code;
  double west, east;
};

struct Landscape {
  std::vector<Share> shares;  // of each region they sum to 1
  bool fields;                // straight borders; otherwise natural ones
  double reach;               // how far it extends into its neighbours, in zone sizes
};

enum Zone { kPlain, kWetPlain, kHills, kForest, kUpland, kMountain, kTown, kShore, kZoneCount };

const std::array<Landscape, kZoneCount>& landscapes() {
  static const std::array<Landscape, kZoneCount> all = {{
      {{{6, .34, .24}, {5, .17, .12}, {9, .12, .22}, {7, .11, .12}, {10, .10, .08}, {12, .05, .05}, {13, .07, .07}, {8, .04, .10}},
       true,
       0.30},
      {{{10, .28, .20}, {8, .20, .22}, {11, .14, .20}, {12, .20, .16}, {13, .08, .10}, {23, .04, .04}, {16, .06, .08}}, true, 0.0},
      {{{15, .25, .32}, {14, .22, .22}, {13, .20, .12}, {6, .10, .08}, {9, .07, .10}, {19, .08, .08}, {16, .08, .08}}, true, 0.15},
      {{{16, .52, .38}, {17, .30, .42}, {19, .08, .10}, {18, .05, .05}, {13, .05, .05}}, false, 0.15},
      {{{18, .34, .28}, {19, .28, .34}, {17, .12, .12}, {13, .16, .12}, {20, .10, .14}}, false, 0.05},
      {{{20, .38, .38}, {22, .30, .26}, {18, .20, .22}, {17, .06, .08}, {23, .06, .06}}, false, -0.12},
      {{}, false, -0.05},  // town: by distance from its centre
      {{{21, .32, .32}, {23, .34, .32}, {19, .12, .14}, {17, .14, .14}, {18, .08, .08}}, false, -0.12},
  }};
  return all;
}

int class_from_share(const Landscape& landscape, int region, double draw) {
  for (const Share& share : landscape.shares) {
    draw -= region == 1 ? share.west : share.east;
    if (draw < 0) return share.code;
  }
  return landscape.shares.back().code;
}

// Additive recurrence in two dimensions with the plastic number (Roberts 2018, "R2"): neighbours get well spread numbers, so a mix of
// classes is met even by a few parcels.
double spread(std::int64_t col, std::int64_t row, double offset) {
  const double value = 0.7548776662466927 * static_cast<double>(col) + 0.5698402909980532 * static_cast<double>(row) + offset;
  return value - std::floor(value);
}

// Index of the interval that holds `position` (in intervals) when every border k is moved by up to a third of an interval.
struct Interval {
  std::int64_t index;
  double middle;
};
Interval uneven_interval(double position, std::uint64_t key) {
  const auto border = [&](std::int64_t k) { return static_cast<double>(k) + 0.6 * (uniform(hash_of(key, k)) - 0.5); };
  auto index = static_cast<std::int64_t>(std::floor(position));
  if (position < border(index))
    --index;
  else if (position >= border(index + 1))
    ++index;
  return {index, 0.5 * (border(index) + border(index + 1))};
}

// The nearest seeds of a jittered lattice (Voronoi cells); `reach(col, row)` pulls the border of a cell outwards.
struct Cell {
  std::int64_t col = 0, row = 0;
  Point seed;
  double distance = std::numeric_limits<double>::max();
};
template <class Reach>
std::array<Cell, 2> nearest_cells(std::uint64_t key, Point p, double size_m, const Reach& reach) {
  std::array<Cell, 2> nearest;
  const auto middle_col = static_cast<std::int64_t>(std::floor(p.x / size_m)),
             middle_row = static_cast<std::int64_t>(std::floor(p.y / size_m));
  for (std::int64_t row = middle_row - 1; row <= middle_row + 1; ++row)
    for (std::int64_t col = middle_col - 1; col <= middle_col + 1; ++col) {
      const std::uint64_t hash = hash_of(key, col, row);
      const Point seed = {(static_cast<double>(col) + 0.15 + 0.7 * uniform(hash)) * size_m,
                          (static_cast<double>(row) + 0.15 + 0.7 * uniform(mix(hash))) * size_m};
      const Cell cell = {col, row, seed, std::hypot(p.x - seed.x, p.y - seed.y) - reach(col, row) * size_m};
      if (cell.distance < nearest[0].distance) {
        nearest[1] = nearest[0];
        nearest[0] = cell;
      } else if (cell.distance < nearest[1].distance) {
        nearest[1] = cell;
      }
    }
  return nearest;
}

// All eight landscapes follow one another along every row of zones, and a step of three from row to row keeps equal ones apart.
Zone zone_of(std::int64_t col, std::int64_t row) { return static_cast<Zone>((col + 3 * row) & 7); }

constexpr double kMeanClimate = 12.5;  // deg C

// Of the mean climate, against its yearly mean: coldest on 20 January.
double season_of(int day_of_year) { return -8 * std::cos((day_of_year - 20) * 2 * std::numbers::pi / 365); }

// A field's crop follows the one of the year before: rapeseed, cereals, sunflower, cereals and so on.
const std::vector<std::vector<int>>& rotations() {
  static const std::vector<std::vector<int>> all = {{5, 6, 9, 6}, {10, 8}, {12, 6, 7, 6}, {11, 11, 8}, {10, 10, 12}};
  return all;
}

// `code` is the crop of 2021, in one of the rotations that have it.
int crop_of_year(int code, std::uint64_t parcel, int year) {
  std::vector<std::pair<std::size_t, std::size_t>> places;  // rotation, position in it
  for (std::size_t r = 0; r < rotations().size(); ++r)
    for (std::size_t k = 0; k < rotations()[r].size(); ++k)
      if (rotations()[r][k] == code) places.emplace_back(r, k);
  if (places.empty()) return code;
  const auto [r, k] = places[parcel % places.size()];
  const auto n = static_cast<int>(rotations()[r].size());
  return rotations()[r][static_cast<std::size_t>(((static_cast<int>(k) + year - 2021) % n + n) % n)];
}

}  // namespace

bool is_crop(int land_class) { return land_class >= 5 && land_class <= 12; }

World::World(std::uint64_t seed, const Box& extent, double tile_m, const WorldYear& year)
    : seed_(seed),
      extent_(extent),
      year_(year),
      zone_m_(std::clamp(tile_m / 4.0, 360.0, 3000.0)),
      parcel_m_(std::clamp(zone_m_ / 4.0, 85.0, 200.0)),
      border_step_m_(zone_m_ / 2) {
  const Date new_year = Date::from_ymd(year.year, 1, 1);
  constexpr int kDays = 366;
  for (int day = 0; day < kDays; ++day)
    weather_.push_back(year.anomaly + 3.5 * fractal_noise(hash_of(seed, 71), (new_year + day).days / 9.0, 0, 3));
}

double World::border_x(double y) const {
  const double middle = 0.5 * (extent_.min_x + extent_.max_x), amplitude = 0.08 * (extent_.max_x - extent_.min_x);
  const double step = std::floor(y / border_step_m_);
  const auto node = [&](double k) { return middle + amplitude * smooth_noise(hash_of(seed_, kBorder), k * 0.3, 0.5); };
  const double t = y / border_step_m_ - step;
  return node(step) + (node(step + 1) - node(step)) * t;
}

std::vector<Point> World::region_border() const {
  std::vector<Point> line;
  const double first = std::floor(extent_.min_y / border_step_m_) - 1, last = std::ceil(extent_.max_y / border_step_m_) + 1;
  for (double step = first; step <= last; ++step) line.push_back({border_x(step * border_step_m_), step * border_step_m_});
  return line;
}

int World::region(Point p) const { return p.x < border_x(p.y) ? 1 : 2; }

double World::temperature(Point p) const {
  const double width = extent_.max_x - extent_.min_x;
  const double from_west = std::tanh((p.x - border_x(p.y)) / (0.25 * width));
  return kMeanClimate + 1.4 * from_west + 0.6 * smooth_noise(hash_of(seed_, kClimate), p.x / (0.4 * width), p.y / (0.4 * width));
}

double World::degrees(Point p, int day_of_year) const {
  return temperature(p) + season_of(day_of_year) + weather_[static_cast<std::size_t>(day_of_year - 1)];
}

double World::season_day(Point p, int day_of_year) const {
  const double mean = temperature(p);
  double here = 0, of_climate = 0;
  for (int day = 1; day < day_of_year; ++day) here += std::max(0.0, mean + season_of(day) + weather_[static_cast<std::size_t>(day - 1)]);
  for (int day = 1;; ++day) {
    const double next = kMeanClimate + season_of(day);  // above 0 all year
    if (of_climate + next >= here) return day + (here - of_climate) / next;
    of_climate += next;
  }
}

double World::rain(Point p) const {
  const double width = extent_.max_x - extent_.min_x;
  const double from_west = std::tanh((p.x - border_x(p.y)) / (0.35 * width));
  return 830 - 170 * from_west + 60 * smooth_noise(hash_of(seed_, kClimate, 1), p.x / (0.3 * width), p.y / (0.3 * width));
}

double World::soil(Point p) const {
  return std::clamp(0.5 + 0.7 * fractal_noise(hash_of(seed_, kSoil), p.x / (1.3 * zone_m_), p.y / (1.3 * zone_m_), 2), 0.0, 1.0);
}

// Fields: rows across the zone's direction, each row cut into pieces of its own length.
Parcel World::field(Point p, Point origin, std::uint64_t zone) const {
  const double angle = uniform(hash_of(zone, kFields)) * std::numbers::pi;
  const double across = -(p.x - origin.x) * std::sin(angle) + (p.y - origin.y) * std::cos(angle);
  const double along = (p.x - origin.x) * std::cos(angle) + (p.y - origin.y) * std::sin(angle);
  const double row_m = 0.8 * parcel_m_;
  const Interval row = uneven_interval(across / row_m, hash_of(zone, kFields, 1));
  const double piece_m = parcel_m_ * (0.9 + 0.9 * uniform(hash_of(zone, kFields, 2, row.index)));
  const double offset = uniform(hash_of(zone, kFields, 3, row.index));
  const Interval piece = uneven_interval(along / piece_m + offset, hash_of(zone, kFields, 4, row.index));
  const double middle_along = (piece.middle - offset) * piece_m, middle_across = row.middle * row_m;
  Parcel parcel;
  parcel.id = hash_of(zone, kFields, 5, row.index, piece.index);
  parcel.anchor = {origin.x + middle_along * std::cos(angle) - middle_across * std::sin(angle),
                   origin.y + middle_along * std::sin(angle) + middle_across * std::cos(angle)};
  return parcel;
}

// Natural patches with bent borders.
Parcel World::patch(Point p, double size_m) const {
  const std::uint64_t bend = hash_of(seed_, kBend, 1);
  const Point bent = {p.x + 0.35 * size_m * smooth_noise(bend, p.x / (0.6 * size_m), p.y / (0.6 * size_m)),
                      p.y + 0.35 * size_m * smooth_noise(bend + 1, p.x / (0.6 * size_m), p.y / (0.6 * size_m))};
  const Cell cell = nearest_cells(hash_of(seed_, kPatches), bent, size_m, [](std::int64_t, std::int64_t) { return 0.0; })[0];
  Parcel parcel;
  parcel.id = hash_of(seed_, kPatches, static_cast<std::int64_t>(size_m), cell.col, cell.row);
  parcel.anchor = cell.seed;
  return parcel;
}

// A dense middle, one sector of industry, houses with gardens around, a park here and there.
int World::town_class(const Parcel& parcel, Point centre, std::uint64_t zone) const {
  if (uniform(hash_of(parcel.id, kClasses)) < 0.06) return uniform(hash_of(parcel.id, kClasses, 1)) < 0.5 ? 13 : 16;
  const double dx = parcel.anchor.x - centre.x, dy = parcel.anchor.y - centre.y, distance = std::hypot(dx, dy) / zone_m_;
  if (distance < 0.27) return 1;
  const double sector = std::fmod(std::atan2(dy, dx) / (2 * std::numbers::pi) + 1 + uniform(hash_of(zone, kClasses, 2)), 1.0);
  return sector < 0.36 ? 3 : 2;
}

Parcel World::parcel_at(Point p) const {
  const std::uint64_t bend = hash_of(seed_, kBend);
  const double bend_m = 0.8 * zone_m_;
  const Point bent = {p.x + 0.16 * zone_m_ * fractal_noise(bend, p.x / bend_m, p.y / bend_m, 2),
                      p.y + 0.16 * zone_m_ * fractal_noise(bend + 7, p.x / bend_m, p.y / bend_m, 2)};
  const auto reach = [](std::int64_t col, std::int64_t row) { return landscapes()[zone_of(col, row)].reach; };
  const auto [own, next] = nearest_cells(hash_of(seed_, kZones), bent, zone_m_, reach);
  const Zone kind = zone_of(own.col, own.row);
  const std::uint64_t zone = hash_of(seed_, kZones, 1, own.col, own.row);

  // A river follows the zero line of a smooth field; its distance is the field over its slope.
  const double river_m = 2.2 * zone_m_, probe = 0.02;
  const std::uint64_t river = hash_of(seed_, kRivers);
  const double level = smooth_noise(river, p.x / river_m, p.y / river_m);
  if (std::fabs(level) < 0.2) {
    const double slope = std::hypot(smooth_noise(river, p.x / river_m + probe, p.y / river_m) - level,
                                    smooth_noise(river, p.x / river_m, p.y / river_m + probe) - level) /
                         probe / river_m;
    if (std::fabs(level) < kRiverHalfWidth * slope) {
      const std::int64_t col = std::llround(p.x / zone_m_), row = std::llround(p.y / zone_m_);
      return {hash_of(river, 1, col, row), 23, {static_cast<double>(col) * zone_m_, static_cast<double>(row) * zone_m_}, false};
    }
  }

  // Roads run along most borders between zones. The distance to the border is the difference of the distances over its slope, which is
  // small where a little zone sits before a large one: no road there.
  const std::uint64_t edge = hash_of(seed_, kRoads, own.col + next.col, own.row + next.row);
  if (uniform(edge) < 0.7) {
    const double own_m = std::hypot(bent.x - own.seed.x, bent.y - own.seed.y),
                 next_m = std::hypot(bent.x - next.seed.x, bent.y - next.seed.y);
    const double slope = std::hypot((bent.x - own.seed.x) / own_m - (bent.x - next.seed.x) / next_m,
                                    (bent.y - own.seed.y) / own_m - (bent.y - next.seed.y) / next_m);
    const double half_width_m = 7 + 5 * uniform(mix(edge));
    if (slope > 0.8 && next.distance - own.distance < half_width_m * slope) {
      const std::int64_t col = std::llround(p.x / (0.5 * zone_m_)), row = std::llround(p.y / (0.5 * zone_m_));
      return {hash_of(edge, 1, col, row), 4, {static_cast<double>(col) * 0.5 * zone_m_, static_cast<double>(row) * 0.5 * zone_m_}, false};
    }
  }

  const Landscape& landscape = landscapes()[kind];
  Parcel parcel = landscape.fields ? field(p, own.seed, zone) : patch(p, (kind == kTown ? 0.7 : 1.1) * parcel_m_);
  parcel.id = hash_of(parcel.id, own.col, own.row);  // a patch that two zones share is two parcels
  parcel.mountain = kind == kMountain;
  if (kind == kTown) {
    parcel.land_class = town_class(parcel, own.seed, zone);
  } else {
    const std::int64_t col = std::llround(parcel.anchor.x / (0.6 * parcel_m_)), row = std::llround(parcel.anchor.y / (0.6 * parcel_m_));
    parcel.land_class = class_from_share(landscape, region(parcel.anchor), spread(col, row, uniform(hash_of(zone, kClasses))));
    if (year_.rotations && landscape.fields) parcel.land_class = crop_of_year(parcel.land_class, parcel.id, year_.year);
  }
  return parcel;
}

}  // namespace millesime::simulated
