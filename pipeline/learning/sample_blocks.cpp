#include "pipeline/learning/sample_blocks.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/core/land_blocks.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

enum class Positions { metres, degrees, longitudes };

Positions positions_of(const SampleSelection& selection) {
  const Samples& samples = *selection.samples;
  bool somewhere = false, in_degrees = true;
  for (const auto row : selection.rows) {
    const double x = samples.x[static_cast<std::size_t>(row)], y = samples.y[static_cast<std::size_t>(row)];
    somewhere = somewhere || x != 0 || y != 0;
    in_degrees = in_degrees && std::abs(x) <= 180 && std::abs(y) <= 90;
  }
  if (somewhere) return in_degrees ? Positions::degrees : Positions::metres;
  if (samples.longitude.empty() || std::ranges::any_of(selection.rows, [&](std::int64_t row) {
        return std::isnan(samples.longitude[static_cast<std::size_t>(row)]) || std::isnan(samples.latitude[static_cast<std::size_t>(row)]);
      }))
    throw UserError(
        join_text(selection.file,
                  ": block_km needs to know where the samples are, but they have no positions; expected columns x and y in metres "
                  "or degrees, or longitude and latitude; without block_km polygons are held out"));
  return Positions::longitudes;
}

}  // namespace

std::vector<std::int64_t> blocks_of(const std::vector<SampleSelection>& selections, double block_km) {
  struct Middle {
    double x = 0, y = 0, n = 0;
    bool degrees = false;
  };
  std::map<std::int64_t, Middle> middles;
  for (const SampleSelection& selection : selections) {
    const Samples& samples = *selection.samples;
    const Positions positions = positions_of(selection);
    for (const auto row : selection.rows) {
      const auto i = static_cast<std::size_t>(row);
      Middle& middle = middles[samples.group_of(row)];
      const bool of_columns = positions != Positions::longitudes;
      middle.x += of_columns ? samples.x[i] : static_cast<double>(samples.longitude[i]);
      middle.y += of_columns ? samples.y[i] : static_cast<double>(samples.latitude[i]);
      ++middle.n, middle.degrees = positions != Positions::metres;
    }
  }
  std::vector<std::int64_t> blocks;
  for (const SampleSelection& selection : selections)
    for (const auto row : selection.rows) {
      const Middle& middle = middles.at(selection.samples->group_of(row));
      const double x = middle.x / middle.n, y = middle.y / middle.n;
      blocks.push_back(middle.degrees ? block_of_degrees(x, y, block_km) : block_of({x, y}, block_km, 1));
    }
  return blocks;
}

bool are_many(const std::vector<std::int64_t>& blocks) {
  return std::set(blocks.begin(), blocks.end()).size() > static_cast<std::size_t>(kFewBlocks);
}

std::string note_on_blocks(const std::vector<SampleSelection>& selections, double block_km) {
  const std::vector<std::int64_t> blocks = blocks_of(selections, block_km);
  const auto n = std::set(blocks.begin(), blocks.end()).size();
  if (are_many(blocks)) return join_text("held out: whole squares of ", block_km, " km; the samples lie in ", n, " of them");
  return join_text("held out: polygons, not squares of ", block_km, " km: the samples lie in ", n, " of them; expected more than ",
                   kFewBlocks, "; give a smaller block_km");
}

}  // namespace millesime
