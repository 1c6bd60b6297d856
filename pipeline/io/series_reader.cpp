// SeriesReader: a window of every file of a tile's census, in the form of Series.

#include <algorithm>
#include <cmath>
#include <optional>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"

namespace millesime {
namespace {

// An open file costs some 40 KB, opening it a millisecond. What is above this number is opened anew for every window.
constexpr int kOpenFiles = 2000;
constexpr int kReaders = 16;  // that may share what the system allows

// Group pixels around a window, for interpolation by cubic convolution.
constexpr int kMargin = 2;

// The native grid of some bands, and where the tile's pixels lie in it.
struct GroupLayout {
  Grid grid;
  std::vector<int> bands;  // position in SeriesReader's bands
  // Centre of tile pixel (c, r) = group position (c * col_scale + col_offset, ...), group pixel centres at integers.
  double col_scale = 1, col_offset = 0, row_scale = 1, row_offset = 0;

  bool is_tile_grid() const { return col_scale == 1 && row_scale == 1 && col_offset == 0 && row_offset == 0; }
};

// Sixteenths of a pixel where the files' rounded geotransforms mean that: positions are then exact, and do not depend on the window.
double snapped(double value, double tolerance) {
  constexpr double kSteps = 16;
  const double near = std::round(value * kSteps) / kSteps;
  return std::abs(value - near) < tolerance ? near : value;
}

GroupLayout layout_of(const Grid& tile, const Grid& group) {
  constexpr double kTolerance = 1e-3;  // group pixels, over the whole tile
  GroupLayout layout;
  layout.grid = group;
  layout.col_scale = snapped(tile.pixel_width / group.pixel_width, kTolerance / tile.cols);
  layout.row_scale = snapped(tile.pixel_height / group.pixel_height, kTolerance / tile.rows);
  layout.col_offset = snapped(group.col(tile.x(0.5)) - 0.5, kTolerance);
  layout.row_offset = snapped(group.row(tile.y(0.5)) - 0.5, kTolerance);
  return layout;
}

// The group pixels that a window needs.
Window group_window(const GroupLayout& layout, const Window& window) {
  if (layout.is_tile_grid()) return window;
  const auto range = [](double first, double last, int size) {
    const int begin = std::clamp(static_cast<int>(std::floor(first)) - kMargin, 0, size - 1);
    const int end = std::clamp(static_cast<int>(std::ceil(last)) + kMargin + 1, begin + 1, size);
    return std::pair(begin, end - begin);
  };
  const auto [col, width] = range(window.col * layout.col_scale + layout.col_offset,
                                  (window.col + window.width - 1) * layout.col_scale + layout.col_offset, layout.grid.cols);
  const auto [row, height] = range(window.row * layout.row_scale + layout.row_offset,
                                   (window.row + window.height - 1) * layout.row_scale + layout.row_offset, layout.grid.rows);
  return {col, row, width, height};
}

int round_up(int value, int step) { return (value + step - 1) / step * step; }

}  // namespace

struct SeriesReader::Impl {
  Census census;
  std::vector<std::string> bands;
  std::vector<MaskPlane> planes;
  int edge_plane = 0;
  std::vector<GroupLayout> groups;
  int block_width = 0, block_height = 0;                   // preferred, for windows
  int file_block_width = 0, file_block_height = 0;         // largest of the files, in tile pixels
  mutable std::map<std::string, RasterReader> open_files;  // by path
  std::size_t most_open = static_cast<std::size_t>(std::min(kOpenFiles, open_file_limit() / kReaders));

  std::string context(const Product& product) const {
    return join_text("tile ", census.tile, ", ", product.date.iso(), ", ", product.name);
  }

  // Calls use(reader) on a layer (band or mask) of a product.
  template <class Use>
  void with_file(const Product& product, const std::string& layer, const Grid& expected, const Use& use) const try {
    const std::string path = product.path + "/" + product.files.at(layer);
    const auto known = open_files.find(path);
    if (known != open_files.end()) return use(known->second);
    RasterReader reader(path, {"GTiff"});
    if (!reader.grid().same_as(expected))
      throw UserError(join_text(path, ": expected the grid ", to_text(expected), ", got ", to_text(reader.grid()),
                                "; the file changed since the census, run the catalog stage again"));
    if (open_files.size() < most_open) return use(open_files.emplace(path, std::move(reader)).first->second);
    use(reader);
  } catch (const UserError& error) {
    throw with_context(context(product), error);
  }

