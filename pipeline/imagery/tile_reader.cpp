#include "pipeline/imagery/tile_reader.h"

#include "pipeline/core/coordinate_inputs.h"

namespace millesime {
namespace {

std::vector<std::string> statics_of(const std::vector<ExogenousOptions>& exogenous, bool coordinates) {
  std::vector<std::string> names = exogenous_names(exogenous);
  if (coordinates) names.insert(names.end(), coordinate_inputs().begin(), coordinate_inputs().end());
  return names;
}

}  // namespace

TileReader::TileReader(const std::vector<Source>& sources, const std::vector<ExogenousOptions>& exogenous, int threads, int halo,
                       std::int64_t memory_bytes, bool coordinates)
    : exogenous_(exogenous, sources.front().census->grid), missing_(statics_of(exogenous, coordinates)) {
  if (coordinates) coordinates_.emplace(sources.front().census->grid);
  for (const Source& source : sources) {
    series_.push_back(std::make_unique<SeriesReader>(*source.census, source.bands, threads, halo));
    series_.back()->keep_within(memory_bytes / SeriesReader::kShareForBlocks);
  }
}

std::size_t TileReader::n_statics() const { return exogenous_.size() + (coordinates_ ? coordinate_inputs().size() : 0); }

std::int64_t TileReader::bytes_per_pixel() const {
  auto bytes = static_cast<std::int64_t>((n_statics() + exogenous_.size()) * sizeof(float));  // and what is interpolated while it is read
  for (const auto& series : series_) bytes += series->bytes_per_pixel();
  return bytes;
}

void TileReader::read(const Window& window, TileWindow& into) {
  constexpr auto kSkip = SeriesReader::Masked::skip;
  main().read(window, into.series, kSkip);
  into.statics.resize(static_cast<std::size_t>(window.pixels()) * n_statics());
  exogenous_.read(window, into.statics.data(), n_statics());
  if (coordinates_) coordinates_->read(window, into.statics.data(), n_statics(), exogenous_.size());
  missing_.add(into.statics);
  while (into.others.size() + 1 < series_.size()) into.others.push_back(empty_series(into.series.masks.get_allocator().device()));
  for (std::size_t s = 1; s < series_.size(); ++s) series_[s]->read(window, into.others[s - 1], kSkip);
}

}  // namespace millesime
