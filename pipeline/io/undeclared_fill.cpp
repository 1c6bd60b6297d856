#include "pipeline/io/internal/undeclared_fill.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "pipeline/core/counted.h"
#include "pipeline/core/text.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sample_unit.h"
#include "pipeline/io/sensors/layout.h"

namespace millesime {
namespace {

constexpr std::array kFills = {-9999.0, -32768.0, -32767.0, -10000.0, -99999.0};

// What a number of the file becomes.
double unit_of(double number, const BandInfo& band, const Encoding& encoding) {
  if (encoding.kind == Encoding::Kind::stated) {
    const UnitScale scale = unit_scale(band);
    return number * scale.factor + scale.offset;
  }
  if (encoding.kind == Encoding::Kind::file) return (number * band.scale + band.offset) * encoding.factor + encoding.offset;
  return number * encoding.factor + encoding.offset;
}

}  // namespace

std::optional<UndeclaredFill> undeclared_fill(const RasterReader& file, const Layer& layer, const std::string& band) {
  const BandInfo& info = file.info().each[static_cast<std::size_t>(layer.band)];
  const Encoding& encoding = layer.encoding;
  const bool is_declared = info.nodata || info.has_mask || encoding.nodata || encoding.least || encoding.kind == Encoding::Kind::power;
  if (is_declared || info.type == PixelType::u8 || info.type == PixelType::u16) return std::nullopt;
  std::map<double, std::int64_t> pixels;  // of each number that would be a value
  for (const double fill : kFills)
    if (to_sample(unit_of(fill, info, encoding)) != kNodata) pixels[fill] = 0;
  if (pixels.empty()) return std::nullopt;

  const auto blocks = [](int size, int block) { return (size + block - 1) / block; };
  const int width = file.info().block_width, height = file.info().block_height;
  const int right = blocks(file.grid().cols, width) - 1, bottom = blocks(file.grid().rows, height) - 1;
  Encoding as_stored;
  as_stored.kind = Encoding::Kind::linear;
  std::int64_t of = 0;
  for (const auto& [col, row] : std::set<std::pair<int, int>>{{0, 0}, {right, 0}, {right / 2, bottom / 2}, {0, bottom}, {right, bottom}}) {
    const std::vector<double> values = file.block_in_unit(layer.band, col, row, as_stored);
    const Window inside = Window{col * width, row * height, width, height}.intersect(file.grid().whole());
    of += inside.pixels();
    for (int r = 0; r < inside.height; ++r)
      for (int c = 0; c < inside.width; ++c)
        if (const auto fill =
                pixels.find(values[static_cast<std::size_t>(r) * static_cast<std::size_t>(width) + static_cast<std::size_t>(c)]);
            fill != pixels.end())
          ++fill->second;
  }
  const auto most = std::ranges::max_element(pixels, {}, &std::pair<const double, std::int64_t>::second);
  if (most->second == 0) return std::nullopt;
  return UndeclaredFill{layer.file, band, most->first, most->second, of};
}

std::string note_on_fills(const std::vector<FoundProduct>& products) {
  std::set<std::string> files, bands;
  std::set<double> numbers;
  const UndeclaredFill* worst = nullptr;
  const auto share = [](const UndeclaredFill& fill) { return static_cast<double>(fill.pixels) / static_cast<double>(fill.of); };
  for (const FoundProduct& product : products)
    for (const UndeclaredFill& fill : product.fills) {
      files.insert(fill.file), bands.insert(fill.band), numbers.insert(fill.number);
      if (!worst || share(fill) > share(*worst)) worst = &fill;
    }
  if (!worst) return "";
  std::vector<std::string> texts;
  for (const double number : numbers) texts.push_back(fixed(number, 0));
  constexpr double kPercent = 100;
  return join_text(counted(files.size(), "file"), " of ", join_list({bands.begin(), bands.end()}, ", "), " with numbers ",
                   join_list(texts, ", "), " that nothing declares as no data, so that they are read as values: up to ",
                   fixed(std::max(0.1, kPercent * share(*worst)), 1), " % of the pixels in the corners and the middle of ", worst->file,
                   "; unless masks cover them, set nodata = ", fixed(worst->number, 0),
                   " in a sensor file of yours, or gdal_edit.py -a_nodata ", fixed(worst->number, 0), " in the files");
}

}  // namespace millesime
