#pragma once
// Inside pipeline/io only: formats of vectors that are written, by the ending of a file's name.

#include <span>
#include <string>
#include <vector>

namespace millesime {

struct VectorFormat {
  const char *extension, *driver, *name;
};

std::vector<std::string> extensions_of(std::span<const VectorFormat> formats);
// UserError that lists the extensions, for a file of none of the formats.
const VectorFormat& format_of(const std::string& path, std::span<const VectorFormat> formats);
// UserError unless this GDAL writes the format; it names those of `formats` that it writes.
void require_writable(const std::string& path, const VectorFormat& format, std::span<const VectorFormat> formats);

}  // namespace millesime
