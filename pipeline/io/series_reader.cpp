// SeriesReader: the files, the shape of windows, and the memory they need; series_reading.cpp reads.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/series_files.h"

namespace millesime {
namespace {

// An open file needs about 40 KB, opening it a millisecond. Files above this number are opened again for every window.
constexpr int kOpenFiles = 2000;
constexpr int kReaders = 16;  // concurrent readers that share the system's limit (concurrent units)
constexpr int kOpenings = 2;  // of a file: by GDAL, and for its blocks (tiff_blocks.h)

// Borders between windows: every `step`, but `before` earlier, so that the pixels that interpolation reads beyond are in the same blocks.
std::vector<int> cuts(int size, int step, int before) {
  std::vector<int> result = {0};
  for (std::int64_t border = step; border < size; border += step)
    if (border > before) result.push_back(static_cast<int>(border) - before);
  result.push_back(size);
  return result;
}

}  // namespace

SeriesReader::SeriesReader(const SourceCensus& census, const std::vector<std::string>& bands, int threads, int halo)
    : impl_(std::make_unique<Impl>()) {
  impl_->census = census;
  impl_->bands = bands;
  impl_->threads = std::max(1, threads);
  impl_->halo = halo;
  if (census.acquisitions.empty()) throw UserError(join_text("tile ", census.tile, ": its census has no acquisition that can be read"));
  for (const std::string& band : bands)
    if (std::ranges::find(census.bands, band) == census.bands.end()) {
      std::string have;
      for (const std::string& name : census.bands) have += (have.empty() ? "" : ", ") + name;
      throw UserError(join_text("tile ", census.tile, ": band ", band, " is requested, but its census has ", have,
                                "; run the catalog stage with that band in bands of the source ", census.source));
    }
  impl_->planes = census.masks;
  for (const MaskPlane& plane : impl_->planes) impl_->invalid_by.push_back(plane.invalid());
  const auto edge = std::ranges::find_if(impl_->planes, &MaskPlane::tells_images);
  if (edge == impl_->planes.end())
    throw UserError(join_text("tile ", census.tile, ": the census of ", census.source, " has no mask that tells where there is an image"));
  impl_->edge_plane = static_cast<std::size_t>(edge - impl_->planes.begin());
  impl_->no_image = edge->no_image();

  const Product& first = impl_->census.acquisitions[0].passes.at(0);
  const auto grid_of = [&](const std::string& name) {
    const auto known = census.grids.find(name);
    if (known == census.grids.end() || !first.layers.contains(name))
      throw UserError(join_text("tile ", census.tile, ": the census of ", census.source, " has no layer ", name));
    return known->second;
  };
  try {
    const auto add_block = [&](const Layer& layer, const GroupLayout& layout) {
      if (layer.file.empty()) return;
      impl_->add_block(RasterReader(first.file_of(layer), image_drivers(layer.variable)).info(), layout.col_scale, layout.row_scale);
    };
    for (std::size_t band = 0; band < bands.size(); ++band) {
      const GroupLayout& layout = impl_->add_to_group(static_cast<int>(band), grid_of(bands[band]));
      add_block(first.layers.at(bands[band]), layout);
    }
    for (const MaskPlane& plane : impl_->planes) {
      impl_->mask_layouts.push_back(layout_of(census.grid, grid_of(plane.name)));
      add_block(first.layers.at(plane.name), impl_->mask_layouts.back());
    }
  } catch (const UserError& error) {
    throw with_context(impl_->context(first), error);
  }
  for (const auto* layouts : {&impl_->groups, &impl_->mask_layouts})
    for (const GroupLayout& layout : *layouts) impl_->reach = std::max(impl_->reach, reach_of(layout));
  impl_->find_told();
  impl_->plan_files();
}

// Of masks on the tile's pixels: elsewhere the pixels of a band are not those of the mask.
void SeriesReader::Impl::find_told() {
  for (std::size_t plane = 0; plane < planes.size(); ++plane) {
    std::optional<GroupBand>& told = told_by.emplace_back();
    for (std::size_t g = 0; g < groups.size(); ++g)
      for (std::size_t i = 0; i < groups[g].bands.size(); ++i)
        if (planes[plane].band == bands[static_cast<std::size_t>(groups[g].bands[i])] && groups[g].is_tile_grid() &&
            groups[g].grid.same_as(census.grid) && mask_layouts[plane].is_tile_grid() && mask_layouts[plane].grid.same_as(census.grid))
          told = GroupBand{g, i};
  }
}

void SeriesReader::Impl::plan_files() {
  auto may_stay_open = std::min(kOpenFiles, open_file_limit() / kReaders / kOpenings);
  const auto rows_kept = [&](const GroupLayout& layout, int of_tile) {
    return layout.is_tile_grid() ? of_tile
                                 : static_cast<int>(std::ceil(of_tile * std::max(layout.col_scale, layout.row_scale))) + kMargin + 2;
  };
  std::map<std::string, int> dates_in;  // by path
  for (const Acquisition& acquisition : census.acquisitions)
    for (const Product& product : acquisition.passes)
      for (const auto& [name, layer] : product.layers)
        if (!layer.file.empty()) ++dates_in[name + product.file_of(layer)];
  const auto place_in = [&](auto& file, const std::string& name, const Product& product) {
    const std::string path = product.file_of(*file.layer);
    if (!file.layer->file.empty() && dates_in.at(name + path) > 1)
      file.shared = &shared_files[path];
    else
      file.stays_open = may_stay_open-- > 0;
  };
  for (const Acquisition& acquisition : census.acquisitions) {
    std::vector<PassFiles>& passes = files.emplace_back();
    for (const Product& product : acquisition.passes) {
      PassFiles& pass = passes.emplace_back();
      pass.product = &product;
      const auto layer = [&](const std::string& name) -> const Layer& {
        const auto known = product.layers.find(name);
        if (known == product.layers.end()) throw UserError(join_text(context(product), ": the census has no layer ", name, " of it"));
        return known->second;
      };
      for (std::size_t band = 0; band < bands.size(); ++band) {
        const GroupLayout& group = group_of(band);
        place_in(pass.bands.emplace_back(layer(bands[band]), group.grid, rows_kept(group, reach + 2 * halo), kNodata), bands[band],
                 product);
      }
      for (std::size_t plane = 0; plane < planes.size(); ++plane) {
        const bool edge = plane == edge_plane, lacking = layer(planes[plane].name).file.empty();
        const int keep = (edge && acquisition.passes.size() > 1 ? 2 * reach : reach) + 2 * halo;
        const std::uint8_t fill = planes[plane].byte_for(edge && !lacking ? MaskMeaning::no_image : MaskMeaning::valid);
        auto& mask =
            pass.masks.emplace_back(layer(planes[plane].name), mask_layouts[plane].grid, rows_kept(mask_layouts[plane], keep), fill);
        mask.plane = &planes[plane];
        place_in(mask, planes[plane].name, product);
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
  // First the whole width, then more rows: blocks that are whole rows are then read in the order in which they are stored.
  const std::int64_t across = std::clamp<std::int64_t>(pixels / (width * height), 1, (tile.cols + width - 1) / width);
  width = std::min<std::int64_t>(across * width, tile.cols);
  constexpr std::int64_t kFewestRows = 64;  // with fewer rows most of the time is spent on the margins
  const std::int64_t wanted = std::max(pixels, std::min(most_pixels, kFewestRows * width));
  if (width == tile.cols) height *= std::max<std::int64_t>(1, wanted / (width * height));
  const auto cols = cuts(tile.cols, static_cast<int>(width), impl_->reach + impl_->halo),
             rows = cuts(tile.rows, static_cast<int>(std::min<std::int64_t>(height, tile.rows)), impl_->reach + impl_->halo);
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
  // The first window (north-west) is smaller by the margin that the next ones read.
  const auto times = [&](int block, int part) {
    const int read = std::min(block, part + impl_->reach + impl_->halo);
    return (block + read - 1) / read;
  };
  const int n = times(impl_->block_width, window.width) * times(impl_->block_height, window.height);
  if (n <= 1) return "";
  return join_text("tile ", impl_->census.tile, ": blocks of the images (", impl_->block_width, " x ", impl_->block_height,
                   " px) are larger than the windows (", window.width, " x ", window.height, " px), so each is decompressed ", n,
                   " times; use more --memory, or store the images in smaller blocks (gdal_translate -co TILED=YES)");
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
      for (const auto& band : pass.bands)
        if (band.placement == Placement::same) bytes += std::int64_t{2} * band.layer->grid.cols * band.rims.keep();
      for (const auto& mask : pass.masks)
        if (mask.placement == Placement::same) bytes += std::int64_t{mask.layer->grid.cols} * mask.rims.keep();
    }
  if (impl_->on_other_grids()) bytes += impl_->kept.most;
  return bytes + std::int64_t{impl_->threads} * 3 * impl_->block_width * impl_->block_height;
}

void SeriesReader::keep_within(std::int64_t bytes) { impl_->kept.most = std::max<std::int64_t>(0, bytes); }

std::int64_t SeriesReader::pixels_within(std::int64_t memory_bytes, int share, std::int64_t bytes_per_pixel) const {
  constexpr std::int64_t kFewest = 256;  // smaller windows would be extremely slow
  const std::int64_t kept = bytes_kept(), most = (memory_bytes / share - kept) / bytes_per_pixel;
  if (most >= std::min(kFewest, grid().pixels())) return most;
  const auto mib = [](std::int64_t bytes) { return (bytes >> 20) + 1; };
  throw UserError(join_text("tile ", impl_->census.tile, ": reading it needs ", mib(kept),
                            " MiB in addition to the windows, for blocks of ", impl_->block_width, " x ", impl_->block_height, " px in ",
                            impl_->threads, " threads and for the edges of blocks; the memory budget is ", memory_bytes >> 20,
                            " MiB, of which 1/", share, " is for this; use at least --memory ",
                            mib(share * (kept + kFewest * bytes_per_pixel)),
                            "MiB, or fewer --threads, or store the images in smaller blocks (gdal_translate -co TILED=YES)"));
}

std::int64_t SeriesReader::decompressions() const {
  std::int64_t n = 0;
  for (const auto& passes : impl_->files)
    for (const PassFiles& pass : passes) {
      for (const auto& band : pass.bands) n += band.decompressed();
      for (const auto& mask : pass.masks) n += mask.decompressed();
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
  return join_text("tile ", impl_->census.tile, ": the files have ", blocks, " blocks, of which ", again,
                   " were decompressed twice, because their shape does not match the windows");
}

}  // namespace millesime
