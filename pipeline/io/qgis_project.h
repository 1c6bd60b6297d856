#pragma once
// A QGIS project (.qgz) that opens the products of an edition with their styles, in groups.

#include <string>
#include <vector>

#include "pipeline/core/grid.h"

namespace millesime {

struct QgisLayer {
  std::string title, group;
  std::string file;   // relative to the project
  std::string style;  // of a raster: its .qml; of a vector layer: category_renderer() of qml.h
  bool vector = false, visible = true;
};

struct QgisProject {
  std::string title, crs;         // crs: of the canvas and of all layers, "EPSG:2154" or WKT
  Box extent;                     // first view
  std::vector<QgisLayer> layers;  // from top to bottom
};

void write_qgis_project(const QgisProject& project, const std::string& path);  // atomic

}  // namespace millesime
