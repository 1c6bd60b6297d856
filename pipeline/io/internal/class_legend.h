#pragma once
// Inside pipeline/io only: a nomenclature as the legend of a class map in GDAL: palette, category names, raster attribute table.

#include <optional>
#include <string>

#include <gdal.h>

#include "pipeline/core/nomenclature.h"

namespace millesime {

int highest_code(const Nomenclature& nomenclature);

// Palette of band 1, 0 is transparent; and its metadata "CLASS_17=Forêts de conifères": a TIFF that is passed on alone has its names in it.
void set_palette(GDALDatasetH dataset, const Nomenclature& nomenclature);

// The text of <map>.aux.xml: category names and the attribute table (value, class, red, green, blue), which TIFF cannot store.
std::string legend_sidecar(const Nomenclature& nomenclature);

// The classes of the palette of band 1: those of the attribute table, else those with a category name, else those that the metadata name,
// else every code whose colour is not black. Empty without a palette.
std::optional<Nomenclature> legend_of(GDALDatasetH dataset);

}  // namespace millesime
