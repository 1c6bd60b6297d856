#pragma once
// Inside pipeline/io only: STAC items in a table, one a row, as stac-geoparquet writes them.
// https://github.com/stac-utils/stac-geoparquet/blob/main/spec/stac-geoparquet-spec.md

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace millesime {

// By the file's name: .parquet or .geoparquet, or a table in another format (.gpkg, .fgb) that was made of one.
bool is_item_table(const std::string& path);

// Items with "id", "properties" and "assets". UserError if GDAL cannot read the format, or if the table has no assets.
std::vector<nlohmann::json> items_of_table(const std::string& path);

}  // namespace millesime
