#pragma once
// Inside pipeline/io only: the files of a tile's census, as SeriesReader reads them.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/block_rims.h"
#include "pipeline/io/internal/border_blocks.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/internal/group_layout.h"
#include "pipeline/io/internal/read_grid.h"
#include "pipeline/io/internal/visible_cells.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/series_reader.h"

namespace millesime {

// Where a file lies in the grid on which its layer is read.
enum class Placement { same, shifted, warped };

// A file of several dates, open once for all of them; threads that read different dates take turns.
struct SharedFile {
  std::mutex mutex;
  std::optional<RasterReader> reader;
};

// A file of a pass: one band, or one mask plane (T is what a Series holds of it).
template <class T>
struct LayerFile {
  const Layer* layer;
  Grid target;  // the grid on which the layer is read
  Placement placement;
  const MaskPlane* plane = nullptr;  // of a mask
  T outside{};                       // what is read beyond the file
  BlockRims<T> rims;                 // of a file on the grid on which it is read
  BorderBlocks<T> borders;           // of any other
  bool stays_open = false;
  std::optional<RasterReader> reader;
  SharedFile* shared = nullptr;  // where the file holds several dates
  std::int64_t blocks = 0;       // of the file; 0 until it is read

  LayerFile(const Layer& of, const Grid& on, int keep, T fill) : layer(&of), target(on), outside(fill), rims(keep) {
    placement = of.grid.same_as(on) ? Placement::same : is_aligned(of.grid, on) ? Placement::shifted : Placement::warped;
  }
  std::int64_t decompressed() const { return rims.decompressed() + borders.decompressed(); }
};

struct PassFiles {
  const Product* product = nullptr;
  std::vector<LayerFile<std::int16_t>> bands;
  std::vector<LayerFile<std::uint8_t>> masks;
};

// Buffers of a thread for decompressed blocks.
struct BlockBuffers {
  std::vector<std::int16_t> band;
  std::vector<std::uint8_t> mask;
};

struct SeriesReader::Impl {
  SourceCensus census;
  std::vector<std::string> bands;
  int threads = 1;
  std::vector<MaskPlane> planes;
  std::vector<MaskRule> invalid_by;  // of each plane
  std::size_t edge_plane = 0;        // that tells where there is an image
  MaskRule no_image{};               // its bytes
  std::vector<GroupLayout> groups;
  std::vector<GroupLayout> mask_layouts;  // one a plane
  struct GroupBand {
    std::size_t group, band;
  };
  std::vector<std::optional<GroupBand>> told_by;      // of each plane: the band that is read and says what the mask is
  int halo = 0;                                       // px by which windows are read larger
  int reach = 0;                                      // see reach_of(); of all groups
  int block_width = 1, block_height = 1;              // whole blocks of the files of every resolution, in tile pixels
  mutable std::vector<std::vector<PassFiles>> files;  // [date][pass]; each file is read by one thread at a time
  std::map<std::string, SharedFile> shared_files;     // by path
  mutable KeptBytes kept;                             // of all BorderBlocks

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

  void find_told();
  void plan_files();

  static RasterReader open(const Product& product, const Layer& layer) {
    const std::string path = product.file_of(layer);
    RasterReader reader(path, image_drivers(layer.variable));
    if (!reader.grid().same_as(layer.grid) || layer.band >= reader.info().bands)
      throw UserError(join_text(path, ": expected the grid ", to_text(layer.grid), ", got ", to_text(reader.grid()),
                                "; the file changed since the census, run the catalog stage again"));
    return reader;
  }

  bool on_other_grids() const {
    const auto other = [](const auto& file) { return file.placement != Placement::same && !file.layer->file.empty(); };
    return std::ranges::any_of(files, [&](const std::vector<PassFiles>& passes) {
      return std::ranges::any_of(
          passes, [&](const PassFiles& pass) { return std::ranges::any_of(pass.bands, other) || std::ranges::any_of(pass.masks, other); });
    });
  }

  template <class T>
  static void note_blocks(LayerFile<T>& file, const RasterReader& reader) {
    const RasterInfo& info = reader.info();
    const auto blocks = [](int size, int block) { return (size + block - 1) / block; };
    file.blocks = std::int64_t{blocks(info.grid.cols, info.block_width)} * blocks(info.grid.rows, info.block_height);
  }

