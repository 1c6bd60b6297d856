#pragma once
// PixelTally: what a tile's map consists of, for its manifest.

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/imagery/seed_map.h"

namespace millesime {

// The pixels of a tile by class, and those without one by reason.
struct PixelTally {
  std::int64_t pixels = 0, acquisitions = 0;
  // Pixels without a class, by reason.
  std::int64_t no_image = 0, no_valid_observation = 0, outside_regions = 0, region_without_model = 0, outside_area = 0;
  std::int64_t mapped = 0;
  std::vector<std::int64_t> mapped_without;  // of each further source: pixels with a class that no valid date of it sees
  int most_acquisitions = 0;
  std::map<int, std::int64_t> classes;

  // `image`: 1 where there is one; empty: not known. `inside`: 1 in the area; empty: everywhere. `observed`: of each further source.
  void add(const SeedMap::Pixels& window, const std::vector<std::uint8_t>& image, const std::vector<std::uint8_t>& without_model,
           const std::vector<std::uint8_t>& inside, const std::vector<std::vector<std::uint8_t>>& observed) {
    pixels += static_cast<std::int64_t>(window.label.size());
    mapped_without.resize(observed.size());
    for (std::size_t p = 0; p < window.label.size(); ++p) {
      if (!inside.empty() && inside[p] == 0) {
        ++outside_area;
        continue;
      }
      if (window.label[p]) {
        ++mapped;
        for (std::size_t s = 0; s < observed.size(); ++s) mapped_without[s] += observed[s][p] == 0;
      }
      if (window.label[p])
        ++classes[window.label[p]];
      else if (window.validity[p] == 0)
        ++(!image.empty() && image[p] == 0 ? no_image : no_valid_observation);
      else
        ++(!without_model.empty() && without_model[p] ? region_without_model : outside_regions);
      acquisitions += window.validity[p];
      most_acquisitions = std::max<int>(most_acquisitions, window.validity[p]);
    }
  }
  bool mapped_nothing_of_what_was_seen() const { return classes.empty() && outside_regions + region_without_model > 0; }
  nlohmann::json to_json() const {
    nlohmann::json by_class = nlohmann::json::object();
    for (const auto& [code, n] : classes) by_class[std::to_string(code)] = n;
    const double mean = pixels > 0 ? static_cast<double>(acquisitions) / static_cast<double>(pixels) : 0;
    nlohmann::json counts = {{"pixels", pixels},
                             {"without_observation", no_image + no_valid_observation},
                             {"outside_regions", outside_regions},
                             {"unmapped",
                              {{"no_image", no_image},
                               {"no_valid_observation", no_valid_observation},
                               {"outside_regions", outside_regions},
                               {"region_without_model", region_without_model}}},
                             {"validity", {{"mean", mean}, {"maximum", most_acquisitions}}},
                             {"classes", by_class}};
    if (outside_area > 0) counts["unmapped"]["outside_area"] = outside_area;
    return counts;
  }
};

}  // namespace millesime
