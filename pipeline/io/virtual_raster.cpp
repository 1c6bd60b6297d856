#include "pipeline/io/virtual_raster.h"

#include <filesystem>
#include <sstream>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/text.h"

namespace millesime {
void write_virtual_raster(const std::string& path, const Grid& grid, const std::vector<RasterPart>& parts, PixelType type) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::ostringstream xml;
  xml.precision(17);
  xml << "<VRTDataset rasterXSize=\"" << grid.cols << "\" rasterYSize=\"" << grid.rows << "\">\n"
      << "  <SRS dataAxisToSRSAxisMapping=\"1,2\">" << escape_markup(grid.crs) << "</SRS>\n"
      << "  <GeoTransform>" << grid.x0 << ", " << grid.pixel_width << ", 0, " << grid.y0 << ", 0, " << -grid.pixel_height
      << "</GeoTransform>\n"
      << "  <VRTRasterBand dataType=\"" << (type == PixelType::u8 ? "Byte" : "UInt16")
      << "\" band=\"1\">\n    <NoDataValue>0</NoDataValue>\n";
  for (const auto& [file, window] : parts)
    xml << "    <SimpleSource>\n      <SourceFilename relativeToVRT=\"1\">"
        << escape_markup(std::filesystem::path(file).lexically_relative(folder).string())
        << "</SourceFilename>\n      <SourceBand>1</SourceBand>\n"
        << "      <SrcRect xOff=\"0\" yOff=\"0\" xSize=\"" << window.width << "\" ySize=\"" << window.height << "\"/>\n"
        << "      <DstRect xOff=\"" << window.col << "\" yOff=\"" << window.row << "\" xSize=\"" << window.width << "\" ySize=\""
        << window.height << "\"/>\n    </SimpleSource>\n";
  xml << "  </VRTRasterBand>\n</VRTDataset>\n";
  write_text(path, xml.str());
}

}  // namespace millesime
