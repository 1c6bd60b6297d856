#pragma once
// The classes of a map for programs that do not read its palette and attribute table.

#include <cstdint>
#include <map>
#include <string>

#include "pipeline/core/nomenclature.h"

namespace millesime {

std::string color_table(const Nomenclature& nomenclature);  // .clr of ArcGIS and GRASS: code, red, green, blue
std::string sld_style(const Nomenclature& nomenclature);    // Styled Layer Descriptor 1.0 of OGC, for GeoServer and MapServer
std::string sld_polygon_style(const Nomenclature& nomenclature, const std::string& field);  // of polygons with codes in `field`

// A value attribute table (ArcGIS reads <raster>.vat.dbf): VALUE, COUNT, CLASS (name), CLASS_EN, RED, GREEN, BLUE. `pixels` of each code;
// classes without pixels are left out. Writes the code page beside it.
void write_value_table(const std::string& path, const Nomenclature& nomenclature, const std::map<int, std::int64_t>& pixels);

}  // namespace millesime
