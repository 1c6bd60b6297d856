#pragma once
// Reads a class map, the maps that statistics are made of and the zones as strips of labels (pipeline/coverage/coverage_strip.h).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/nomenclature.h"
#include "pipeline/core/pixel_areas.h"
#include "pipeline/coverage/coverage.h"
#include "pipeline/imagery/zones.h"

namespace millesime {

// The label of a pixel of a zone (0 where there are no zones) with a class.
constexpr std::uint32_t label_of(std::uint32_t zone, std::uint32_t code) { return zone << 16 | code; }
constexpr int code_of(std::uint32_t label) { return static_cast<int>(label & 0xffff); }
constexpr std::uint32_t zone_of(std::uint32_t label) { return label >> 16; }

struct CoverageMaps {
  std::string map;  // classes whose patches become polygons
  // Maps that the statistics of the polygons are made of, each may be "": on the grid of the map, or on one whose pixels divide it.
  std::string classification, confidence, validity;
};

class CoverageReader {
 public:
  // UserError where grids do not fit, or a map has another type than it should.
  CoverageReader(const CoverageMaps& maps, const Nomenclature& nomenclature, const Zones* zones);
  ~CoverageReader();

  const Grid& grid() const;  // of the map
  const std::optional<PixelAreas>& areas() const;
  // Row `row` of the range. UserError for a class that the nomenclature does not have. One thread at a time.
  CoverageStrip read(const BlockRange& range, int row) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The classes of a map: the nomenclature of this name or file, or "": the legend of the map. UserError where there is neither.
Nomenclature nomenclature_of_map(const std::string& name_or_file, const std::string& map);

}  // namespace millesime
