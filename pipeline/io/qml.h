#pragma once
// Styles for QGIS 3 (.qml with the name of the raster or vector file): QGIS shows it with its colours and class names.

#include <string>
#include <vector>

#include "pipeline/core/nomenclature.h"
#include "pipeline/io/color_ramp.h"

namespace millesime {

// Paletted renderer; values that are not classes are transparent.
std::string class_style(const Nomenclature& nomenclature);

// Pseudocolour of a number from 0 to `maximum`, interpolated between the ramp's stops.
std::string number_style(const ColorRamp& ramp, double maximum, const std::string& unit);

// Of polygons with the codes of classes in `field`: the file, and the renderer in it.
std::string polygon_style(const Nomenclature& nomenclature, const std::string& field);
std::string category_renderer(const Nomenclature& nomenclature, const std::string& field);

// A style of points, or of polygons, with a form to fill in: each of `label_fields` offers the classes (of codes), `notes` has several
// lines, `fixed` cannot be changed.
struct PointForm {
  std::vector<std::string> label_fields;
  std::string notes, fixed;
  bool of_polygons = false;
};
std::string form_style(const Nomenclature& nomenclature, const PointForm& form);

}  // namespace millesime
