#include "pipeline/io/picture.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <cpl_conv.h>
#include <cpl_string.h>
#include <cpl_vsi.h>
#include <gdal.h>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/raster_file.h"

namespace millesime {

namespace {

template <class T>
Raster<T> reduced(const std::string& path, int longest_side, GDALDataType type) {
  MILLESIME_CHECK(longest_side > 0, path, ": picture of ", longest_side, " px");
  const RasterReader reader(path);  // checks what it is
  const Grid& whole = reader.grid();
  const double scale = std::max(1.0, static_cast<double>(std::max(whole.cols, whole.rows)) / longest_side);
  Grid grid = whole;
  grid.cols = std::max(1, static_cast<int>(std::lround(whole.cols / scale)));
  grid.rows = std::max(1, static_cast<int>(std::lround(whole.rows / scale)));
  grid.pixel_width = whole.pixel_width * whole.cols / grid.cols;
  grid.pixel_height = whole.pixel_height * whole.rows / grid.rows;
  Raster<T> picture(grid);

  const GdalMessages messages;
  const DatasetHandle dataset(GDALOpen(path.c_str(), GA_ReadOnly));
  if (!dataset || GDALRasterIO(GDALGetRasterBand(dataset.get(), 1), GF_Read, 0, 0, whole.cols, whole.rows, picture.samples.data(),
                               grid.cols, grid.rows, type, 0, 0) != CE_None)
    throw UserError(join_text(path, ": cannot be read at reduced size; the file is damaged, compute it again. ", messages.text()));
  return picture;
}

// A picture has 256 values: the codes themselves, or, if one is larger, the places of the classes in the nomenclature, from 1. Classes
// beyond the 255th are not drawn.
std::size_t value_of(const Nomenclature& nomenclature, std::size_t index) {
  const std::size_t value = nomenclature.max_code() > 255 ? index + 1 : static_cast<std::size_t>(nomenclature.classes[index].code);
  return value < 256 ? value : 0;
}

}  // namespace

Raster<std::uint8_t> read_reduced(const std::string& path, int longest_side) { return reduced<std::uint8_t>(path, longest_side, GDT_Byte); }

Raster<std::uint8_t> read_reduced_classes(const std::string& path, int longest_side, const Nomenclature& nomenclature) {
  const Raster<std::uint16_t> codes = reduced<std::uint16_t>(path, longest_side, GDT_UInt16);
  const std::vector<std::uint8_t> value = picture_values(nomenclature);
  Raster<std::uint8_t> picture(codes.grid);
  std::ranges::transform(codes.samples, picture.samples.begin(), [&](std::uint16_t code) { return value[code]; });
  return picture;
}

std::vector<std::uint8_t> picture_values(const Nomenclature& nomenclature) {
  std::vector<std::uint8_t> value(std::size_t{UINT16_MAX} + 1, 0);
  for (std::size_t i = 0; i < nomenclature.classes.size(); ++i)
    value[static_cast<std::uint16_t>(nomenclature.classes[i].code)] = static_cast<std::uint8_t>(value_of(nomenclature, i));
  return value;
}

Palette class_palette(const Nomenclature& nomenclature) {
  Palette palette{};
  for (std::size_t i = 0; i < nomenclature.classes.size(); ++i)
    if (const std::size_t value = value_of(nomenclature, i)) palette[value] = {nomenclature.classes[i].color, 255};
  return palette;
}

Palette number_palette(const ColorRamp& ramp, int maximum) {
  Palette palette{};
  for (int i = 1; i < 256; ++i) palette[static_cast<std::size_t>(i)] = {ramp.at(static_cast<double>(i) / std::max(1, maximum)), 255};
  return palette;
}

std::string encode_png(const Raster<std::uint8_t>& picture, const Palette& palette) {
  prepare_gdal();
  const GdalMessages messages;
  const auto failed = [&] {
    return Bug(join_text("PNG of ", picture.grid.cols, " x ", picture.grid.rows, " px cannot be made. ", messages.text()));
  };
  const DatasetHandle memory(GDALCreate(GDALGetDriverByName("MEM"), "", picture.grid.cols, picture.grid.rows, 1, GDT_Byte, nullptr));
  if (!memory) throw failed();
  GDALRasterBandH band = GDALGetRasterBand(memory.get(), 1);
  GDALColorTableH colors = GDALCreateColorTable(GPI_RGB);
  for (int i = 0; i < 256; ++i) {
    const PaletteEntry& p = palette[static_cast<std::size_t>(i)];
    const GDALColorEntry entry{p.color.red, p.color.green, p.color.blue, p.alpha};
    GDALSetColorEntry(colors, i, &entry);
  }
  GDALSetRasterColorTable(band, colors);
  GDALDestroyColorTable(colors);
  auto* samples = const_cast<std::uint8_t*>(picture.samples.data());  // GDAL only reads it
  if (GDALRasterIO(band, GF_Write, 0, 0, picture.grid.cols, picture.grid.rows, samples, picture.grid.cols, picture.grid.rows, GDT_Byte, 0,
                   0) != CE_None)
    throw failed();

  // Unique among the threads of this process: the address of a local.
  const std::string name = join_text("/vsimem/picture-", reinterpret_cast<std::uintptr_t>(&messages), ".png");
  DatasetHandle png(GDALCreateCopy(GDALGetDriverByName("PNG"), name.c_str(), memory.get(), FALSE, nullptr, nullptr, nullptr));
  const bool made = png != nullptr;
  png.reset();
  vsi_l_offset size = 0;
  GByte* bytes = made ? VSIGetMemFileBuffer(name.c_str(), &size, TRUE) : nullptr;
  VSIUnlink((name + ".aux.xml").c_str());
  if (!bytes) throw failed();
  std::string result(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  VSIFree(bytes);
  return result;
}

std::string embedded_png(const Raster<std::uint8_t>& picture, const Palette& palette) {
  const std::string png = encode_png(picture, palette);
  char* text = CPLBase64Encode(static_cast<int>(png.size()), reinterpret_cast<const GByte*>(png.data()));
  const std::string url = join_text("data:image/png;base64,", text);
  CPLFree(text);
  return url;
}

}  // namespace millesime
