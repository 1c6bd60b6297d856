// What became of the polygons of a tile, as one line.

#include <tuple>

#include "pipeline/core/counted.h"
#include "pipeline/core/text.h"
#include "pipeline/stages/sample.h"

namespace millesime {

std::string text_of_sample_counts(const nlohmann::json& counts) {
  std::string text =
      counted(counts.at("samples").get<std::size_t>(), "sample") + " of " + counted(counts.at("polygons").get<std::size_t>(), "polygon");
  std::string left_out;
  for (const auto& [key, what, why] : {std::tuple("polygons_without_class", "polygon", "without a class"),
                                       {"polygons_outside_regions", "polygon", "outside the regions"},
                                       {"polygons_without_pixel", "polygon", "without a pixel"},
                                       {"pixels_of_two_classes", "pixel", "of two classes"},
                                       {"pixels_without_observation", "pixel", "without a valid observation"},
                                       {"pixels_not_selected", "pixel", "that were not drawn"}})
    if (const auto n = counts.at(key).get<std::size_t>(); n > 0)
      left_out += join_text(left_out.empty() ? "; left out: " : ", ", counted(n, what), " ", why);
  return text + left_out;
}

}  // namespace millesime
