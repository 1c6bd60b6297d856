// SeriesReader: a window of every file of a tile's census, in the form of Series.

#include <algorithm>
#include <cmath>
#include <exception>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/block_rims.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/internal/group_layout.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"

namespace millesime {
namespace {

// An open file costs some 40 KB, opening it a millisecond. What is above this number is opened anew for every window.
constexpr int kOpenFiles = 2000;
constexpr int kReaders = 16;  // that may share what the system allows (units side by side)

// A file of a pass: one band, or one mask plane (T is what a Series holds of it).
template <class T>
struct LayerFile {
  std::string layer;  // its key in Product::files
  Grid grid;          // expected
  BlockRims<T> rims;
  bool stays_open = false;
  std::optional<RasterReader> reader;
  std::int64_t blocks = 0;  // that it consists of; 0 until it is read

  LayerFile(std::string name, const Grid& file_grid, int keep) : layer(std::move(name)), grid(file_grid), rims(keep) {}
};

struct PassFiles {
  const Product* product = nullptr;
  std::vector<LayerFile<std::int16_t>> bands;
  std::vector<LayerFile<std::uint8_t>> masks;
};

// What a thread unpacks blocks into.
struct Scratch {
  std::vector<std::int16_t> band;
  std::vector<std::uint8_t> mask;
};

// Borders between windows: every `step`, but `before` earlier, so that what interpolation reads beyond them is still of the blocks before.
std::vector<int> cuts(int size, int step, int before) {
  std::vector<int> result = {0};
  for (std::int64_t border = step; border < size; border += step)
    if (border > before) result.push_back(static_cast<int>(border) - before);
  result.push_back(size);
  return result;
}

}  // namespace

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
    constexpr std::int64_t kLargest = 2048;  // where the blocks of the files do not fit each other, the larger ones decide
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
    if constexpr (std::is_same_v<T, std::int16_t>)
      if (const auto nodata = reader.info().nodata; nodata && *nodata != kNodata)
        std::replace(samples, samples + window.pixels(), static_cast<std::int16_t>(std::clamp(*nodata, -32768.0, 32767.0)), kNodata);
  } catch (const UserError& error) {
    throw with_context(context(product), error);
  }

  // Where the samples of one date and window lie.
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

SeriesReader::SeriesReader(const Census& census, const std::vector<std::string>& bands, int threads) : impl_(std::make_unique<Impl>()) {
  impl_->census = census;
  impl_->bands = bands;
  impl_->threads = std::max(1, threads);
  if (census.acquisitions.empty()) throw UserError(join_text("tile ", census.tile, ": its census has no acquisition that can be read"));
  for (const std::string& band : bands)
    if (std::ranges::find(census.bands, band) == census.bands.end()) {
      std::string have;
      for (const std::string& name : census.bands) have += (have.empty() ? "" : ", ") + name;
      throw UserError(join_text("tile ", census.tile, ": band ", band, " is asked for, but its census has ", have,
                                "; run the catalog stage with that band in sensors.", census.sensor, ".bands"));
    }
  impl_->planes = make_sensor(census.sensor)->mask_planes();
  const auto edge = std::ranges::find_if(impl_->planes, &MaskPlane::edge);
  MILLESIME_CHECK(edge != impl_->planes.end(), census.sensor, " has no edge mask");
  impl_->edge_plane = static_cast<std::size_t>(edge - impl_->planes.begin());

  const Product& first = impl_->census.acquisitions[0].passes.at(0);
  try {
    for (std::size_t band = 0; band < bands.size(); ++band) {
      const RasterReader file(first.path + "/" + first.files.at(bands[band]), image_drivers());
      const GroupLayout& layout = impl_->add_to_group(static_cast<int>(band), file.grid());
      impl_->add_block(file.info(), layout.col_scale, layout.row_scale);
    }
    for (const MaskPlane& plane : impl_->planes)
      impl_->add_block(RasterReader(first.path + "/" + first.files.at(plane.name), image_drivers()).info(), 1, 1);
  } catch (const UserError& error) {
    throw with_context(impl_->context(first), error);
  }
  for (const GroupLayout& group : impl_->groups) impl_->reach = std::max(impl_->reach, reach_of(group));
  impl_->plan_files();
}

