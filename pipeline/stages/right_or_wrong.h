#pragma once
// Right or wrong: where a map agrees with its reference, as a map beside it, and how confidence and validity are spread over the pixels
// that are right and those that are wrong.
//
// The map's values are those of iota2's diff: the sum of what each kind of polygon says of a pixel.
//   held out      1 wrong, 2 right
//   learned from  3 wrong, 4 right
// so that a pixel of both kinds is 6 where it is right, and 4 where it is wrong; 0 is no reference, or what no confusion matrix counts: a
// pixel without a class in the map, or in polygons of two classes.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/nomenclature.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/stage.h"

namespace millesime {

// Polygons and the class code of each.
struct LabelledPolygons {
  VectorLayer layer;  // in the CRS of the map
  std::vector<std::int32_t> codes;
};

inline constexpr std::int32_t kOfTwoClasses = -1;

// The class of each pixel: 0 where there is no polygon, kOfTwoClasses where those of two classes hold it.
std::vector<std::int32_t> classes_of_pixels(const std::vector<Feature>& polygons, const std::vector<std::int32_t>& codes, const Grid& grid);

struct RightOrWrong {
  std::string classification, confidence, validity;  // maps of one grid; the last two may be ""
  LabelledPolygons held_out;
  std::optional<LabelledPolygons> learned;
  std::string map, histograms;  // files to write
};

// Of one layer: value -> {pixels that are right, pixels that are wrong}, of mapped pixels that were held out.
using RightWrongCounts = std::map<std::int32_t, std::array<std::int64_t, 2>>;

// Writes the map (uint8) and the histograms (CSV: layer,value,right,wrong; one line a value that occurs).
void write_right_or_wrong(const RightOrWrong& request, const Context& context);

}  // namespace millesime