  const GroupLayout& add_to_group(int band, const Grid& grid) {
    auto group = std::ranges::find_if(groups, [&](const GroupLayout& known) { return known.grid.same_as(grid); });
    if (group == groups.end()) group = groups.insert(groups.end(), layout_of(census.grid, grid));
    group->bands.push_back(band);
    return *group;
  }

  void read_mask(const Product& product, int plane, const Window& window, std::uint8_t* samples) const {
    with_file(product, planes[static_cast<std::size_t>(plane)].name, census.grid,
              [&](const RasterReader& file) { file.read(window, 0, samples); });
  }

  void read_band(const Product& product, int band, const GroupLayout& group, const Window& window, std::int16_t* samples) const {
    with_file(product, bands[static_cast<std::size_t>(band)], group.grid, [&](const RasterReader& file) {
      file.read(window, 0, samples);
      if (const auto nodata = file.info().nodata; nodata && *nodata != kNodata)
        std::replace(samples, samples + window.pixels(), static_cast<std::int16_t>(std::clamp(*nodata, -32768.0, 32767.0)), kNodata);
    });
  }

  // Where the samples of one date and window lie.
  struct DateView {
    std::vector<std::int16_t*> groups;  // [band of the group][row][col] each
    std::uint8_t* masks = nullptr;      // [mask plane][pixel]
  };
  void read_pass(const Product& product, const Window& window, const DateView& date) const;
  void fill_from(const Product& product, const Window& window, std::vector<std::uint8_t>& edge, const Window& around,
                 const DateView& date) const;
  Window window_around(const Window& window) const;
};

SeriesReader::SeriesReader(const Census& census, const std::vector<std::string>& bands) : impl_(std::make_unique<Impl>()) {
  impl_->census = census;
  impl_->bands = bands;
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
  impl_->edge_plane = static_cast<int>(edge - impl_->planes.begin());

  const Product& first = census.acquisitions[0].passes.at(0);
  int width = 1, height = 1;  // of the largest block, in tile pixels
  if (bands.empty())
    impl_->with_file(first, impl_->planes.front().name, census.grid,
                     [&](const RasterReader& file) { width = file.info().block_width, height = file.info().block_height; });
  for (std::size_t band = 0; band < bands.size(); ++band) try {
      const RasterReader file(first.path + "/" + first.files.at(bands[band]), {"GTiff"});
      const GroupLayout& layout = impl_->add_to_group(static_cast<int>(band), file.grid());
      width = std::max(width, static_cast<int>(std::lround(file.info().block_width / layout.col_scale)));
      height = std::max(height, static_cast<int>(std::lround(file.info().block_height / layout.row_scale)));
    } catch (const UserError& error) {
      throw with_context(impl_->context(first), error);
    }
  impl_->file_block_width = std::min(width, census.grid.cols), impl_->file_block_height = std::min(height, census.grid.rows);
  // Files in strips of a few rows are read in windows of at least so many; very large blocks do not dictate the window.
  constexpr int kFewestRows = 64, kLargestBlock = 2048;
  impl_->block_width = std::min({width, census.grid.cols, width < census.grid.cols ? kLargestBlock : width});
  impl_->block_height = std::min({round_up(kFewestRows, std::min(height, kLargestBlock)), census.grid.rows});
}

SeriesReader::~SeriesReader() = default;
SeriesReader::SeriesReader(SeriesReader&&) noexcept = default;

const Grid& SeriesReader::grid() const { return impl_->census.grid; }
int SeriesReader::block_width() const { return impl_->block_width; }
int SeriesReader::block_height() const { return impl_->block_height; }

std::string SeriesReader::rereading(const Window& window) const {
  const auto times = [](int block, int part) { return (block + part - 1) / std::max(1, part); };
  const int n = times(impl_->file_block_width, window.width) * times(impl_->file_block_height, window.height);
  if (n <= 1) return "";
  return join_text("tile ", impl_->census.tile, ": blocks of the images (", impl_->file_block_width, " x ", impl_->file_block_height,
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

void SeriesReader::Impl::read_pass(const Product& product, const Window& window, const DateView& date) const {
  for (std::size_t plane = 0; plane < planes.size(); ++plane)
    read_mask(product, static_cast<int>(plane), window, date.masks + plane * static_cast<std::size_t>(window.pixels()));
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const Window part = group_window(groups[g], window);
    for (std::size_t i = 0; i < groups[g].bands.size(); ++i)
      read_band(product, groups[g].bands[i], groups[g], part, date.groups[g] + i * static_cast<std::size_t>(part.pixels()));
  }
}

// The window and what lies under the margins of its groups.
Window SeriesReader::Impl::window_around(const Window& window) const {
  double reach = 0;
  for (const GroupLayout& group : groups) reach = std::max({reach, (kMargin + 2) / group.col_scale, (kMargin + 2) / group.row_scale});
  const int grow = static_cast<int>(std::ceil(reach));
  return Window{window.col - grow, window.row - grow, window.width + 2 * grow, window.height + 2 * grow}.intersect(census.grid.whole());
}

// Takes from a further pass what those before it have not: at a pixel of a coarse group where the edge mask is set or one of the group's
// bands has no value, all bands of that group; at a tile pixel where the edge mask is set or a band on the tile's grid has no value,
// all bands on that grid and all masks. `edge`: the edge mask so far, over `around`. No decision depends on the window.
void SeriesReader::Impl::fill_from(const Product& product, const Window& window, std::vector<std::uint8_t>& edge, const Window& around,
                                   const DateView& date) const {
  const auto pixels = static_cast<std::size_t>(window.pixels());
  std::vector<std::uint8_t> masks(planes.size() * pixels);
  std::vector<std::vector<std::int16_t>> samples;
  DateView further;
  further.masks = masks.data();
  for (const GroupLayout& group : groups)
    samples.emplace_back(group.bands.size() * static_cast<std::size_t>(group_window(group, window).pixels()));
  for (auto& group : samples) further.groups.push_back(group.data());
  read_pass(product, window, further);

  const auto edge_at = [&](int col, int row) {
    const int c = std::clamp(col, 0, census.grid.cols - 1), r = std::clamp(row, 0, census.grid.rows - 1);
    MILLESIME_CHECK(around.contains(c, r), "pixel ", c, ",", r, " outside of ", to_text(around));
    return edge[static_cast<std::size_t>(r - around.row) * static_cast<std::size_t>(around.width) +
                static_cast<std::size_t>(c - around.col)] != 0;
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

  std::vector<std::uint8_t> further_edge(edge.size());
  read_mask(product, edge_plane, around, further_edge.data());
  for (std::size_t i = 0; i < edge.size(); ++i)
    if (edge[i]) edge[i] = further_edge[i];
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
  for (std::size_t date = 0; date < n_dates; ++date) {
    Impl::DateView view;
    for (BandGroup& group : series.groups) view.groups.push_back(group.samples.data() + date * (group.samples.size() / n_dates));
    view.masks = series.masks.data() + date * (series.masks.size() / n_dates);
    const auto& passes = impl.census.acquisitions[date].passes;
    impl.read_pass(passes[0], window, view);
    if (passes.size() == 1) continue;
    const Window around = impl.window_around(window);
    std::vector<std::uint8_t> edge(static_cast<std::size_t>(around.pixels()));
    impl.read_mask(passes[0], impl.edge_plane, around, edge.data());
    for (std::size_t pass = 1; pass < passes.size(); ++pass) impl.fill_from(passes[pass], window, edge, around, view);
  }
  return series;
}

std::vector<std::uint8_t> SeriesReader::read_coverage(const Window& window) const {
  const auto pixels = static_cast<std::size_t>(window.pixels());
  std::vector<std::uint8_t> coverage(pixels * impl_->census.acquisitions.size()), edge(pixels);
  for (std::size_t date = 0; date < impl_->census.acquisitions.size(); ++date)
    for (const Product& pass : impl_->census.acquisitions[date].passes) {
      impl_->read_mask(pass, impl_->edge_plane, window, edge.data());
      for (std::size_t i = 0; i < pixels; ++i)
        if (edge[i] == 0) coverage[date * pixels + i] = 1;
    }
  return coverage;
}

}  // namespace millesime