void SeriesReader::Impl::plan_files() {
  auto may_stay_open = std::min(kOpenFiles, open_file_limit() / kReaders);
  for (const Acquisition& acquisition : census.acquisitions) {
    std::vector<PassFiles>& passes = files.emplace_back();
    for (const Product& product : acquisition.passes) {
      PassFiles& pass = passes.emplace_back();
      pass.product = &product;
      for (std::size_t band = 0; band < bands.size(); ++band) {
        const GroupLayout& group = group_of(band);
        const int keep =
            group.is_tile_grid() ? reach : static_cast<int>(std::ceil(reach * std::max(group.col_scale, group.row_scale))) + kMargin + 2;
        pass.bands.emplace_back(bands[band], group.grid, keep).stays_open = may_stay_open-- > 0;
      }
      for (const MaskPlane& plane : planes) {
        const int keep = plane.edge && acquisition.passes.size() > 1 ? 2 * reach : reach;
        pass.masks.emplace_back(plane.name, census.grid, keep).stays_open = may_stay_open-- > 0;
      }
    }
  }
}

SeriesReader::~SeriesReader() = default;
SeriesReader::SeriesReader(SeriesReader&&) noexcept = default;

const Grid& SeriesReader::grid() const { return impl_->census.grid; }

std::vector<Window> SeriesReader::windows(std::int64_t pixels, std::int64_t most_pixels) const {
  const Grid& tile = grid();
  most_pixels = std::max<std::int64_t>(1, most_pixels);
  pixels = std::clamp<std::int64_t>(pixels, 1, most_pixels);
  std::int64_t width = impl_->block_width, height = impl_->block_height;
  while (width * height > most_pixels) (width > height ? width : height) = (std::max(width, height) + 1) / 2;
  // First to the whole width, then further down: so blocks that are whole rows are read in the order in which they are stored.
  const std::int64_t across = std::clamp<std::int64_t>(pixels / (width * height), 1, (tile.cols + width - 1) / width);
  width = std::min<std::int64_t>(across * width, tile.cols);
  constexpr std::int64_t kFewestRows = 64;  // a window of fewer rows spends its time on the margins of its groups
  const std::int64_t wanted = std::max(pixels, std::min(most_pixels, kFewestRows * width));
  if (width == tile.cols) height *= std::max<std::int64_t>(1, wanted / (width * height));
  const auto cols = cuts(tile.cols, static_cast<int>(width), impl_->reach),
             rows = cuts(tile.rows, static_cast<int>(std::min<std::int64_t>(height, tile.rows)), impl_->reach);
  std::vector<Window> result;
  for (std::size_t r = 0; r + 1 < rows.size(); ++r)
    for (std::size_t c = 0; c + 1 < cols.size(); ++c) result.push_back({cols[c], rows[r], cols[c + 1] - cols[c], rows[r + 1] - rows[r]});
  return result;
}

std::vector<Window> SeriesReader::windows_of_chunks(int chunk, std::int64_t most_pixels) const {
  const std::int64_t width = std::min(std::lcm(chunk, impl_->block_width), grid().cols),
                     height = std::min(std::lcm(chunk, impl_->block_height), grid().rows);
  const bool whole_blocks = width * height <= most_pixels;
  return split(grid().whole(), whole_blocks ? static_cast<int>(width) : chunk, whole_blocks ? static_cast<int>(height) : chunk,
               most_pixels);
}

std::string SeriesReader::rereading(const Window& window) const {
  // A window at the north-west corner lacks what the next ones read in its place.
  const auto times = [&](int block, int part) {
    const int read = std::min(block, part + impl_->reach);
    return (block + read - 1) / read;
  };
  const int n = times(impl_->block_width, window.width) * times(impl_->block_height, window.height);
  if (n <= 1) return "";
  return join_text("tile ", impl_->census.tile, ": blocks of the images (", impl_->block_width, " x ", impl_->block_height,
                   " px) are larger than the windows (", window.width, " x ", window.height, " px), so each is decompressed ", n,
                   " times; give more --memory, or store the images in smaller blocks (gdal_translate -co TILED=YES)");
}

