// SeriesReader: reads a window of every file of a tile's census into a Series.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/series_files.h"
#include "pipeline/io/sample_unit.h"

namespace millesime {

static constexpr auto kEveryBlock = [](const Window&) { return true; };

// The tile pixels whose value may depend on a block of a group: those under it and within the reach of interpolation. Beyond the file's
// edges its outermost pixels count.
static Window pixels_of(const GroupLayout& layout, const Window& block, const Grid& tile) {
  if (layout.is_tile_grid()) return block;
  const auto range = [](int first, int size, int whole, double scale, double offset, int tile_size) {
    const double begin = first <= 0 ? 0 : std::floor((first - kMargin - 1 - offset) / scale),
                 end = first + size >= whole ? tile_size : std::ceil((first + size + kMargin - offset) / scale) + 1;
    const int from = static_cast<int>(std::clamp<double>(begin, 0, tile_size)),
              to = static_cast<int>(std::clamp<double>(end, 0, tile_size));
    return std::pair(from, std::max(0, to - from));
  };
  const auto [col, width] = range(block.col, block.width, layout.grid.cols, layout.col_scale, layout.col_offset, tile.cols);
  const auto [row, height] = range(block.row, block.height, layout.grid.rows, layout.row_scale, layout.row_offset, tile.rows);
  return {col, row, width, height};
}

// A mask at the tile's pixels: of coarser pixels, that of the nearest.
void SeriesReader::Impl::read_mask(PassFiles& pass, std::size_t plane, const Window& window, std::uint8_t* samples,
                                   BlockBuffers& scratch) const {
  const GroupLayout& layout = mask_layouts[plane];
  if (layout.is_tile_grid() && layout.grid.same_as(census.grid))
    return read_layer(*pass.product, pass.masks[plane], window, samples, scratch.mask, kEveryBlock);
  const Window part = group_window(layout, window);
  std::vector<std::uint8_t> coarse(static_cast<std::size_t>(part.pixels()));
  read_layer(*pass.product, pass.masks[plane], part, coarse.data(), scratch.mask, kEveryBlock);
  const auto nearest = [](double position, int first, int size) {
    return std::clamp(static_cast<int>(std::floor(position + 0.5)) - first, 0, size - 1);
  };
  std::vector<int> cols(static_cast<std::size_t>(window.width));
  for (int col = 0; col < window.width; ++col)
    cols[static_cast<std::size_t>(col)] = nearest((window.col + col) * layout.col_scale + layout.col_offset, part.col, part.width);
  for (int row = 0; row < window.height; ++row) {
    const std::uint8_t* const from =
        coarse.data() +
        std::int64_t{nearest((window.row + row) * layout.row_scale + layout.row_offset, part.row, part.height)} * part.width;
    for (int col = 0; col < window.width; ++col) *samples++ = from[cols[static_cast<std::size_t>(col)]];
  }
}

// With `edge`, the mask that tells where there is an image is read around the window, too.
void SeriesReader::Impl::read_pass(PassFiles& pass, const Window& window, const DateView& view, Edge* edge, BlockBuffers& scratch) const {
  for (std::size_t plane = 0; plane < planes.size(); ++plane) {
    std::uint8_t* const samples = view.masks + plane * static_cast<std::size_t>(window.pixels());
    if (!edge || plane != edge_plane) {
      read_mask(pass, plane, window, samples, scratch);
      continue;
    }
    edge->around = window_around(window);
    edge->samples.resize(static_cast<std::size_t>(edge->around.pixels()));
    read_mask(pass, plane, edge->around, edge->samples.data(), scratch);
    for (int row = 0; row < window.height; ++row)
      std::copy_n(
          edge->samples.data() + std::int64_t{window.row + row - edge->around.row} * edge->around.width + (window.col - edge->around.col),
          window.width, samples + std::int64_t{row} * window.width);
  }
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (std::size_t i = 0; i < groups[g].bands.size(); ++i) read_band(pass, g, i, window, view, nullptr, scratch);
}

// Band `i` of group `g`.
void SeriesReader::Impl::read_band(PassFiles& pass, std::size_t g, std::size_t i, const Window& window, const DateView& view,
                                   const VisibleCells* visible, BlockBuffers& scratch) const {
  const Window part = group_window(groups[g], window);
  read_layer(*pass.product, pass.bands[static_cast<std::size_t>(groups[g].bands[i])], part,
             view.groups[g] + i * static_cast<std::size_t>(part.pixels()), scratch.band,
             [&](const Window& block) { return !visible || visible->any_in(pixels_of(groups[g], block, census.grid)); });
}

// A mask that says what a band that was read says.
void SeriesReader::Impl::make_mask(const GroupBand& band, const Window& window, const DateView& view, std::uint8_t* samples) const {
  const std::int16_t* const values = view.groups[band.group] + band.band * static_cast<std::size_t>(window.pixels());
  std::transform(values, values + window.pixels(), samples, mask_byte_of);
}

void SeriesReader::Impl::add_pieces(std::size_t date, const Window& window, Masked masked, DateToRead& to_read, Pieces& pieces) const {
  if (files[date].size() > 1) {  // the files of several passes are looked at together
    pieces.first.emplace_back([this, date, &window, &to_read](BlockBuffers& scratch) { read_date(date, window, to_read.view, scratch); });
    return;
  }
  PassFiles& pass = files[date][0];
  to_read.planes_left = static_cast<int>(planes.size());
  for (std::size_t plane = 0; plane < planes.size(); ++plane)
    pieces.first.emplace_back([this, &pass, plane, &window, masked, &to_read](BlockBuffers& scratch) {
      std::uint8_t* const samples = to_read.view.masks + plane * static_cast<std::size_t>(window.pixels());
      if (const auto& band = told_by[plane]) {
        read_band(pass, band->group, band->band, window, to_read.view, nullptr, scratch);
        make_mask(*band, window, to_read.view, samples);
      } else {
        read_mask(pass, plane, window, samples, scratch);
      }
      if (--to_read.planes_left == 0 && masked == Masked::skip) to_read.visible.emplace(invalid_by, to_read.view.masks, window);
    });
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (std::size_t i = 0; i < groups[g].bands.size(); ++i) {
      if (std::ranges::any_of(told_by, [&](const auto& band) { return band && band->group == g && band->band == i; })) continue;
      pieces.then.emplace_back([this, &pass, g, i, &window, &to_read](BlockBuffers& scratch) {
        read_band(pass, g, i, window, to_read.view, to_read.visible ? &*to_read.visible : nullptr, scratch);
      });
    }
}

// All of them, by as many threads as may read; each takes the next one.
void SeriesReader::Impl::read_together(const std::vector<Piece>& pieces) const {
  std::exception_ptr failure;
  std::mutex mutex;
  std::atomic<std::size_t> next{0};
  const auto read_some = [&] {
    try {
      BlockBuffers scratch;
      for (std::size_t i = next++; i < pieces.size(); i = next++) pieces[i](scratch);
    } catch (...) {
      next = pieces.size();
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    const std::size_t workers = std::min(pieces.size(), static_cast<std::size_t>(threads));
    std::vector<std::jthread> others;
    for (std::size_t thread = 1; thread < workers; ++thread) others.emplace_back(read_some);
    read_some();
  }
  if (failure) std::rethrow_exception(failure);
}

// The window, and the pixels under the margins of its groups.
Window SeriesReader::Impl::window_around(const Window& window) const {
  return Window{window.col - reach, window.row - reach, window.width + 2 * reach, window.height + 2 * reach}.intersect(census.grid.whole());
}

// Fills gaps of the earlier passes from a further pass: at a pixel of a coarse group where there is no image or one of the group's
// bands has no value, all bands of that group; at a tile pixel where there is no image or a band on the tile's grid has no value,
// all bands on that grid and all masks. `edge`: that mask so far. No decision depends on the window.
void SeriesReader::Impl::fill_from(PassFiles& pass, const Window& window, Edge& edge, const DateView& date, BlockBuffers& scratch) const {
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
    return no_image[edge.samples[static_cast<std::size_t>(r - edge.around.row) * static_cast<std::size_t>(edge.around.width) +
                                 static_cast<std::size_t>(c - edge.around.col)]] != 0;
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
    if (no_image[edge.samples[i]]) edge.samples[i] = further_edge.samples[i];
}

void SeriesReader::Impl::read_date(std::size_t date, const Window& window, const DateView& view, BlockBuffers& scratch) const {
  std::vector<PassFiles>& passes = files[date];
  Edge edge;
  read_pass(passes[0], window, view, passes.size() > 1 ? &edge : nullptr, scratch);
  for (std::size_t pass = 1; pass < passes.size(); ++pass) fill_from(passes[pass], window, edge, view, scratch);
}

Series SeriesReader::read(const Window& window, Masked masked) const {
  Series series;
  read(window, series, masked);
  return series;
}

void SeriesReader::read(const Window& window, Series& series, Masked masked) const {
  MILLESIME_CHECK(!window.empty() && grid().whole().intersect(window) == window, "window ", to_text(window), " of ", grid().cols, " x ",
                  grid().rows);
  const Impl& impl = *impl_;
  series.window = window;
  series.bands = impl.bands;
  series.dates.clear();
  for (const Acquisition& acquisition : impl.census.acquisitions) series.dates.push_back(acquisition.date);
  series.mask_rules = impl.invalid_by;
  const std::size_t n_dates = series.dates.size();
  series.masks.resize(n_dates * impl.planes.size() * static_cast<std::size_t>(window.pixels()));
  const HostAllocator<std::int16_t> memory(series.masks.get_allocator().device());
  for (std::size_t g = 0; g < impl.groups.size(); ++g) {
    const GroupLayout& layout = impl.groups[g];
    const Window part = group_window(layout, window);
    if (g == series.groups.size()) series.groups.push_back({.bands = {}, .samples = HostNumbers<std::int16_t>(memory)});
    BandGroup& group = series.groups[g];
    group.bands = layout.bands;
    group.cols = part.width;
    group.rows = part.height;
    group.col_scale = layout.col_scale;
    group.row_scale = layout.row_scale;
    group.col_offset = window.col * layout.col_scale + layout.col_offset - part.col;
    group.row_offset = window.row * layout.row_scale + layout.row_offset - part.row;
    group.samples.resize(n_dates * layout.bands.size() * static_cast<std::size_t>(part.pixels()));
  }
  std::vector<Impl::DateToRead> to_read(n_dates);
  Impl::Pieces pieces;
  for (std::size_t date = 0; date < n_dates; ++date) {
    Impl::DateView& view = to_read[date].view;
    for (BandGroup& group : series.groups) view.groups.push_back(group.samples.data() + date * (group.samples.size() / n_dates));
    view.masks = series.masks.data() + date * (series.masks.size() / n_dates);
    impl.add_pieces(date, window, masked, to_read[date], pieces);
  }
  impl.read_together(pieces.first);
  impl.read_together(pieces.then);
}

std::vector<std::uint8_t> SeriesReader::coverage(const Series& masks) const {
  MILLESIME_CHECK(masks.bands.empty(), "a second pass needs bands to be merged");
  const auto pixels = static_cast<std::size_t>(masks.window.pixels()), planes = impl_->planes.size();
  std::vector<std::uint8_t> covered(pixels * masks.dates.size());
  for (std::size_t date = 0; date < masks.dates.size(); ++date)
    for (std::size_t i = 0; i < pixels; ++i)
      covered[date * pixels + i] = impl_->no_image[masks.masks[(date * planes + impl_->edge_plane) * pixels + i]] == 0;
  return covered;
}

}  // namespace millesime
