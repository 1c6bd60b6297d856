#include "pipeline/io/internal/gdal_raster.h"

#include <cpl_string.h>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/class_legend.h"

namespace millesime {

GDALDataType gdal_type(PixelType type) {
  switch (type) {
    case PixelType::u8: return GDT_Byte;
    case PixelType::u16: return GDT_UInt16;
    case PixelType::i16: return GDT_Int16;
    case PixelType::i32: return GDT_Int32;
    case PixelType::f32: return GDT_Float32;
  }
  throw Bug("unknown pixel type");
}

PixelType pixel_type(GDALDataType type, const std::string& path) {
  switch (type) {
    case GDT_Byte: return PixelType::u8;
    case GDT_UInt16: return PixelType::u16;
    case GDT_Int16: return PixelType::i16;
    case GDT_UInt32:
    case GDT_Int32: return PixelType::i32;
    case GDT_UInt64:
    case GDT_Int64:
    case GDT_Float32:
    case GDT_Float64: return PixelType::f32;
    default:
      throw UserError(
          join_text(path, ": pixels of type ", GDALGetDataTypeName(type), " are not supported; expected integer or real numbers"));
  }
}

DatasetHandle open_raster(const std::string& path, const std::vector<std::string>& drivers) {
  const GdalMessages messages;
  CPLStringList allowed;
  for (const std::string& driver : drivers) allowed.AddString(driver.c_str());
  DatasetHandle dataset(GDALOpenEx(path.c_str(), GDAL_OF_RASTER | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR,
                                   drivers.empty() ? nullptr : allowed.List(), nullptr, nullptr));
  if (!dataset) throw UserError(join_text(path, ": cannot be opened as an image. ", messages.text()));
  if (GDALGetRasterCount(dataset.get()) < 1) throw UserError(join_text(path, ": has no raster band"));
  return dataset;
}

bool has_predictor(const std::string& compression) { return compression == "DEFLATE" || compression == "ZSTD" || compression == "LZW"; }

void check_codes(const Nomenclature& nomenclature, PixelType type, const std::string& path) {
  const int limit = type == PixelType::u8 ? 255 : 65535;
  if (const int code = highest_code(nomenclature); code > limit)
    throw UserError(join_text(path, ": the nomenclature has the code ", code, ", but a map of this type has codes up to ", limit,
                              "; renumber its classes"));
}

}  // namespace millesime