std::int64_t SeriesReader::bytes_per_pixel() const {
  double bytes = static_cast<double>(impl_->planes.size());
  for (const GroupLayout& group : impl_->groups)
    bytes += 2.0 * static_cast<double>(group.bands.size()) * std::max(group.col_scale * group.row_scale, 1e-3);
  constexpr double kMargins = 1.1;
  return static_cast<std::int64_t>(std::ceil(bytes * kMargins * static_cast<double>(impl_->census.acquisitions.size())));
}

std::int64_t SeriesReader::bytes_kept() const {
  std::int64_t bytes = 0;
  for (const auto& passes : impl_->files)
    for (const PassFiles& pass : passes) {
      for (const auto& band : pass.bands) bytes += std::int64_t{2} * band.grid.cols * band.rims.keep();
      for (const auto& mask : pass.masks) bytes += std::int64_t{mask.grid.cols} * mask.rims.keep();
    }
  return bytes + std::int64_t{impl_->threads} * 3 * impl_->block_width * impl_->block_height;
}

std::int64_t SeriesReader::pixels_within(std::int64_t memory_bytes, int share, std::int64_t bytes_per_pixel) const {
  constexpr std::int64_t kFewest = 256;  // smaller windows would take for ever
  const std::int64_t kept = bytes_kept(), most = (memory_bytes / share - kept) / bytes_per_pixel;
  if (most >= std::min(kFewest, grid().pixels())) return most;
  const auto mib = [](std::int64_t bytes) { return (bytes >> 20) + 1; };
  throw UserError(join_text("tile ", impl_->census.tile, ": to read it takes ", mib(kept), " MiB beside the windows, for blocks of ",
                            impl_->block_width, " x ", impl_->block_height, " px in ", impl_->threads,
                            " threads and for the edges of blocks; got a memory budget of ", memory_bytes >> 20, " MiB, of which 1/", share,
                            " is for this; give at least --memory ", mib(share * (kept + kFewest * bytes_per_pixel)),
                            "MiB, or fewer --threads, or store the images in smaller blocks (gdal_translate -co TILED=YES)"));
}

std::int64_t SeriesReader::decompressions() const {
  std::int64_t n = 0;
  for (const auto& passes : impl_->files)
    for (const PassFiles& pass : passes) {
      for (const auto& band : pass.bands) n += band.rims.decompressed();
      for (const auto& mask : pass.masks) n += mask.rims.decompressed();
    }
  return n;
}

std::string SeriesReader::decompressed_again() const {
  std::int64_t blocks = 0;
  for (const auto& passes : impl_->files)
    for (const PassFiles& pass : passes) {
      for (const auto& band : pass.bands) blocks += band.blocks;
      for (const auto& mask : pass.masks) blocks += mask.blocks;
    }
  const std::int64_t again = decompressions() - blocks;
  if (again <= 0) return "";
  return join_text("tile ", impl_->census.tile, ": the files hold ", blocks, " blocks, of which ", again,
                   " were decompressed a second time, because their shape does not fit the windows");
}

