#include "kernels/ops/series_view.h"

#include <algorithm>
#include <limits>

#include "kernels/base/transfer.h"
#include "pipeline/core/error.h"
#include "pipeline/core/series.h"

namespace millesime {

static_assert(kMissing == kNodata, "one number for missing values");

static std::uint8_t zero_is_valid(const MaskRule& rule) {
  if (rule[0] != 0) return 0;
  for (std::size_t value = 1; value < rule.size(); ++value)
    if (rule[value] == 0) return 0;
  return 1;
}

SeriesView rows_of(const SeriesView& view, int first, int n) {
  MILLESIME_CHECK(first >= 0 && n >= 0 && first + n <= view.height, "rows ", first, " to ", first + n, " of ", view.height);
  SeriesView part = view;
  part.height = n;
  part.masks += static_cast<std::int64_t>(first) * view.width;
  for (int g = 0; g < part.n_groups; ++g) part.groups[g].row_offset += first * part.groups[g].row_scale;
  return part;
}

HostSeries::HostSeries(const Series& series) {
  view_.width = series.window.width;
  view_.height = series.window.height;
  view_.n_dates = series.n_dates();
  view_.n_bands = series.n_bands();
  view_.n_groups = static_cast<int>(series.groups.size());
  view_.n_masks = series.n_masks();
  MILLESIME_CHECK(view_.n_bands <= kMaxBands, "a series of ", view_.n_bands, " bands, kernels take ", kMaxBands);
  MILLESIME_CHECK(view_.n_groups <= kMaxGroups, "a series of ", view_.n_groups, " resolutions, kernels take ", kMaxGroups);
  MILLESIME_CHECK(view_.n_masks <= kMaxMasks, "a series of ", view_.n_masks, " masks, kernels take ", kMaxMasks);
  const std::size_t dates = series.dates.size();
  const std::size_t pixels = static_cast<std::size_t>(series.window.pixels());
  MILLESIME_CHECK(series.masks.size() == dates * series.mask_rules.size() * pixels, "masks of ", series.masks.size(), " numbers for ",
                  dates, " dates x ", series.mask_rules.size(), " planes x ", pixels, " pixels");

  days_.reserve(dates);
  for (const Date date : series.dates) {
    MILLESIME_CHECK(days_.empty() || date.days > days_.back(), "dates of a series must rise: ", date.iso());
    days_.push_back(date.days);
  }
  view_.days = days_.data();
  view_.masks = series.masks.data();
  view_.mask_stride = view_.pixels();
  if (view_.n_masks > 0) view_.mask_rules = series.mask_rules.front().data();
  for (int plane = 0; plane < view_.n_masks; ++plane)
    view_.zero_is_valid[plane] = zero_is_valid(series.mask_rules[static_cast<std::size_t>(plane)]);

  std::vector<int> found(series.bands.size(), 0);
  for (int g = 0; g < view_.n_groups; ++g) {
    const BandGroup& group = series.groups[static_cast<std::size_t>(g)];
    const std::size_t plane = static_cast<std::size_t>(group.cols) * static_cast<std::size_t>(group.rows);
    MILLESIME_CHECK(group.samples.size() == dates * group.bands.size() * plane, "a group of ", group.samples.size(), " samples for ", dates,
                    " dates x ", group.bands.size(), " bands x ", group.cols, " x ", group.rows);
    MILLESIME_CHECK(plane <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()), "a window of ", group.cols, " x ",
                    group.rows, " pixels, kernels take less than 2^31");
    BandGroupView& out = view_.groups[g];
    out.samples = group.samples.data();
    out.n_bands = static_cast<int>(group.bands.size());
    out.cols = group.cols;
    out.rows = group.rows;
    out.col_scale = group.col_scale;
    out.col_offset = group.col_offset;
    out.row_scale = group.row_scale;
    out.row_offset = group.row_offset;
    for (std::size_t position = 0; position < group.bands.size(); ++position) {
      const int band = group.bands[position];
      MILLESIME_CHECK(band >= 0 && band < view_.n_bands, "band ", band, " of a series of ", view_.n_bands);
      ++found[static_cast<std::size_t>(band)];
      view_.group_of_band[band] = static_cast<std::int8_t>(g);
      view_.position_in_group[band] = static_cast<std::int8_t>(position);
    }
  }
  for (std::size_t band = 0; band < found.size(); ++band)
    MILLESIME_CHECK(found[band] == 1, "band ", series.bands[band], " is in ", found[band], " groups of its series");
}

DeviceSeries::DeviceSeries(const Stream& stream, const Series& series) {
  Transfer transfer(stream);
  assign(transfer, series);
}

void DeviceSeries::assign(Transfer& transfer, const Series& series) {
  host_ = HostSeries(series);
  view_ = host_.view();
  if (transfer.stream().device.kind == Device::Kind::cpu) return;
  // Dates and rules are those of every window of a tile.
  const auto once = [&](auto& known, auto& buffer, const auto* numbers, std::int64_t n) {
    if (buffer.size() == 0 || !std::equal(known.begin(), known.end(), numbers, numbers + n)) {
      known.clear();  // in case of too little memory
      transfer.to_device(buffer, numbers, n);
      known.assign(numbers, numbers + n);
    }
    return buffer.data();
  };
  view_.days = once(dates_, days_, view_.days, view_.n_dates);
  const std::int64_t rules = std::int64_t{view_.n_masks} * static_cast<std::int64_t>(std::tuple_size<MaskRule>::value);
  view_.mask_rules = once(rules_, mask_rules_, view_.mask_rules, rules);
  transfer.to_device(masks_, series.masks), view_.masks = masks_.data();
  for (int g = 0; g < view_.n_groups; ++g) {
    transfer.to_device(samples_[g], series.groups[static_cast<std::size_t>(g)].samples);
    view_.groups[g].samples = samples_[g].data();
  }
}

}  // namespace millesime
