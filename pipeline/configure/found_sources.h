#pragma once
// Inside pipeline/configure only: images below a folder, by the sensors of configs/sensors.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/io/sensor.h"

namespace millesime {

inline constexpr int kDeepestFolder = 3;  // below the root, in which images and polygons are looked for

struct FoundSource {
  SourceOptions options;
  std::string title;
  SampleUnit unit = SampleUnit::reflectance;
  std::vector<std::string> tiles;
  std::vector<std::pair<int, int>> years;
  int products = 0;
};

std::vector<std::filesystem::path> children_of(const std::filesystem::path& folder);  // folders that are not hidden, sorted

bool looks_like_items(const std::filesystem::path& file);  // a list of STAC items in JSON, by its beginning

// One source a sensor: where most of its products are, and there as deep as possible; a list of items is chosen where no folder has as
// many. `root`: a folder, or a list. Images of the ground come first, the most before.
std::vector<FoundSource> find_sources(const std::filesystem::path& root, std::vector<std::string>& notes);

}  // namespace millesime