// With `edge`, the edge mask is read around the window as well.
void SeriesReader::Impl::read_pass(PassFiles& pass, const Window& window, const DateView& view, Edge* edge, Scratch& scratch) const {
  for (std::size_t plane = 0; plane < planes.size(); ++plane) {
    std::uint8_t* const samples = view.masks + plane * static_cast<std::size_t>(window.pixels());
    if (!edge || plane != edge_plane) {
      read_layer(*pass.product, pass.masks[plane], window, samples, scratch.mask);
      continue;
    }
    edge->around = window_around(window);
    edge->samples.resize(static_cast<std::size_t>(edge->around.pixels()));
    read_layer(*pass.product, pass.masks[plane], edge->around, edge->samples.data(), scratch.mask);
    for (int row = 0; row < window.height; ++row)
      std::copy_n(
          edge->samples.data() + std::int64_t{window.row + row - edge->around.row} * edge->around.width + (window.col - edge->around.col),
          window.width, samples + std::int64_t{row} * window.width);
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const Window part = group_window(groups[g], window);
    for (std::size_t i = 0; i < groups[g].bands.size(); ++i)
      read_layer(*pass.product, pass.bands[static_cast<std::size_t>(groups[g].bands[i])], part,
                 view.groups[g] + i * static_cast<std::size_t>(part.pixels()), scratch.band);
  }
}

// The window and what lies under the margins of its groups.
Window SeriesReader::Impl::window_around(const Window& window) const {
  return Window{window.col - reach, window.row - reach, window.width + 2 * reach, window.height + 2 * reach}.intersect(census.grid.whole());
}

// Takes from a further pass what those before it have not: at a pixel of a coarse group where the edge mask is set or one of the group's
// bands has no value, all bands of that group; at a tile pixel where the edge mask is set or a band on the tile's grid has no value,
// all bands on that grid and all masks. `edge`: the edge mask so far. No decision depends on the window.
void SeriesReader::Impl::fill_from(PassFiles& pass, const Window& window, Edge& edge, const DateView& date, Scratch& scratch) const {
  const auto pixels = static_cast<std::size_t>(window.pixels());
  std::vector<std::uint8_t> masks(planes.size() * pixels);
  std::vector<std::vector<std::int16_t>> samples;
  DateView further;
  further.masks = masks.data();
  for (const GroupLayout& group : groups)
    samples.emplace_back(group.bands.size() * static_cast<std::size_t>(group_window(group, window).pixels()));
  for (auto& group : samples) further.groups.push_back(group.data());
  Edge further_edge;
  read_pass(pass, window, further, &further_edge, scratch);

  const auto edge_at = [&](int col, int row) {
    const int c = std::clamp(col, 0, census.grid.cols - 1), r = std::clamp(row, 0, census.grid.rows - 1);
    MILLESIME_CHECK(edge.around.contains(c, r), "pixel ", c, ",", r, " outside of ", to_text(edge.around));
    return edge.samples[static_cast<std::size_t>(r - edge.around.row) * static_cast<std::size_t>(edge.around.width) +
                        static_cast<std::size_t>(c - edge.around.col)] != 0;
  };
  std::vector<char> lacking(pixels);  // tile pixels
  for (int row = 0; row < window.height; ++row)
    for (int col = 0; col < window.width; ++col)
      lacking[static_cast<std::size_t>(row) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(col)] =
          edge_at(window.col + col, window.row + row);

  const auto lacks_value = [&](std::size_t g, std::size_t size, std::size_t i) {
    for (std::size_t band = 0; band < groups[g].bands.size(); ++band)
      if (date.groups[g][band * size + i] == kNodata) return true;
    return false;
  };
  for (std::size_t g = 0; g < groups.size(); ++g)
    if (groups[g].is_tile_grid())
      for (std::size_t i = 0; i < pixels; ++i) lacking[i] = lacking[i] || lacks_value(g, pixels, i);

  for (std::size_t g = 0; g < groups.size(); ++g) {
    const GroupLayout& group = groups[g];
    const Window part = group_window(group, window);
    const auto size = static_cast<std::size_t>(part.pixels());
    for (std::size_t i = 0; i < size; ++i) {
      bool take = false;
      if (group.is_tile_grid()) {
        take = lacking[i];
      } else {  // the tile pixel under the centre of this group pixel
        const int col = part.col + static_cast<int>(i % static_cast<std::size_t>(part.width)),
                  row = part.row + static_cast<int>(i / static_cast<std::size_t>(part.width));
        take = lacks_value(g, size, i) || edge_at(static_cast<int>(std::floor((col - group.col_offset) / group.col_scale + 0.5)),
                                                  static_cast<int>(std::floor((row - group.row_offset) / group.row_scale + 0.5)));
      }
      if (take)
        for (std::size_t band = 0; band < group.bands.size(); ++band) date.groups[g][band * size + i] = further.groups[g][band * size + i];
    }
  }
  for (std::size_t i = 0; i < pixels; ++i)
    if (lacking[i])
      for (std::size_t plane = 0; plane < planes.size(); ++plane) date.masks[plane * pixels + i] = masks[plane * pixels + i];

  for (std::size_t i = 0; i < edge.samples.size(); ++i)
    if (edge.samples[i]) edge.samples[i] = further_edge.samples[i];
}

