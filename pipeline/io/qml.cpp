#include "pipeline/io/qml.h"

#include <cmath>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

std::string document(const std::string& renderer) {
  return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
         "<qgis version=\"3.22.0\" styleCategories=\"Symbology\">\n"
         "  <pipe>\n" +
         renderer +
         "    <brightnesscontrast brightness=\"0\" contrast=\"0\" gamma=\"1\"/>\n"
         "    <huesaturation saturation=\"0\" grayscaleMode=\"0\" colorizeOn=\"0\"/>\n"
         "    <rasterresampler maxOversampling=\"2\"/>\n"
         "  </pipe>\n"
         "  <blendMode>0</blendMode>\n"
         "</qgis>\n";
}

}  // namespace

std::string class_style(const Nomenclature& nomenclature) {
  std::string renderer =
      "    <rasterrenderer type=\"paletted\" band=\"1\" opacity=\"1\" alphaBand=\"-1\" nodataColor=\"\">\n"
      "      <rasterTransparency/>\n"
      "      <colorPalette>\n";
  for (const LandClass& c : nomenclature.classes)
    renderer += join_text("        <paletteEntry value=\"", c.code, "\" label=\"", escape_markup(c.name), "\" color=\"", c.color.hex(),
                          "\" alpha=\"255\"/>\n");
  return document(renderer + "      </colorPalette>\n    </rasterrenderer>\n");
}

std::string number_style(const ColorRamp& ramp, double maximum, const std::string& unit) {
  std::string renderer = join_text(
      "    <rasterrenderer type=\"singlebandpseudocolor\" band=\"1\" opacity=\"1\" alphaBand=\"-1\" nodataColor=\"\" "
      "classificationMin=\"0\" classificationMax=\"",
      maximum,
      "\">\n"
      "      <rasterTransparency/>\n"
      "      <rastershader>\n"
      "        <colorrampshader colorRampType=\"INTERPOLATED\" classificationMode=\"1\" clip=\"0\" minimumValue=\"0\" maximumValue=\"",
      maximum, "\" labelPrecision=\"0\">\n");
  const std::string suffix = unit.empty() ? "" : " " + escape_markup(unit);
  for (std::size_t i = 0; i < ramp.stops.size(); ++i) {
    const double value = maximum * static_cast<double>(i) / static_cast<double>(ramp.stops.size() - 1);
    renderer += join_text("          <item value=\"", value, "\" label=\"", std::lround(value), suffix, "\" color=\"", ramp.stops[i].hex(),
                          "\" alpha=\"255\"/>\n");
  }
  return document(renderer + "        </colorrampshader>\n      </rastershader>\n    </rasterrenderer>\n");
}

std::string category_renderer(const Nomenclature& nomenclature, const std::string& field) {
  std::string categories, symbols;
  int number = 0;
  for (const LandClass& c : nomenclature.classes) {
    categories += join_text("        <category symbol=\"", number, "\" value=\"", c.code, "\" label=\"", escape_markup(c.name),
                            "\" render=\"true\"/>\n");
    symbols += join_text("        <symbol type=\"fill\" name=\"", number,
                         "\" alpha=\"1\"><layer class=\"SimpleFill\" enabled=\"1\"><prop k=\"color\" v=\"", int{c.color.red}, ",",
                         int{c.color.green}, ",", int{c.color.blue}, ",255\"/><prop k=\"outline_style\" v=\"no\"/></layer></symbol>\n");
    ++number;
  }
  return join_text("      <renderer-v2 type=\"categorizedSymbol\" attr=\"", escape_markup(field), "\">\n        <categories>\n", categories,
                   "        </categories>\n        <symbols>\n", symbols, "        </symbols>\n      </renderer-v2>");
}

std::string polygon_style(const Nomenclature& nomenclature, const std::string& field) {
  return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n<qgis version=\"3.22.0\" styleCategories=\"Symbology\">\n" +
         category_renderer(nomenclature, field) + "\n</qgis>\n";
}

std::string form_style(const Nomenclature& nomenclature, const PointForm& form) {
  const auto option = [](const std::string& name, const std::string& value) {
    return join_text("<Option type=\"QString\" name=\"", escape_markup(name), "\" value=\"", escape_markup(value), "\"/>");
  };
  const auto field = [](const std::string& name, const std::string& widget, const std::string& options) {
    return join_text("    <field name=\"", name, "\"><editWidget type=\"", widget, "\"><config><Option type=\"Map\">", options,
                     "</Option></config></editWidget></field>\n");
  };
  // QGIS writes the value of the name that is chosen; its own word for no value is a UUID.
  std::string classes = "<Option type=\"List\" name=\"map\">";
  const auto add = [&](const std::string& name, const std::string& value) {
    classes += "<Option type=\"Map\">" + option(name, value) + "</Option>";
  };
  add("", "{2839923C-8B7D-419E-B84B-CA2FE9B80EC7}");
  for (const LandClass& c : nomenclature.classes) add(join_text(c.code, " ", c.name), std::to_string(c.code));
  classes += "</Option>";
  std::string fields;
  for (const std::string& name : form.label_fields) fields += field(name, "ValueMap", classes);
  fields += field(form.notes, "TextEdit", "<Option type=\"bool\" name=\"IsMultiline\" value=\"true\"/>");
  // Seen on any image: crosses, or outlines that leave the inside free.
  const char* symbol = form.of_polygons
                           ? "<symbol type=\"fill\" name=\"0\" alpha=\"1\"><layer class=\"SimpleFill\" enabled=\"1\"><prop k=\"style\" "
                             "v=\"no\"/><prop k=\"outline_color\" v=\"255,0,255,255\"/><prop k=\"outline_width\" "
                             "v=\"0.6\"/></layer></symbol>"
                           : "<symbol type=\"marker\" name=\"0\" alpha=\"1\"><layer class=\"SimpleMarker\" enabled=\"1\"><prop k=\"name\" "
                             "v=\"cross2\"/><prop k=\"size\" v=\"4\"/><prop k=\"outline_color\" v=\"255,0,255,255\"/><prop "
                             "k=\"outline_width\" v=\"0.6\"/></layer></symbol>";
  return join_text(
      "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n<qgis version=\"3.22.0\" "
      "styleCategories=\"Symbology|Fields|Forms\">\n      <renderer-v2 type=\"singleSymbol\">\n        <symbols>",
      symbol, "</symbols>\n      </renderer-v2>\n  <fieldConfiguration>\n", fields, "  </fieldConfiguration>\n  <editable><field name=\"",
      form.fixed, "\" editable=\"0\"/></editable>\n</qgis>\n");
}

}  // namespace millesime
