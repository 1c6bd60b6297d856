#include "pipeline/imagery/prepared_inputs.h"

#include <algorithm>

namespace millesime {

std::size_t PreparedInputs::place_of(const WindowPreparation& way, int n_dates) {
  const auto known = std::ranges::find(inputs_, way, &Input::way);
  const auto place = static_cast<std::size_t>(known - inputs_.begin());
  if (known != inputs_.end()) return place;
  Input& input = inputs_.emplace_back();
  input.way = way, input.n_dates = n_dates;
  const Stream stream(device_);
  if (way.kind == InputKind::regular) input.indices = plan_indices(way.indices, way.bands, way.steps);
  input.target_days = to_device(stream, way.target_days);
  input.mean = to_device(stream, way.mean), input.inverse_std = to_device(stream, way.inverse_std);
  stream.synchronize();  // windows use other streams
  return place;
}

std::int64_t PreparedInputs::bytes_per_pixel() const {
  std::int64_t bytes = 0, filling = 0;
  for (const Input& input : inputs_) {
    const bool regular = input.way.kind == InputKind::regular;
    const auto dates = regular ? static_cast<int>(input.way.target_days.size()) : input.n_dates;
    bytes += dates * (input.way.features() * 4 + (regular ? 0 : 1)) + 1;
    if (regular)
      filling = std::max(
          filling, prepare_regular_bytes_per_pixel(input.way.filling, input.n_dates, static_cast<int>(input.way.bands.size()), dates));
  }
  return bytes + filling;
}

void PreparedInputs::next_window() {
  for (Input& input : inputs_) input.is_prepared = false;
}

PreparedInputs::Prepared PreparedInputs::prepare(const Stream& stream, std::size_t place, const SeriesView& series) {
  Input& input = inputs_[place];
  const WindowPreparation& way = input.way;
  const bool regular = way.kind == InputKind::regular;
  if (!input.is_prepared) {
    const std::int64_t dates = regular ? std::ssize(way.target_days) : series.n_dates, pixels = std::max(series.pixels(), expected_);
    input.values.reserve(stream.device, pixels * dates * way.features());
    input.count.reserve(stream.device, pixels);
    if (!regular) input.valid.reserve(stream.device, pixels * dates);
    const bool normalised = !way.mean.empty();
    if (regular) {
      PrepareRegularArgs args;
      args.series = series, args.resampling = way.resampling;
      args.n_targets = static_cast<int>(dates), args.target_days = input.target_days.data();
      args.indices = input.indices, args.filling = way.filling;
      if (normalised) args.mean = input.mean.data(), args.inverse_std = input.inverse_std.data();
      args.features = input.values.data(), args.count = input.count.data();
      prepare_regular(stream, args);
    } else {
      PrepareRawArgs args;
      args.series = series, args.resampling = way.resampling;
      if (normalised) args.mean = input.mean.data(), args.inverse_std = input.inverse_std.data();
      args.values = input.values.data(), args.valid = input.valid.data(), args.count = input.count.data();
      prepare_raw(stream, args);
    }
    input.is_prepared = true;
    ++times_;
  }
  return {input.values.data(), regular ? nullptr : input.valid.data(), input.count.data()};
}

void PreparedInputs::release() {
  expected_ = 0;  // strips are smaller
  for (Input& input : inputs_) input.is_prepared = false, input.values = {}, input.valid = {}, input.count = {};
}

}  // namespace millesime