  // A window of the grid on which the layer is read; is_needed(block of that grid): false where none of its samples is used.
  template <class T, class IsNeeded>
  void read_layer(const Product& product, LayerFile<T>& file, const Window& window, T* samples, std::vector<T>& scratch,
                  const IsNeeded& is_needed) const try {
    if (file.layer->file.empty()) {  // a mask that the product may lack
      std::fill_n(samples, window.pixels(), file.outside);
      return;
    }
    if (file.shared) {
      const std::lock_guard lock(file.shared->mutex);
      if (!file.shared->reader) file.shared->reader = open(product, *file.layer);
      note_blocks(file, *file.shared->reader);
      return place(file, *file.shared->reader, window, samples, scratch, is_needed);
    }
    std::optional<RasterReader> for_now;
    std::optional<RasterReader>& reader = file.reader || file.stays_open ? file.reader : for_now;
    if (!reader) {
      reader.emplace(open(product, *file.layer));
      note_blocks(file, *reader);
    }
    place(file, *reader, window, samples, scratch, is_needed);
  } catch (const UserError& error) {
    throw with_context(context(product), error);
  }

  template <class T>
  static auto block_reader(const LayerFile<T>& file, const RasterReader& reader) {
    return [&](int col, int row, T* block) {
      if constexpr (std::is_same_v<T, std::uint8_t>)
        reader.read_block(file.layer->band, col, row, *file.plane, file.layer->encoding, block);
      else
        reader.read_block(file.layer->band, col, row, file.layer->encoding, block);
    };
  }

  template <class T, class IsNeeded>
  void place(LayerFile<T>& file, const RasterReader& reader, const Window& window, T* samples, std::vector<T>& scratch,
             const IsNeeded& is_needed) const {
    if (file.placement == Placement::same)
      return file.rims.read(reader.info(), window, samples, scratch, is_needed, file.outside, block_reader(file, reader));
    const Grid& source = file.layer->grid;
    std::fill_n(samples, window.pixels(), file.outside);
    if (file.placement == Placement::shifted) {
      const int right = static_cast<int>(std::lround(source.col(file.target.x0))),
                down = static_cast<int>(std::lround(source.row(file.target.y0)));
      const Window wanted{window.col + right, window.row + down, window.width, window.height}, part = wanted.intersect(source.whole());
      if (part.empty()) return;
      std::vector<T> pixels(static_cast<std::size_t>(part.pixels()));
      const typename BorderBlocks<T>::Ahead ahead{double(wanted.row + wanted.height - file.rims.keep()),
                                                  double(wanted.col + wanted.width - file.rims.keep())};
      file.borders.read(reader.info(), part, window.row, ahead, kept, pixels.data(), scratch, block_reader(file, reader));
      for (int row = 0; row < part.height; ++row)
        std::copy_n(pixels.data() + std::int64_t{row} * part.width, part.width,
                    samples + std::int64_t{part.row + row - wanted.row} * window.width + (part.col - wanted.col));
      return;
    }
    warp(file, reader, window, samples, scratch);
  }

  // From a grid of another reference system or of pixels that do not match: a band bilinear over the pixels that have a value (in the
  // source's unit: radar in decibel), missing where the nearest one has none; a mask by the nearest pixel.
  template <class T>
  void warp(LayerFile<T>& file, const RasterReader& reader, const Window& window, T* samples, std::vector<T>& scratch) const {
    const Grid& source = file.layer->grid;
    const SourcePositions at = positions_in(source, file.target, window);
    double left = source.cols, top = source.rows, right = -1, bottom = -1;
    const auto inside = [&](std::size_t i) {  // false for NaN
      return at.col[i] >= -0.5 && at.row[i] >= -0.5 && at.col[i] < source.cols - 0.5 && at.row[i] < source.rows - 0.5;
    };
    for (std::size_t i = 0; i < at.col.size(); ++i)
      if (inside(i))
        left = std::min(left, at.col[i]), right = std::max(right, at.col[i]), top = std::min(top, at.row[i]),
        bottom = std::max(bottom, at.row[i]);
    if (right < 0 && bottom < 0) return;
    const int first_col = static_cast<int>(std::floor(left)), first_row = static_cast<int>(std::floor(top));
    const Window part = Window{first_col, first_row, static_cast<int>(std::ceil(right)) - first_col + 1,
                               static_cast<int>(std::ceil(bottom)) - first_row + 1}
                            .intersect(source.whole());
    std::vector<T> pixels(static_cast<std::size_t>(part.pixels()));
    file.borders.read(reader.info(), part, window.row, ahead_of(file, at, window), kept, pixels.data(), scratch,
                      block_reader(file, reader));
    const auto pixel = [&](int col, int row) {
      col = std::clamp(col, part.col, part.col + part.width - 1), row = std::clamp(row, part.row, part.row + part.height - 1);
      return pixels[static_cast<std::size_t>(row - part.row) * static_cast<std::size_t>(part.width) +
                    static_cast<std::size_t>(col - part.col)];
    };
    for (std::size_t i = 0; i < at.col.size(); ++i) {
      if (!inside(i)) continue;
      const T nearest = pixel(static_cast<int>(std::floor(at.col[i] + 0.5)), static_cast<int>(std::floor(at.row[i] + 0.5)));
      if constexpr (std::is_same_v<T, std::uint8_t>) {
        samples[i] = nearest;
      } else {
        if (nearest == kNodata) continue;
        const int col = static_cast<int>(std::floor(at.col[i])), row = static_cast<int>(std::floor(at.row[i]));
        const double across = at.col[i] - col, down = at.row[i] - row;
        double sum = 0, weights = 0;
        for (const int r : {0, 1})
          for (const int c : {0, 1}) {
            const T value = pixel(col + c, row + r);
            const double weight = (c ? across : 1 - across) * (r ? down : 1 - down);
            if (value != kNodata) sum += weight * value, weights += weight;
          }
        samples[i] = static_cast<T>(std::lround(sum / weights));
      }
    }
  }

