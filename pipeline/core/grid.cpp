#include "pipeline/core/grid.h"

#include <algorithm>
#include <cmath>
#include <regex>
#include <sstream>
#include <string>
#include <utility>

#include "pipeline/core/error.h"

namespace millesime {

bool Box::intersects(const Box& other) const {
  return min_x < other.max_x && other.min_x < max_x && min_y < other.max_y && other.min_y < max_y;
}

Window Window::intersect(const Window& other) const {
  const int left = std::max(col, other.col), top = std::max(row, other.row);
  const int right = std::min(col + width, other.col + other.width);
  const int bottom = std::min(row + height, other.row + other.height);
  return {left, top, std::max(0, right - left), std::max(0, bottom - top)};
}

std::string to_text(const Window& window) {
  return join_text("col ", window.col, " row ", window.row, ", ", window.width, " x ", window.height);
}

Box Grid::extent() const { return extent(whole()); }

Box Grid::extent(const Window& window) const {
  return {x(window.col), y(window.row + window.height), x(window.col + window.width), y(window.row)};
}

Grid Grid::crop(const Window& window) const {
  return {crs, x(window.col), y(window.row), pixel_width, pixel_height, window.width, window.height};
}

Window Grid::window_of(const Box& box) const {
  // Corners that coincide up to rounding belong to the pixel they were computed from.
  constexpr double kRounding = 1e-6;
  const int left = static_cast<int>(std::floor(std::clamp(col(box.min_x) + kRounding, 0.0, double(cols))));
  const int right = static_cast<int>(std::ceil(std::clamp(col(box.max_x) - kRounding, 0.0, double(cols))));
  const int top = static_cast<int>(std::floor(std::clamp(row(box.max_y) + kRounding, 0.0, double(rows))));
  const int bottom = static_cast<int>(std::ceil(std::clamp(row(box.min_y) - kRounding, 0.0, double(rows))));
  return {left, top, std::max(0, right - left), std::max(0, bottom - top)};
}

namespace {

// A definition in WKT as a GeoTIFF gives it back: without identifiers, usage and the names of the projection, its axes and its metres.
std::string defined_parameters(const std::string& wkt) {
  static const std::pair<std::regex, std::string> rules[] = {
      {std::regex(R"re(,USAGE\[SCOPE\["[^"]*"\],AREA\["[^"]*"\],BBOX\[[^\]]*\]\])re"), ""},
      {std::regex(R"re(,ID\["[^"]*",(?:"[^"]*"|[0-9.]+)\])re"), ""},
      {std::regex(R"re(CONVERSION\["[^"]*")re"), "CONVERSION["},
      {std::regex(R"re(AXIS\["[^"]*")re"), "AXIS["},
      {std::regex(R"re(LENGTHUNIT\["[^"]*",1\])re"), "LENGTHUNIT[1]"}};
  std::string text = wkt;
  for (const auto& [form, plain] : rules) text = std::regex_replace(text, form, plain);
  return text;
}

bool same_system(const std::string& a, const std::string& b) {
  return a == b || (a.starts_with("PROJCRS") && b.starts_with("PROJCRS") && defined_parameters(a) == defined_parameters(b));
}

}  // namespace

bool Grid::same_as(const Grid& other) const {
  if (!same_system(crs, other.crs) || cols != other.cols || rows != other.rows) return false;
  const double tolerance_x = pixel_width / 100, tolerance_y = pixel_height / 100;
  return std::abs(x0 - other.x0) < tolerance_x && std::abs(y0 - other.y0) < tolerance_y &&
         std::abs(x(cols) - other.x(cols)) < tolerance_x && std::abs(y(rows) - other.y(rows)) < tolerance_y;
}

std::string to_text(const Grid& grid) {
  std::ostringstream text;
  text.precision(12);
  text << grid.crs << ", " << grid.cols << " x " << grid.rows << " px of " << grid.pixel_width << " x " << grid.pixel_height << " at ("
       << grid.x0 << ", " << grid.y0 << ")";
  return text.str();
}

void require_same(const Grid& expected, const Grid& got, const std::string& what) {
  if (expected.same_as(got)) return;
  throw UserError(
      join_text(what, ": expected the grid ", to_text(expected), ", got ", to_text(got),
                !same_system(expected.crs, got.crs) ? "; grids of different CRS cannot be combined, reproject one of them" : ""));
}

std::vector<Window> split(const Window& whole, int block_width, int block_height, std::int64_t max_pixels) {
  MILLESIME_CHECK(block_width > 0 && block_height > 0, "block ", block_width, " x ", block_height);
  block_width = std::min(block_width, std::max(1, whole.width));
  block_height = std::min(block_height, std::max(1, whole.height));
  // Grow in rows of blocks first, then in whole block rows, so that a striped file is read in the order it is stored.
  const std::int64_t blocks = std::max<std::int64_t>(1, max_pixels / (std::int64_t{block_width} * block_height));
  const int blocks_across = (whole.width + block_width - 1) / block_width;
  const int across = static_cast<int>(std::min<std::int64_t>(blocks, blocks_across));
  const int down = across == blocks_across ? static_cast<int>(std::max<std::int64_t>(1, blocks / blocks_across)) : 1;
  const int width = across * block_width, height = down * block_height;
  std::vector<Window> windows;
  for (int row = 0; row < whole.height; row += height)
    for (int col = 0; col < whole.width; col += width)
      windows.push_back({whole.col + col, whole.row + row, std::min(width, whole.width - col), std::min(height, whole.height - row)});
  return windows;
}

}  // namespace millesime
