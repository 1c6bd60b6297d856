#include "pipeline/imagery/tile_reader.h"

namespace millesime {

TileReader::TileReader(const std::vector<Source>& sources, const std::vector<ExogenousOptions>& exogenous, int threads, int halo,
                       std::int64_t memory_bytes)
    : exogenous_(exogenous, sources.front().census->grid) {
  for (const Source& source : sources) {
    series_.push_back(std::make_unique<SeriesReader>(*source.census, source.bands, threads, halo));
    series_.back()->keep_within(memory_bytes / SeriesReader::kShareForBlocks);
  }
}

std::int64_t TileReader::bytes_per_pixel() const {
  auto bytes = static_cast<std::int64_t>(exogenous_.size() * sizeof(float));
  for (const auto& series : series_) bytes += series->bytes_per_pixel();
  return bytes;
}

void TileReader::read(const Window& window, TileWindow& into) const {
  main().read(window, into.series);
  into.statics = exogenous_.read(window);
  while (into.others.size() + 1 < series_.size()) into.others.push_back(empty_series(into.series.masks.get_allocator().device()));
  for (std::size_t s = 1; s < series_.size(); ++s) series_[s]->read(window, into.others[s - 1]);
}

}  // namespace millesime
