#include "pipeline/io/qgis_project.h"

#include <algorithm>
#include <filesystem>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/zip_file.h"

namespace millesime {
namespace {

// QGIS gives a layer whose id has no more than 10 characters another one, and does not find it in the tree then.
std::string id_of(std::size_t layer) { return join_text("millesime_layer_", layer); }

// The part of a style file that a project has in it.
std::string pipe_of(const std::string& qml) {
  const std::size_t first = qml.find("<pipe>"), last = qml.find("</pipe>");
  MILLESIME_CHECK(first != std::string::npos && last != std::string::npos, "a style without <pipe>");
  return qml.substr(first, last - first) + "</pipe>";
}

// QGIS takes a code only with its own number of the system beside it.
std::string spatial_system(const std::string& crs) {
  return "<spatialrefsys><wkt>" + escape_markup(wkt_of(static_cast<OGRSpatialReferenceH>(make_system(crs).get()))) +
         "</wkt></spatialrefsys>";
}

std::string tree_layer(const QgisLayer& layer, std::size_t number) {
  return join_text("      <layer-tree-layer id=\"", id_of(number), "\" name=\"", escape_markup(layer.title), "\" source=\"./",
                   escape_markup(layer.file), "\" providerKey=\"", layer.vector ? "ogr" : "gdal", "\" checked=\"",
                   layer.visible ? "Qt::Checked" : "Qt::Unchecked", "\" expanded=\"0\"/>\n");
}

std::string map_layer(const QgisLayer& layer, std::size_t number, const std::string& system) {
  return join_text("    <maplayer type=\"", layer.vector ? "vector" : "raster", "\"", layer.vector ? " geometry=\"Polygon\"" : "",
                   ">\n      <id>", id_of(number), "</id>\n      <datasource>./", escape_markup(layer.file),
                   "</datasource>\n      <layername>", escape_markup(layer.title), "</layername>\n      <srs>", system,
                   "</srs>\n      <provider", layer.vector ? " encoding=\"UTF-8\">ogr" : ">gdal", "</provider>\n",
                   layer.vector ? layer.style : pipe_of(layer.style), "\n    </maplayer>\n");
}

}  // namespace

void write_qgis_project(const QgisProject& project, const std::string& path) {
  const std::string system = spatial_system(project.crs);
  std::string tree, layers, group;
  for (std::size_t i = 0; i < project.layers.size(); ++i) {
    const QgisLayer& layer = project.layers[i];
    if (i == 0 || layer.group != group) {
      if (i > 0) tree += "    </layer-tree-group>\n";
      group = layer.group;
      tree += join_text("    <layer-tree-group name=\"", escape_markup(group), "\" checked=\"Qt::Checked\" expanded=\"1\">\n");
    }
    tree += tree_layer(layer, i);
    layers += map_layer(layer, i, system);
  }
  if (!project.layers.empty()) tree += "    </layer-tree-group>\n";
  const Box& view = project.extent;
  const std::string document = join_text(
      "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n<qgis projectname=\"", escape_markup(project.title),
      "\" version=\"3.22.0\">\n  <title>", escape_markup(project.title), "</title>\n  <projectCrs>", system,
      "</projectCrs>\n  <layer-tree-group>\n", tree, "  </layer-tree-group>\n  <mapcanvas name=\"theMapCanvas\">\n    <extent><xmin>",
      view.min_x, "</xmin><ymin>", view.min_y, "</ymin><xmax>", view.max_x, "</xmax><ymax>", view.max_y,
      "</ymax></extent>\n    <destinationsrs>", system, "</destinationsrs>\n  </mapcanvas>\n  <projectlayers>\n", layers,
      "  </projectlayers>\n  <properties>\n    <Paths><Absolute type=\"bool\">false</Absolute></Paths>\n    "
      "<SpatialRefSys><ProjectionsEnabled type=\"int\">1</ProjectionsEnabled></SpatialRefSys>\n  </properties>\n</qgis>\n");
  const std::filesystem::path file(path);
  const std::string text = (file.parent_path() / (file.stem().string() + ".qgs")).string();
  write_text(text, document);
  write_zip(path, {{file.stem().string() + ".qgs", text}}, ZipForm::deflated);
  std::filesystem::remove(text);
}

}  // namespace millesime