void SeriesReader::Impl::read_date(std::size_t date, const Window& window, const DateView& view, Scratch& scratch) const {
  std::vector<PassFiles>& passes = files[date];
  Edge edge;
  read_pass(passes[0], window, view, passes.size() > 1 ? &edge : nullptr, scratch);
  for (std::size_t pass = 1; pass < passes.size(); ++pass) fill_from(passes[pass], window, edge, view, scratch);
}

Series SeriesReader::read(const Window& window) const {
  MILLESIME_CHECK(!window.empty() && grid().whole().intersect(window) == window, "window ", to_text(window), " of ", grid().cols, " x ",
                  grid().rows);
  const Impl& impl = *impl_;
  Series series;
  series.window = window;
  series.bands = impl.bands;
  for (const Acquisition& acquisition : impl.census.acquisitions) series.dates.push_back(acquisition.date);
  for (const MaskPlane& plane : impl.planes) series.mask_rules.push_back(plane.invalid);
  const std::size_t n_dates = series.dates.size();
  series.masks.resize(n_dates * impl.planes.size() * static_cast<std::size_t>(window.pixels()));
  for (const GroupLayout& layout : impl.groups) {
    const Window part = group_window(layout, window);
    BandGroup group;
    group.bands = layout.bands;
    group.cols = part.width;
    group.rows = part.height;
    group.col_scale = layout.col_scale;
    group.row_scale = layout.row_scale;
    group.col_offset = window.col * layout.col_scale + layout.col_offset - part.col;
    group.row_offset = window.row * layout.row_scale + layout.row_offset - part.row;
    group.samples.resize(n_dates * layout.bands.size() * static_cast<std::size_t>(part.pixels()));
    series.groups.push_back(std::move(group));
  }
  const auto view_of = [&](std::size_t date) {
    Impl::DateView view;
    for (BandGroup& group : series.groups) view.groups.push_back(group.samples.data() + date * (group.samples.size() / n_dates));
    view.masks = series.masks.data() + date * (series.masks.size() / n_dates);
    return view;
  };
  std::exception_ptr failure;
  std::mutex mutex;
  const auto read_every = [&](std::size_t first, std::size_t step) {
    try {
      Scratch scratch;
      for (std::size_t date = first; date < n_dates; date += step) impl.read_date(date, window, view_of(date), scratch);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    const std::size_t threads = std::min(n_dates, static_cast<std::size_t>(impl.threads));
    std::vector<std::jthread> others;
    for (std::size_t thread = 1; thread < threads; ++thread) others.emplace_back(read_every, thread, threads);
    read_every(0, threads);
  }
  if (failure) std::rethrow_exception(failure);
  return series;
}

std::vector<std::uint8_t> SeriesReader::coverage(const Series& masks) const {
  MILLESIME_CHECK(masks.bands.empty(), "bands decide what a second pass fills");
  const auto pixels = static_cast<std::size_t>(masks.window.pixels()), planes = impl_->planes.size();
  std::vector<std::uint8_t> covered(pixels * masks.dates.size());
  for (std::size_t date = 0; date < masks.dates.size(); ++date)
    for (std::size_t i = 0; i < pixels; ++i)
      covered[date * pixels + i] = masks.masks[(date * planes + impl_->edge_plane) * pixels + i] == 0;
  return covered;
}

}  // namespace millesime
