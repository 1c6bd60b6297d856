// summarise(): what a map holds, counted in strips.

#include <algorithm>

#include "pipeline/core/class_names.h"
#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/geodesy.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/publish.h"

namespace millesime {

MapSummary summarise(const std::string& classification, const std::string& confidence, const std::string& validity,
                     const Context& context) {
  const RasterReader classes(classification);
  const Grid& grid = classes.grid();
  std::vector<RasterReader> numbers;
  for (const auto* file : {&confidence, &validity}) {
    numbers.emplace_back(file->empty() ? classification : *file);
    require_same(grid, numbers.back().grid(), *file + " and " + classification);
  }
  const std::optional<PixelAreas> areas = pixel_areas(grid);
  struct Sum {
    std::int64_t pixels = 0, confidence = 0, cm2 = 0;
  };
  std::vector<Sum> sums(std::size_t{kMaxCode} + 1);  // by code
  std::int64_t validity_sum = 0;
  int lowest_validity = 256, highest_validity = 0, lowest_confidence = 256, highest_confidence = 0;
  std::vector<std::uint16_t> code;
  std::vector<std::uint8_t> percent, times;
  std::vector<std::int64_t> cm2(static_cast<std::size_t>(grid.cols));
  context.progress->start("statistics", grid.pixels(), "px");
  for (const Window& strip : split(grid.whole(), grid.cols, kMapBlock, 1)) {
    const auto pixels = static_cast<std::size_t>(strip.pixels());
    code.resize(pixels);
    percent.assign(pixels, 0);
    times.assign(pixels, 0);
    classes.read(strip, 0, code.data());
    if (!confidence.empty()) numbers[0].read(strip, 0, percent.data());
    if (!validity.empty()) numbers[1].read(strip, 0, times.data());
    for (std::size_t i = 0; i < pixels; ++i) {
      const std::size_t col = i % cm2.size();
      if (areas && col == 0) areas->row_cm2(0, strip.row + static_cast<int>(i / cm2.size()), strip.width, cm2);
      if (code[i] == 0) continue;
      sums[code[i]].pixels += 1;
      sums[code[i]].confidence += percent[i];
      sums[code[i]].cm2 += cm2[col];
      validity_sum += times[i];
      highest_validity = std::max(highest_validity, static_cast<int>(times[i]));
      highest_confidence = std::max(highest_confidence, static_cast<int>(percent[i]));
      if (times[i] != 0) lowest_validity = std::min(lowest_validity, static_cast<int>(times[i]));
      if (percent[i] != 0) lowest_confidence = std::min(lowest_confidence, static_cast<int>(percent[i]));
    }
    context.progress->advance(strip.pixels());
  }
  context.progress->finish();

  MapSummary summary;
  summary.grid = grid;
  summary.in_degrees = !metres_per_unit(grid.crs);
  std::int64_t confidence_sum = 0, cm2_sum = 0;
  const auto mean = [](std::int64_t sum, std::int64_t n) { return n ? static_cast<double>(sum) / static_cast<double>(n) : 0.0; };
  for (int c = 1; c <= kMaxCode; ++c) {
    const Sum& sum = sums[static_cast<std::size_t>(c)];
    if (!sum.pixels) continue;
    summary.classes.push_back({c, sum.pixels, mean(sum.confidence, sum.pixels), hectares_of_cm2(sum.cm2)});
    summary.mapped += sum.pixels;
    cm2_sum += sum.cm2;
    confidence_sum += sum.confidence;
  }
  if (areas) summary.mapped_ha = hectares_of_cm2(cm2_sum);
  summary.confidence = mean(confidence_sum, summary.mapped);
  summary.validity = mean(validity_sum, summary.mapped);
  summary.highest_validity = highest_validity, summary.highest_confidence = highest_confidence;
  summary.lowest_validity = std::min(lowest_validity, highest_validity);
  summary.lowest_confidence = std::min(lowest_confidence, highest_confidence);
  return summary;
}

}  // namespace millesime
