#pragma once
// Inside pipeline/io only: shared by reading and writing rasters.

#include <cstdint>
#include <string>
#include <vector>

#include <gdal.h>

#include "pipeline/core/nomenclature.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/raster_file.h"

namespace millesime {

template <class T>
inline constexpr GDALDataType kGdalType = GDT_Unknown;
template <>
inline constexpr GDALDataType kGdalType<std::uint8_t> = GDT_Byte;
template <>
inline constexpr GDALDataType kGdalType<std::uint16_t> = GDT_UInt16;
template <>
inline constexpr GDALDataType kGdalType<std::int16_t> = GDT_Int16;
template <>
inline constexpr GDALDataType kGdalType<std::int32_t> = GDT_Int32;
template <>
inline constexpr GDALDataType kGdalType<float> = GDT_Float32;

GDALDataType gdal_type(PixelType type);
// The smallest supported type that holds it. UserError with the file if pixels are complex numbers.
PixelType pixel_type(GDALDataType type, const std::string& path);

// `drivers`: see RasterReader. UserError with GDAL's own message.
DatasetHandle open_raster(const std::string& path, const std::vector<std::string>& drivers);

// Whether the compression knows predictors.
bool has_predictor(const std::string& compression);

// The classes whose codes a map of this type can hold: others are in none of its pixels.
Nomenclature legend_for(const Nomenclature& nomenclature, PixelType type);

}  // namespace millesime
