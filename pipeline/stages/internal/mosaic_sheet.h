#pragma once
// The layers of a mosaic, and a part of it as files.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/context.h"
#include "pipeline/stages/mosaic.h"

namespace millesime {

enum class MapLayer { classes, confidence, validity, uncertainty, level1, deepest };

inline bool is_of_classes(MapLayer layer) { return layer == MapLayer::classes || layer == MapLayer::level1 || layer == MapLayer::deepest; }

// Of a layer of classes: that of the tiles' own files.
PixelType widest_type(const std::vector<TileMaps>& tiles, MapLayer layer);

struct MosaicFile {
  MapLayer layer;
  std::string path;
  PixelType type = PixelType::u8;
};

// Number of the grid's first column (row) counted from the origin of the reference system, so that nodes and sheets have fixed positions.
std::int64_t absolute_col(const Grid& grid);
std::int64_t absolute_row(const Grid& grid);

// Writes the window `sheet` of the mosaic on `grid`. Returns pixels, pixels with a class, and tiles. `pixels_of_code`: counts them by
// class.
nlohmann::json write_sheet(const std::vector<TileMaps>& tiles, const Grid& grid, const Window& sheet, const std::vector<MosaicFile>& files,
                           const Context& context, std::vector<std::int64_t>* pixels_of_code = nullptr);

}  // namespace millesime
