#include "pipeline/stages/judged_map.h"

#include <algorithm>

#include "pipeline/stages/map_units.h"

namespace millesime {

JudgedMap::JudgedMap(const ValidateCommand& command, const Context& context)
    : map_(open_map(command.classification, MapKind::classes, context)) {
  if (command.confidence.empty()) return;
  confidence_.emplace(open_map(command.confidence, MapKind::confidence, context));
  require_same(map_.grid(), confidence_->grid(), command.confidence + " and " + command.classification);
}

ShownClass JudgedMap::at(const Window& pixel) const {
  ShownClass shown;
  map_.read(pixel, &shown.produced);
  float confidence = 0;
  if (confidence_) confidence_->read_probabilities(pixel, &confidence);
  shown.confidence = static_cast<double>(confidence);
  return shown;
}

ShownClass JudgedMap::in(const Feature& square, const Window& middle) const {
  const Window window = grid().window_of(square.extent());
  const auto inside = rasterise(std::vector{square}, grid().crop(window), [](std::size_t) { return 1; });
  if (std::ranges::count(inside.samples, 1) == 0) return at(middle);
  std::vector<std::int32_t> codes(inside.samples.size());
  map_.read(window, codes.data());
  std::vector<float> confidence(codes.size());
  if (confidence_) confidence_->read_probabilities(window, confidence.data());
  std::vector<int> mapped;
  for (std::size_t i = 0; i < codes.size(); ++i)
    if (inside.samples[i] != 0 && codes[i] != 0) mapped.push_back(codes[i]);
  if (mapped.empty()) return {};
  ShownClass shown{most_frequent(mapped), 0};
  for (std::size_t i = 0; i < codes.size(); ++i)
    if (inside.samples[i] != 0 && codes[i] == shown.produced) shown.confidence += static_cast<double>(confidence[i]);
  shown.confidence /= static_cast<double>(std::ranges::count(mapped, shown.produced));
  return shown;
}

}  // namespace millesime
