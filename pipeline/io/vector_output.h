#pragma once

#include <string>

namespace millesime {

// UserError unless write_polygons() of vector_file.h can write a file of this name, with the formats that it and this GDAL write: for
// commands, before hours of work.
void require_vector_format(const std::string& path);

}  // namespace millesime
