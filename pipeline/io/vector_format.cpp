#include "pipeline/io/internal/vector_format.h"

#include <algorithm>
#include <filesystem>

#include <gdal.h>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/gdal_call.h"

namespace millesime {
namespace {

bool is_written(const VectorFormat& format) {
  const GDALDriverH driver = GDALGetDriverByName(format.driver);
  return driver && GDALGetMetadataItem(driver, GDAL_DCAP_CREATE, nullptr);
}

}  // namespace

std::vector<std::string> extensions_of(std::span<const VectorFormat> formats) {
  std::vector<std::string> extensions;
  for (const VectorFormat& format : formats) extensions.emplace_back(format.extension);
  return extensions;
}

const VectorFormat& format_of(const std::string& path, std::span<const VectorFormat> formats) {
  const std::string extension = lower(std::filesystem::path(path).extension().string());
  for (const VectorFormat& format : formats)
    if (extension == std::string(".") + format.extension) return format;
  const auto knows = [&](const char* other) {
    return std::ranges::any_of(formats, [&](const VectorFormat& format) { return std::string_view(format.extension) == other; });
  };
  throw UserError(join_text(path, ": unknown vector format \"", extension, "\"; expected .", join_list(extensions_of(formats), ", ."),
                            extension == ".shp" && knows("zip") ? "; a shapefile is written zipped, as .zip" : ""));
}

void require_writable(const std::string& path, const VectorFormat& format, std::span<const VectorFormat> formats) {
  prepare_gdal();
  if (is_written(format)) return;
  std::vector<std::string> others;
  for (const VectorFormat& other : formats)
    if (is_written(other)) others.emplace_back(other.extension);
  throw UserError(join_text(path, ": GDAL ", GDALVersionInfo("RELEASE_NAME"), " cannot write ", format.name, ": it has no driver ",
                            format.driver, " for writing; ",
                            others.empty() ? "" : "choose another format, ." + join_list(others, ", .") + ", or ",
                            "install a GDAL that has it"));
}

}  // namespace millesime
