#include "pipeline/coverage/polygon_pixels.h"

#include <algorithm>
#include <cmath>

#include "pipeline/coverage/internal/crossings.h"

namespace millesime {
namespace {

// Positive where the inside is on the left (y is south), as Crossing counts.
double turn(const std::vector<Point>& ring) {
  double sum = 0;
  for (std::size_t i = 0; i + 1 < ring.size(); ++i)
    sum -= (ring[i].x - ring[0].x + ring[i + 1].x - ring[0].x) * (ring[i + 1].y - ring[i].y);
  return sum;
}

// The same whichever polygon the edge belongs to: it is always walked to the south.
void centre_crossings(const Point& from, const Point& to, double sign, int first_row, int row_end, std::vector<Crossing>& crossings) {
  if (from.y == to.y) return;
  const bool south = to.y > from.y;
  const Point &a = south ? from : to, &b = south ? to : from;
  constexpr double kCentre = 0.5;
  const double slope = (b.x - a.x) / (b.y - a.y), direction = south ? sign : -sign;
  const double first = std::max(static_cast<double>(first_row), std::ceil(a.y - kCentre));
  for (auto row = static_cast<std::int64_t>(first); row < row_end && static_cast<double>(row) + kCentre < b.y; ++row) {
    const double x = a.x + (static_cast<double>(row) + kCentre - a.y) * slope;
    crossings.push_back({static_cast<std::int32_t>(row), static_cast<std::int32_t>(std::ceil(x - kCentre)), direction, direction});
  }
}

}  // namespace

void add_pixels_of(const PixelRings& rings, PixelRule rule, int first_row, int row_end, std::vector<PixelTransfer>& pixels) {
  std::vector<Crossing> crossings;
  for (std::size_t r = 0; r < rings.size(); ++r) {
    const double sign = (turn(rings[r]) >= 0 ? 1.0 : -1.0) * (r == 0 ? 1.0 : -1.0);
    for (std::size_t i = 0; i + 1 < rings[r].size(); ++i) {
      const Point &from = rings[r][i], &to = rings[r][i + 1];
      if (rule == PixelRule::centre)
        centre_crossings(from, to, sign, first_row, row_end, crossings);
      else
        share_crossings({from.x, from.y}, {to.x, to.y}, sign, first_row, row_end, crossings);
    }
  }
  add_transfers(crossings, pixels);
}

}  // namespace millesime
