#pragma once
// A layer of a vector file, and what the message advises where there are several.

#include <optional>
#include <string>
#include <vector>

#include "pipeline/io/vector_file.h"

namespace millesime {

struct LayerChoice {
  std::string name;    // "": the only one that holds polygons
  std::string option;  // of the command that reads the file, or of the configuration; "": it has none
};

// As read_polygons() of vector_file.h, whose message names the option "layer".
VectorLayer read_polygons(const std::string& path, const LayerChoice& layer, const std::vector<std::string>& required_fields,
                          const std::string& crs, const std::optional<Box>& within = std::nullopt);

// UserError, as read_polygons() has it, where the file, the layer, a field or the reference system is missing. Reads no feature.
void require_polygons(const std::string& path, const LayerChoice& layer, const std::vector<std::string>& required_fields);

}  // namespace millesime
