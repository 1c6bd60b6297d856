#pragma once
// Fill values of a raster that its file does not declare: found as those of tables are (core/table_numbers.h), in the whole raster or, of a
// large one, in blocks spread evenly over it. The same raster gives the same answer for every tile and window. A number that lies beyond
// the others and only around them is one, too, whatever it is: gdalwarp leaves 0 around an image that it rotates.

#include <string>
#include <vector>

#include "pipeline/io/raster_file.h"

namespace millesime {

struct ExogenousOptions;

struct RasterFills {
  std::vector<std::vector<double>> of_band;  // of each band that is an input: stored numbers, before scale and offset
  std::vector<std::string> notes;            // a sentence for each that was found

  // Sets the values of a band that are such numbers to NaN; also those that no observation can have (beyond 1e30). `values`:
  // [pixel][input].
  void hide(std::size_t input, const BandInfo& info, std::vector<float>& values) const;
};

// `bands`: those of the raster that are inputs. Of bytes 255 alone (of signed ones -128) is looked for; of categories nothing: a code is
// one like another. `read`: the pixels that are going to be read. UserError for a number among them that may be a fill value and may be
// none, and for an entry of `nodata` that is no number.
RasterFills find_fills(const ExogenousOptions& entry, const RasterReader& raster, const std::vector<int>& bands, const Window& read);

}  // namespace millesime
