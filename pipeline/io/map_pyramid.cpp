#include "pipeline/io/map_pyramid.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include <cpl_conv.h>
#include <cpl_string.h>
#include <cpl_vsi.h>
#include <gdal.h>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/picture.h"
#include "pipeline/io/raster_file.h"

namespace millesime {
namespace {

constexpr int kCoarsest = 512;  // px, the longer side of the coarsest level at most

int divided(int length, int factor) { return (length + factor - 1) / factor; }

std::string packed(const std::vector<std::uint8_t>& values) {
  if (std::ranges::all_of(values, [](std::uint8_t value) { return value == 0; })) return "";
  constexpr int kBest = 9;
  std::size_t size = 0;
  void* bytes = CPLZLibDeflate(values.data(), values.size(), kBest, nullptr, 0, &size);
  MILLESIME_CHECK(bytes, "zlib does not compress ", values.size(), " bytes");
  char* text = CPLBase64Encode(static_cast<int>(size), static_cast<const GByte*>(bytes));
  std::string result = text;
  CPLFree(text);
  VSIFree(bytes);
  return result;
}

// Nothing if its tiles have more than `most_bytes`. Rows of tiles are read one at a time.
std::optional<PyramidLevel> read_level(const std::string& path, GDALDatasetH dataset, const Grid& whole, int factor, std::size_t most_bytes,
                                       const std::vector<std::uint8_t>& value) {
  PyramidLevel level{factor, divided(whole.cols, factor), divided(whole.rows, factor), {}};
  std::vector<std::uint16_t> band;
  std::vector<std::uint8_t> tile;
  std::size_t bytes = 0;
  for (int row = 0; row < level.rows; row += kPyramidTile) {
    const int height = std::min(kPyramidTile, level.rows - row), top = row * factor, source = std::min(whole.rows - top, height * factor);
    band.resize(static_cast<std::size_t>(level.cols) * static_cast<std::size_t>(height));
    const GdalMessages messages;
    if (GDALRasterIO(GDALGetRasterBand(dataset, 1), GF_Read, 0, top, whole.cols, source, band.data(), level.cols, height, GDT_UInt16, 0,
                     0) != CE_None)
      throw UserError(join_text(path, ": cannot be read at reduced size; the file is damaged, compute it again. ", messages.text()));
    for (int col = 0; col < level.cols; col += kPyramidTile) {
      const int width = std::min(kPyramidTile, level.cols - col);
      tile.clear();
      for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
          tile.push_back(
              value[band[static_cast<std::size_t>(y) * static_cast<std::size_t>(level.cols) + static_cast<std::size_t>(col + x)]]);
      level.tiles.push_back(packed(tile));
      bytes += level.tiles.back().size();
      if (bytes > most_bytes) return std::nullopt;
    }
  }
  return level;
}

std::vector<PyramidLevel> pyramid(const std::string& path, std::size_t most_bytes, const std::vector<std::uint8_t>& value) {
  const RasterReader reader(path);  // checks what it is
  const Grid& whole = reader.grid();
  const DatasetHandle dataset(GDALOpen(path.c_str(), GA_ReadOnly));
  MILLESIME_CHECK(dataset, path, " is not there any more");
  int factor = 1;
  while (divided(std::max(whole.cols, whole.rows), factor) > kCoarsest) factor *= 2;
  std::vector<PyramidLevel> levels;
  std::size_t left = SIZE_MAX;  // the coarsest has no limit
  for (; factor >= 1; factor /= 2) {
    std::optional<PyramidLevel> level = read_level(path, dataset.get(), whole, factor, left, value);
    if (!level) break;
    levels.push_back(std::move(*level));
    std::size_t bytes = 0;
    for (const PyramidLevel& made : levels)
      for (const std::string& tile : made.tiles) bytes += tile.size();
    if (bytes >= most_bytes) break;
    left = most_bytes - bytes;
  }
  return levels;
}

}  // namespace

std::vector<PyramidLevel> read_pyramid(const std::string& path, std::size_t most_bytes) {
  std::vector<std::uint8_t> value(std::size_t{UINT16_MAX} + 1, UINT8_MAX);
  for (std::size_t i = 0; i < UINT8_MAX; ++i) value[i] = static_cast<std::uint8_t>(i);
  return pyramid(path, most_bytes, value);
}

std::vector<PyramidLevel> read_class_pyramid(const std::string& path, std::size_t most_bytes, const Nomenclature& nomenclature) {
  return pyramid(path, most_bytes, picture_values(nomenclature));
}

}  // namespace millesime