  // Of a window whose pixels lie at these positions of the file. Later windows begin as many pixels before its end as rims would keep.
  template <class T>
  static typename BorderBlocks<T>::Ahead ahead_of(const LayerFile<T>& file, const SourcePositions& at, const Window& window) {
    const auto width = static_cast<std::size_t>(window.width), n = at.col.size();
    typename BorderBlocks<T>::Ahead ahead{std::numeric_limits<double>::max(), std::numeric_limits<double>::max()};
    for (std::size_t i = n - width; i < n; ++i)
      if (at.row[i] < ahead.south) ahead.south = at.row[i];  // false for NaN
    for (std::size_t i = width - 1; i < n; i += width)
      if (at.col[i] < ahead.east) ahead.east = at.col[i];
    double step = 0;  // pixels of the file from one pixel of the window to the next
    const auto measure = [&](std::size_t from, std::size_t to, std::size_t pixels) {
      const double apart = std::max(std::abs(at.col[to] - at.col[from]), std::abs(at.row[to] - at.row[from]));
      if (pixels > 0 && apart / static_cast<double>(pixels) > step) step = apart / static_cast<double>(pixels);
    };
    measure(0, width - 1, width - 1), measure(n - width, n - 1, width - 1);
    measure(0, n - width, n / width - 1), measure(width - 1, n - 1, n / width - 1);
    const double before = std::ceil((file.rims.keep() + 1) * (step > 0 ? step : 1)) + 1;
    ahead.south -= before, ahead.east -= before;
    return ahead;
  }

  // Pointers to the samples of one date and window.
  struct DateView {
    std::vector<std::int16_t*> groups;  // [band of the group][row][col] each
    std::uint8_t* masks = nullptr;      // [mask plane][pixel]
  };
  // The mask that tells where there is an image over more than the window, for days of several passes.
  struct Edge {
    Window around;
    std::vector<std::uint8_t> samples;
  };
  void read_mask(PassFiles& pass, std::size_t plane, const Window& window, std::uint8_t* samples, BlockBuffers& scratch) const;
  void make_mask(const GroupBand& band, const Window& window, const DateView& view, std::uint8_t* samples) const;
  void read_date(std::size_t date, const Window& window, const DateView& view, BlockBuffers& scratch) const;
  // `visible`: of the date's masks; nullptr: all bands are read.
  void read_band(PassFiles& pass, std::size_t g, std::size_t i, const Window& window, const DateView& view, const VisibleCells* visible,
                 BlockBuffers& scratch) const;
  // What one thread reads at a time: first the masks of a date, or all of a date of several passes; then its bands.
  using Piece = std::function<void(BlockBuffers&)>;
  struct Pieces {
    std::vector<Piece> first, then;
  };
  struct DateToRead {
    DateView view;
    std::atomic<int> planes_left{0};
    std::optional<VisibleCells> visible;
  };
  void add_pieces(std::size_t date, const Window& window, Masked masked, DateToRead& to_read, Pieces& pieces) const;
  void read_together(const std::vector<Piece>& pieces) const;
  void read_pass(PassFiles& pass, const Window& window, const DateView& view, Edge* edge, BlockBuffers& scratch) const;
  void fill_from(PassFiles& pass, const Window& window, Edge& edge, const DateView& date, BlockBuffers& scratch) const;
  Window window_around(const Window& window) const;
};

}  // namespace millesime
