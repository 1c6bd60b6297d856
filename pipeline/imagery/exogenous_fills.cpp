#include "pipeline/imagery/exogenous_fills.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "pipeline/core/error.h"
#include "pipeline/core/table_numbers.h"
#include "pipeline/imagery/exogenous.h"

namespace millesime {
namespace {

constexpr std::int64_t kMostPixels = 4 << 20;     // of all bands, that are looked at
constexpr std::int64_t kFewestPixels = 64 << 10;  // of each band
constexpr int kMostRows = 256;                    // of a block

// The number as it is stored: integers exactly.
double stored(float value, const BandInfo& info) {
  if (!info.has_scale || info.scale == 0) return static_cast<double>(value);
  const double number = (static_cast<double>(value) - info.offset) / info.scale;
  return info.type == PixelType::f32 ? static_cast<double>(static_cast<float>(number)) : std::round(number);
}

double end_of_bytes(const BandInfo& info) { return info.is_int8 ? -128 : 255; }

std::string text_of(double value) {
  return std::abs(value) < 1e15 && value == std::floor(value) ? join_text(static_cast<std::int64_t>(value)) : join_text(value);
}

// Blocks spread over the raster: all of them if they are few.
std::vector<Window> blocks_to_look_at(const RasterInfo& info, std::int64_t most_pixels) {
  const Window whole = info.grid.whole();
  const int width = std::clamp(info.block_width, 1, whole.width),
            height = std::clamp(info.block_height, 1, std::min(kMostRows, whole.height));
  const std::int64_t across = (whole.width + width - 1) / width, down = (whole.height + height - 1) / height;
  const std::int64_t all = across * down, pixels = std::int64_t{width} * height;
  const std::int64_t n = std::clamp<std::int64_t>(most_pixels / pixels, 1, all);
  std::vector<Window> blocks;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t block = (2 * i + 1) * all / (2 * n);  // the middle of each n-th part
    blocks.push_back(
        Window{static_cast<int>(block % across) * width, static_cast<int>(block / across) * height, width, height}.intersect(whole));
  }
  return blocks;
}

std::vector<double> told_by(const ExogenousOptions& entry) {
  std::vector<double> numbers;
  for (const std::string& text : entry.nodata) {
    if (text == "none") continue;
    const auto number = parse_number(text);
    if (!number) throw UserError(join_text("exogenous input ", entry.name, ": nodata: expected numbers, or none, got \"", text, "\""));
    numbers.push_back(std::abs(number->value) > kMaxMagnitude ? number->value : static_cast<double>(static_cast<float>(number->value)));
  }
  return numbers;
}

bool occurs(double number, const RasterReader& raster, int band, const Window& where) {
  const BandInfo& info = raster.info().each[static_cast<std::size_t>(band)];
  std::vector<float> values;
  for (int row = 0; row < where.height; row += kMostRows) {
    const Window rows{where.col, where.row + row, where.width, std::min(kMostRows, where.height - row)};
    values.resize(static_cast<std::size_t>(rows.pixels()));
    raster.read_numbers(rows, band, values.data());
    if (std::ranges::any_of(values, [&](float value) { return !std::isnan(value) && stored(value, info) == number; })) return true;
  }
  return false;
}

// Whether all pixels of this value hang together with the edge of the raster, as those that gdalwarp leaves around a rotated image do. Of
// a raster too large to look at as a whole nobody says so.
bool is_frame(double number, const RasterReader& raster, int band) {
  constexpr std::int64_t kLargest = 16 << 20;  // px
  const BandInfo& info = raster.info().each[static_cast<std::size_t>(band)];
  const Window whole = raster.grid().whole();
  if (whole.pixels() > kLargest) return false;
  enum State : char { other, open, reached };
  std::vector<char> states(static_cast<std::size_t>(whole.pixels()), other);
  const auto at = [&](int col, int row) -> char& {
    return states[static_cast<std::size_t>(row) * static_cast<std::size_t>(whole.width) + static_cast<std::size_t>(col)];
  };
  std::vector<float> values;
  for (int row = 0; row < whole.height; row += kMostRows) {
    const Window rows{0, row, whole.width, std::min(kMostRows, whole.height - row)};
    values.resize(static_cast<std::size_t>(rows.pixels()));
    raster.read_numbers(rows, band, values.data());
    std::ranges::transform(values, states.begin() + std::int64_t{row} * whole.width,
                           [&](float value) { return !std::isnan(value) && stored(value, info) == number ? open : other; });
  }
  std::vector<std::pair<int, int>> next;
  const auto reach = [&](int col, int row) {
    if (!whole.contains(col, row) || at(col, row) != open) return;
    at(col, row) = reached;
    next.emplace_back(col, row);
  };
  for (int col = 0; col < whole.width; ++col) reach(col, 0), reach(col, whole.height - 1);
  for (int row = 0; row < whole.height; ++row) reach(0, row), reach(whole.width - 1, row);
  while (!next.empty()) {
    const auto [col, row] = next.back();
    next.pop_back();
    for (int d = 0; d < 9; ++d) reach(col + d % 3 - 1, row + d / 3 - 1);
  }
  return std::ranges::find(states, open) == states.end();
}

}  // namespace

