#include "pipeline/coverage/pixel_transfer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "pipeline/coverage/internal/crossings.h"

namespace millesime {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }

// A pixel belongs to the side of its centre: edges count where they cross the line of the centres.
void centre_crossings(const Vertex& from, const Vertex& to, int fine, double sign, std::vector<Crossing>& crossings) {
  if (from.y == to.y) return;
  const bool south = to.y > from.y;
  const Vertex &a = south ? from : to, &b = south ? to : from;
  const std::int64_t ax = std::int64_t{a.x} * fine, ay = std::int64_t{a.y} * fine, dx = std::int64_t{b.x} * fine - ax,
                     dy = std::int64_t{b.y} * fine - ay;
  constexpr std::int64_t kHalf = kPixel / 2;
  const auto first_centre_from = [&](std::int64_t y) { return -floor_div(-(y - kHalf), kPixel); };  // smallest row with centre >= y
  for (std::int64_t row = first_centre_from(ay); row < first_centre_from(ay + dy); ++row) {
    const std::int64_t down = row * kPixel + kHalf - ay;
    // The first column with its centre east of, or on, x = ax + down * dx / dy. Products stay below 2^63: dy is at most a block.
    const std::int64_t whole = floor_div(ax, kPixel), rest = ax - whole * kPixel;
    const std::int64_t col = whole - floor_div(-((rest - kHalf) * dy + down * dx), kPixel * dy);
    crossings.push_back({static_cast<std::int32_t>(row), static_cast<std::int32_t>(col), south ? sign : -sign, south ? sign : -sign});
  }
}

}  // namespace

void share_crossings(const PixelPlace& from, const PixelPlace& to, double sign, std::int64_t first_row, std::int64_t row_end,
                     std::vector<Crossing>& crossings) {
  if (from.y == to.y) return;
  const bool south = to.y > from.y;
  const PixelPlace &a = south ? from : to, &b = south ? to : from;
  const double slope = (b.x - a.x) / (b.y - a.y), direction = south ? sign : -sign;
  const auto x_at = [&](double y) { return std::clamp(a.x + (y - a.y) * slope, std::min(a.x, b.x), std::max(a.x, b.x)); };
  const auto last = static_cast<double>(row_end);
  for (auto row = std::max(first_row, static_cast<std::int64_t>(std::floor(a.y))); static_cast<double>(row) < std::min(b.y, last); ++row) {
    const double top = std::max(a.y, static_cast<double>(row)), bottom = std::min(b.y, static_cast<double>(row + 1));
    if (!(top < bottom)) continue;
    const double xt = top == a.y ? a.x : x_at(top), xb = bottom == b.y ? b.x : x_at(bottom);
    const double west = std::min(xt, xb), east = std::max(xt, xb);
    const auto first = static_cast<std::int64_t>(std::floor(west));
    for (std::int64_t col = first; col == first || static_cast<double>(col) < east; ++col) {
      const double left = std::max(west, static_cast<double>(col)), right = std::min(east, static_cast<double>(col + 1));
      const double height = east > west ? (bottom - top) * (right - left) / (east - west) : bottom - top;
      const double covered = static_cast<double>(col + 1) - (left + right) / 2;  // of the pixel's width, east of the edge
      crossings.push_back(
          {static_cast<std::int32_t>(row), static_cast<std::int32_t>(col), direction * height, direction * height * covered});
    }
  }
}

void add_transfers(std::vector<Crossing>& crossings, std::vector<PixelTransfer>& transfers) {
  std::ranges::sort(crossings, [](const Crossing& a, const Crossing& b) { return a.row != b.row ? a.row < b.row : a.col < b.col; });
  for (std::size_t i = 0; i < crossings.size();) {
    const std::int32_t row = crossings[i].row;
    double cover = 0;
    while (i < crossings.size() && crossings[i].row == row) {
      const std::int32_t col = crossings[i].col;
      double here = cover;
      for (; i < crossings.size() && crossings[i].row == row && crossings[i].col == col; ++i)
        cover += crossings[i].cover, here += crossings[i].area;
      const auto push = [&](std::int32_t first, std::int32_t end, double share) {
        if (const std::int64_t weight = std::llround(share * static_cast<double>(kWholePixel)); weight != 0 && first < end)
          transfers.push_back({row, first, end, weight});
      };
      push(col, col + 1, here);
      if (i < crossings.size() && crossings[i].row == row) push(col + 1, crossings[i].col, cover);
    }
  }
}

void transfers_of(const Arc& arc, int fine, PixelRule rule, std::vector<PixelTransfer>& transfers) {
  transfers.clear();
  if (arc.exact) return;
  thread_local std::vector<Crossing> crossings;
  crossings.clear();
  const double scale = static_cast<double>(fine) / kPixel;
  const auto place = [&](const Vertex& v) { return PixelPlace{v.x * scale, v.y * scale}; };
  constexpr std::int64_t kAllRows = std::numeric_limits<std::int32_t>::max();
  const auto add = [&](const std::vector<Vertex>& line, double sign) {
    for (std::size_t i = 0; i + 1 < line.size(); ++i)
      if (rule == PixelRule::centre)
        centre_crossings(line[i], line[i + 1], fine, sign, crossings);
      else
        share_crossings(place(line[i]), place(line[i + 1]), sign, -kAllRows, kAllRows, crossings);
  };
  add(arc.line, 1);
  add(arc.lattice, -1);
  add_transfers(crossings, transfers);
}

std::int64_t transferred_area(const Arc& arc) {
  const Vertex origin = arc.lattice.front();
  const auto twice = [&](const std::vector<Vertex>& line) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i + 1 < line.size(); ++i)
      sum -= (std::int64_t{line[i].x} - origin.x + line[i + 1].x - origin.x) * (std::int64_t{line[i + 1].y} - line[i].y);
    return sum;
  };
  return twice(arc.line) - twice(arc.lattice);
}

}  // namespace millesime
