#include "pipeline/io/internal/gdal_raster.h"

#include <cpl_string.h>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/class_legend.h"
#include "pipeline/io/internal/gdal_open.h"

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
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 7, 0)
    case GDT_Int8:
#endif
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

namespace {

// Lists the images of a file that has several (NetCDF, HDF5); one has to be chosen.
std::string variables_of(GDALDatasetH dataset) {
  const CSLConstList listed = GDALGetMetadata(dataset, "SUBDATASETS");
  std::string text;
  for (int i = 1; const char* name = CSLFetchNameValue(listed, join_text("SUBDATASET_", i, "_NAME").c_str()); ++i) {
    const char* description = CSLFetchNameValue(listed, join_text("SUBDATASET_", i, "_DESC").c_str());
    text += join_text("\n  ", name, description ? join_text("   ", description) : "");
  }
  return text.empty() ? "" : " of its own, but these variables; name the one to use:" + text;
}

}  // namespace

DatasetHandle open_raster(const std::string& path, const std::vector<std::string>& drivers) {
  DatasetHandle dataset = open_dataset(path, GDAL_OF_RASTER, drivers);
  if (GDALGetRasterCount(dataset.get()) < 1) throw UserError(join_text(path, ": has no raster band", variables_of(dataset.get())));
  return dataset;
}

bool has_predictor(const std::string& compression) { return compression == "DEFLATE" || compression == "ZSTD" || compression == "LZW"; }

Nomenclature legend_for(const Nomenclature& nomenclature, PixelType type) {
  const int limit = type == PixelType::u8 ? 255 : 65535;
  Nomenclature legend = nomenclature;
  std::erase_if(legend.classes, [&](const LandClass& land) { return land.code > limit; });
  return legend;
}

}  // namespace millesime