void RasterFills::hide(std::size_t input, const BandInfo& info, std::vector<float>& values) const {
  const std::vector<double>& fills = of_band[input];
  for (std::size_t i = input; i < values.size(); i += of_band.size()) {
    float& value = values[i];
    if (std::isnan(value)) continue;
    const double number = stored(value, info);
    if (std::abs(number) > kMaxMagnitude || std::ranges::find(fills, number) != fills.end())
      value = std::numeric_limits<float>::quiet_NaN();
  }
}

RasterFills find_fills(const ExogenousOptions& entry, const RasterReader& raster, const std::vector<int>& bands, const Window& read) {
  const RasterInfo& info = raster.info();
  const auto n = static_cast<std::int64_t>(bands.size());
  RasterFills found;
  found.of_band.assign(bands.size(), told_by(entry));
  if (!entry.nodata.empty() || entry.is_category()) return found;
  const auto info_of = [&](std::size_t b) -> const BandInfo& { return info.each[static_cast<std::size_t>(bands[b])]; };
  std::vector<NumberSurvey> surveys;
  for (std::size_t b = 0; b < bands.size(); ++b)
    surveys.emplace_back(info_of(b).is_byte() ? std::optional(end_of_bytes(info_of(b))) : std::nullopt);
  std::vector<float> values;
  for (const Window& block : blocks_to_look_at(info, std::max(kFewestPixels, kMostPixels / n)))
    for (std::size_t b = 0; b < bands.size(); ++b) {
      values.resize(static_cast<std::size_t>(block.pixels()));
      raster.read_numbers(block, bands[b], values.data());
      for (const float value : values)
        if (!std::isnan(value)) surveys[b].add(stored(value, info_of(b)), {});
    }
  for (std::size_t b = 0; b < bands.size(); ++b) {
    const bool bytes = info_of(b).is_byte();
    const std::string band = n > 1 ? join_text(": band ", bands[b] + 1) : std::string();
    const auto is_missing = [&](double value, std::int64_t count) {
      found.of_band[b].push_back(value);
      found.notes.push_back(join_text("exogenous input ", entry.name, band, ": ", text_of(value), " stands for a missing value (", count,
                                      " of ", surveys[b].size(), " px looked at), which ", entry.path, " does not declare"));
    };
    for (const auto& fill : surveys[b].fills())
      if (!bytes || fill.value == end_of_bytes(info_of(b))) is_missing(fill.value, fill.seen.count);
    for (const double value : surveys[b].unmet_fills()) found.of_band[b].push_back(value);
    const auto doubt = bytes ? std::nullopt : surveys[b].doubt();
    if (!doubt || std::ranges::find(found.of_band[b], doubt->value) != found.of_band[b].end()) continue;
    const bool beyond = doubt->value < doubt->low || doubt->value > doubt->high;
    if (beyond && is_frame(doubt->value, raster, bands[b])) {
      is_missing(doubt->value, doubt->seen.count);
      continue;
    }
    if (!occurs(doubt->value, raster, bands[b], read)) continue;  // it lies elsewhere
    const std::string value = text_of(doubt->value);
    throw UserError(join_text(entry.path, band, ": exogenous input ", entry.name, ": ", value, " stands in ", doubt->seen.count, " of ",
                              surveys[b].size(), " px looked at, whose other numbers are ", text_of(doubt->low), " to ",
                              text_of(doubt->high), "; say whether it stands for a missing value (nodata = [\"", value,
                              "\"] in its [[exogenous]], ,nodata=", value, " after the path in --exogenous) or is a number (none)"));
  }
  return found;
}

}  // namespace millesime
