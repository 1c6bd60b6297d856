#include "pipeline/core/series_rows.h"

#include <algorithm>
#include <cmath>

#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr int kMargin = 3;  // group rows beyond a position: cubic convolution reads two, and one for rounding

// Rows [first, first + n) of each plane of `rows` rows.
template <class T>
HostNumbers<T> cut(const HostNumbers<T>& planes, int rows, int cols, int first, int n) {
  const auto plane = std::ptrdiff_t{rows} * cols, begin = std::ptrdiff_t{first} * cols, size = std::ptrdiff_t{n} * cols;
  HostNumbers<T> part;
  part.reserve(planes.size() / static_cast<std::size_t>(rows) * static_cast<std::size_t>(n));
  for (auto at = planes.begin(); at != planes.end(); at += plane) part.insert(part.end(), at + begin, at + begin + size);
  return part;
}

}  // namespace

Series rows_of(const Series& series, int first, int n) {
  const Window& window = series.window;
  MILLESIME_CHECK(first >= 0 && n > 0 && first + n <= window.height, "rows ", first, " to ", first + n, " of ", window.height);
  Series part;
  part.window = {window.col, window.row + first, window.width, n};
  part.dates = series.dates;
  part.bands = series.bands;
  part.mask_rules = series.mask_rules;
  part.masks = cut(series.masks, window.height, window.width, first, n);
  for (const BandGroup& group : series.groups) {
    const auto row_at = [&](int row) { return static_cast<int>(std::floor(row * group.row_scale + group.row_offset)); };
    const int begin = std::clamp(row_at(first) - kMargin, 0, group.rows - 1);
    const int end = std::clamp(row_at(first + n - 1) + 1 + kMargin, begin + 1, group.rows);
    BandGroup rows = {group.bands, group.cols, end - begin, group.col_scale, group.col_offset, group.row_scale, 0, {}};
    rows.row_offset = group.row_offset + first * group.row_scale - begin;
    rows.samples = cut(group.samples, group.rows, group.cols, begin, end - begin);
    part.groups.push_back(std::move(rows));
  }
  return part;
}

}  // namespace millesime
