#include "models/base/model_input.h"

#include <algorithm>

namespace millesime {

bool ModelInput::complete() const {
  return std::ranges::none_of(series, [](const InputSeries& s) { return std::ranges::find(s.valid, 0) != s.valid.end(); });
}

Batch ModelInput::batch(std::int64_t first, std::int64_t count) const {
  Batch batch;
  batch.pixels = count;
  for (const auto& s : series) {
    const std::int64_t start = first * s.dates;
    batch.series.push_back(
        {s.dates, s.features, s.values.data() + start * s.features, s.valid.data() + start, s.days.data() + start, true});
  }
  batch.statics = n_statics > 0 ? statics.data() + first * n_statics : nullptr;
  return batch;
}

ModelInput ModelInput::subset(const std::vector<std::int64_t>& samples) const {
  ModelInput out;
  out.n_statics = n_statics;
  const auto copy_rows = [&](const auto& from, auto& to, std::int64_t width) {
    to.reserve(samples.size() * static_cast<std::size_t>(width));
    for (const auto i : samples) to.insert(to.end(), from.begin() + i * width, from.begin() + (i + 1) * width);
  };
  for (const auto& s : series) {
    auto& t = out.series.emplace_back(InputSeries{s.dates, s.features, {}, {}, {}});
    copy_rows(s.values, t.values, std::int64_t{s.dates} * s.features);
    copy_rows(s.valid, t.valid, s.dates);
    copy_rows(s.days, t.days, s.dates);
    if (!s.calendar.empty()) copy_rows(s.calendar, t.calendar, s.dates);
  }
  copy_rows(statics, out.statics, n_statics);
  copy_rows(target, out.target, 1);
  copy_rows(group, out.group, 1);
  return out;
}

}  // namespace millesime
