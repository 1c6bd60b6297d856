#pragma once
// Inside pipeline/io only: the files of a tile's census, as SeriesReader reads them.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/block_rims.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/internal/group_layout.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"

namespace millesime {

// A file of a pass: one band, or one mask plane (T is what a Series holds of it).
template <class T>
struct LayerFile {
  std::string layer;  // its key in Product::files
  Grid grid;          // expected
  BlockRims<T> rims;
  bool stays_open = false;
  std::optional<RasterReader> reader;
  std::int64_t blocks = 0;  // of the file; 0 until it is read

  LayerFile(std::string name, const Grid& file_grid, int keep) : layer(std::move(name)), grid(file_grid), rims(keep) {}
};

struct PassFiles {
  const Product* product = nullptr;
  std::vector<LayerFile<std::int16_t>> bands;
  std::vector<LayerFile<std::uint8_t>> masks;
};

// Buffers of a thread for decompressed blocks.
struct Scratch {
  std::vector<std::int16_t> band;
  std::vector<std::uint8_t> mask;
};

struct SeriesReader::Impl {
  Census census;
  std::vector<std::string> bands;
  int threads = 1;
  std::vector<MaskPlane> planes;
  std::size_t edge_plane = 0;
  std::vector<GroupLayout> groups;
  int reach = 0;                                      // see reach_of(); of all groups
  int block_width = 1, block_height = 1;              // whole blocks of the files of every resolution, in tile pixels
  mutable std::vector<std::vector<PassFiles>> files;  // [date][pass]; each date is read by one thread at a time

  std::string context(const Product& product) const {
    return join_text("tile ", census.tile, ", ", product.date.iso(), ", ", product.name);
  }

  const GroupLayout& add_to_group(int band, const Grid& grid) {
    auto group = std::ranges::find_if(groups, [&](const GroupLayout& known) { return known.grid.same_as(grid); });
    if (group == groups.end()) group = groups.insert(groups.end(), layout_of(census.grid, grid));
    group->bands.push_back(band);
    return *group;
  }
  const GroupLayout& group_of(std::size_t band) const {
    return *std::ranges::find_if(
        groups, [&](const GroupLayout& group) { return std::ranges::find(group.bands, static_cast<int>(band)) != group.bands.end(); });
  }

  // A block of a file of which a tile pixel is col_scale x row_scale pixels.
  void add_block(const RasterInfo& file, double col_scale, double row_scale) {
    constexpr std::int64_t kLargest = 2048;  // if the block sizes of the files do not match, the larger ones are used
    const auto join = [](int known, int block, int file_size, double scale, int tile_size) {
      const std::int64_t size = block >= file_size ? tile_size : std::lround(block / scale);
      if (known >= tile_size || size >= tile_size) return tile_size;
      const std::int64_t both = std::lcm(std::int64_t{known}, size);
      return static_cast<int>(std::min<std::int64_t>(both <= kLargest ? both : std::max<std::int64_t>(known, size), tile_size));
    };
    block_width = join(block_width, file.block_width, file.grid.cols, col_scale, census.grid.cols);
    block_height = join(block_height, file.block_height, file.grid.rows, row_scale, census.grid.rows);
  }

  void plan_files();

  template <class T>
  void read_layer(const Product& product, LayerFile<T>& file, const Window& window, T* samples, std::vector<T>& scratch) const try {
    std::optional<RasterReader> opened;
    if (!file.reader) {
      const std::string path = product.path + "/" + product.files.at(file.layer);
      opened.emplace(path, image_drivers());
      if (!opened->grid().same_as(file.grid))
        throw UserError(join_text(path, ": expected the grid ", to_text(file.grid), ", got ", to_text(opened->grid()),
                                  "; the file changed since the census, run the catalog stage again"));
      const RasterInfo& info = opened->info();
      const auto blocks = [](int size, int block) { return (size + block - 1) / block; };
      file.blocks = std::int64_t{blocks(info.grid.cols, info.block_width)} * blocks(info.grid.rows, info.block_height);
      if (file.stays_open) file.reader = std::move(opened);
    }
    const RasterReader& reader = file.reader ? *file.reader : *opened;
    file.rims.read(reader, window, samples, scratch);
  } catch (const UserError& error) {
    throw with_context(context(product), error);
  }

  // Pointers to the samples of one date and window.
  struct DateView {
    std::vector<std::int16_t*> groups;  // [band of the group][row][col] each
    std::uint8_t* masks = nullptr;      // [mask plane][pixel]
  };
  // An edge mask over more than the window, for days of several passes.
  struct Edge {
    Window around;
    std::vector<std::uint8_t> samples;
  };
  void read_date(std::size_t date, const Window& window, const DateView& view, Scratch& scratch) const;
  void read_pass(PassFiles& pass, const Window& window, const DateView& view, Edge* edge, Scratch& scratch) const;
  void fill_from(PassFiles& pass, const Window& window, Edge& edge, const DateView& date, Scratch& scratch) const;
  Window window_around(const Window& window) const;
};

}  // namespace millesime
