#include "pipeline/stages/map_units.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "pipeline/core/chance.h"
#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/geodesy.h"

namespace millesime {
namespace {

// A strip of the map, and a row of units in it.
struct Strip {
  Window window;
  std::vector<std::uint16_t> classes, strata;  // of its pixels
  std::vector<std::int64_t> cm2;               // of the pixels of the row of units, where areas are wanted
};

struct Units {
  std::vector<std::uint16_t> classes, strata;
  std::vector<std::int32_t> pixels;
  std::vector<std::int64_t> cm2;
};

// Units that are pixels.
void take(const Strip& strip, int row, Units& units) {
  const std::size_t first = static_cast<std::size_t>(row) * static_cast<std::size_t>(strip.window.width);
  for (std::size_t unit = 0; unit < units.classes.size(); ++unit) {
    units.classes[unit] = strip.classes[first + unit];
    units.strata[unit] = strip.strata.empty() ? units.classes[unit] : strip.strata[first + unit];
    units.pixels[unit] = units.classes[unit] != 0;
    if (!strip.cm2.empty()) units.cm2[unit] = strip.cm2[unit];
  }
}

// The blocks of `height` rows of pixels from row `top` of the strip on.
void gather(const Strip& strip, int top, int height, int side, Units& units) {
  const std::size_t cols = static_cast<std::size_t>(strip.window.width), across = static_cast<std::size_t>(side);
  std::vector<int> classes, strata;  // of one unit
  for (std::size_t unit = 0; unit < units.classes.size(); ++unit) {
    classes.clear(), strata.clear();
    std::int64_t cm2 = 0;
    for (int row = top; row < top + height; ++row)
      for (std::size_t col = unit * across; col < std::min(cols, (unit + 1) * across); ++col) {
        const std::size_t i = static_cast<std::size_t>(row) * cols + col;
        if (strip.classes[i] == 0) continue;
        classes.push_back(strip.classes[i]);
        if (!strip.strata.empty()) strata.push_back(strip.strata[i]);
        if (!strip.cm2.empty()) cm2 += strip.cm2[i - static_cast<std::size_t>(top) * cols];
      }
    units.classes[unit] = static_cast<std::uint16_t>(classes.empty() ? 0 : most_frequent(classes));
    units.strata[unit] =
        strip.strata.empty() ? units.classes[unit] : static_cast<std::uint16_t>(strata.empty() ? 0 : most_frequent(strata));
    units.pixels[unit] = static_cast<std::int32_t>(classes.size()), units.cm2[unit] = cm2;
  }
}

}  // namespace

int most_frequent(const std::vector<int>& values) {
  std::vector<std::pair<int, int>> counts;  // value, number: in the order of their first
  for (const int value : values) {
    const auto at = std::ranges::find(counts, value, &std::pair<int, int>::first);
    if (at == counts.end())
      counts.emplace_back(value, 1);
    else
      ++at->second;
  }
  return std::ranges::max_element(counts, {}, &std::pair<int, int>::second)->first;
}

int block_side(const Grid& grid, double block_metres, const std::string& map) {
  if (in_degrees(grid.crs))
    throw UserError(join_text(map,
                              ": its pixels are in degrees, and a block is a square of metres; expected a map in a projected system: "
                              "warp it, or draw points (--unit point)"));
  const double metres = metres_per_unit(grid.crs).value_or(1), width = grid.pixel_width * metres, height = grid.pixel_height * metres;
  const double across = block_metres / width, down = block_metres / height;
  const auto is_whole = [](double pixels) { return pixels > 0.5 && std::abs(pixels - std::round(pixels)) < 1e-6 * pixels; };
  if (!is_whole(across) || !is_whole(down) || std::round(across) != std::round(down))
    throw UserError(join_text("block_size: expected a multiple of the pixels of ", map, ", ", width, " x ", height, " m, got ",
                              block_metres, " m; use ", std::max(1.0, std::round(across)) * width, " m"));
  return static_cast<int>(std::round(across));
}

MapUnits::MapUnits(const std::string& map, const std::string& strata, int side, const Context& context)
    : side_(side), context_(context), map_(open_map(map, MapKind::classes, context)) {
  if (strata.empty()) return;
  strata_.emplace(open_map(strata, MapKind::classes, context));
  require_same(map_.grid(), strata_->grid(), strata + " and " + map);
}

Box MapUnits::square(int col, int row) const {
  return grid().extent(Window{col * side_, row * side_, side_, side_}.intersect(grid().whole()));
}

void MapUnits::each_row(const char* what, With with, const std::function<void(const UnitRow&)>& each) const {
  const Grid& grid = map_.grid();
  // Where the system has no place on the earth, a pixel is as large as its sides say.
  std::optional<PixelAreas> areas;
  if (with == With::areas) areas = pixel_areas(grid);
  const auto nominal = static_cast<std::int64_t>(std::llround(grid.pixel_width * grid.pixel_height * 1e4));
  const std::size_t cols = static_cast<std::size_t>(grid.cols), across = static_cast<std::size_t>(this->cols());
  Units units{std::vector<std::uint16_t>(across), std::vector<std::uint16_t>(across), std::vector<std::int32_t>(across),
              std::vector<std::int64_t>(across)};
  Strip strip;
  std::vector<std::int64_t> row_cm2;
  context_.progress->start(what, grid.rows, "rows");
  const int height = std::max(side_, kMapBlock / side_ * side_);
  for (int first = 0; first < grid.rows; first += height) {
    strip.window = Window{0, first, grid.cols, std::min(height, grid.rows - first)};
    const auto pixels = static_cast<std::size_t>(strip.window.pixels());
    strip.classes.resize(pixels);
    map_.read(strip.window, strip.classes.data());
    if (strata_) {
      strip.strata.resize(pixels);
      strata_->read(strip.window, strip.strata.data());
    }
    for (int top = 0; top < strip.window.height; top += side_) {
      const int rows = std::min(side_, strip.window.height - top);
      if (with == With::areas) {
        strip.cm2.assign(cols * static_cast<std::size_t>(rows), nominal);
        for (int row = 0; areas && row < rows; ++row) {
          areas->row_cm2(0, first + top + row, grid.cols, row_cm2);
          std::ranges::copy(row_cm2, strip.cm2.begin() + std::ptrdiff_t{row} * grid.cols);
        }
      }
      if (side_ == 1)
        take(strip, top, units);
      else
        gather(strip, top, rows, side_, units);
      each({(first + top) / side_, units.strata.data(), units.classes.data(), units.pixels.data(),
            with == With::areas ? units.cm2.data() : nullptr});
    }
    context_.progress->advance(strip.window.height);
  }
  context_.progress->finish();
}

std::vector<std::int64_t> draw_units(std::int64_t n, std::int64_t count, std::mt19937_64& random) {
  std::set<std::int64_t> chosen;
  for (std::int64_t j = n - count; j < n; ++j) {
    const auto rank = static_cast<std::int64_t>(below(random, static_cast<std::uint64_t>(j) + 1));
    chosen.insert(chosen.contains(rank) ? j : rank);
  }
  return {chosen.begin(), chosen.end()};
}

}  // namespace millesime
