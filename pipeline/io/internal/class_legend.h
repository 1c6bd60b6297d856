#pragma once
// Inside pipeline/io only: a nomenclature as what GDAL shows of a class map: palette, category names, raster attribute table.

#include <string>

#include <gdal.h>

#include "pipeline/core/nomenclature.h"

namespace millesime {

int highest_code(const Nomenclature& nomenclature);

// Palette of band 1; 0 is transparent.
void set_palette(GDALDatasetH dataset, const Nomenclature& nomenclature);

// The text of <map>.aux.xml: category names and the attribute table (value, class, red, green, blue), which TIFF itself cannot hold.
std::string legend_sidecar(const Nomenclature& nomenclature);

}  // namespace millesime
