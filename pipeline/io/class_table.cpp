#include "pipeline/io/class_table.h"

#include <gdal.h>
#include <ogr_api.h>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/internal/ogr_geometry.h"

namespace millesime {
namespace {

constexpr int kNameWidth = 100;  // bytes of UTF-8

std::string sld_document(const Nomenclature& nomenclature, const std::string& rules) {
  return join_text(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<StyledLayerDescriptor version=\"1.0.0\" xmlns=\"http://www.opengis.net/sld\" "
      "xmlns:ogc=\"http://www.opengis.net/ogc\">\n  <NamedLayer>\n    <Name>",
      escape_markup(nomenclature.name), "</Name>\n    <UserStyle>\n      <FeatureTypeStyle>\n", rules,
      "      </FeatureTypeStyle>\n    </UserStyle>\n  </NamedLayer>\n</StyledLayerDescriptor>\n");
}

}  // namespace

std::string color_table(const Nomenclature& nomenclature) {
  std::string text;
  for (const LandClass& c : nomenclature.classes)
    text += join_text(c.code, " ", int{c.color.red}, " ", int{c.color.green}, " ", int{c.color.blue}, "\n");
  return text;
}

std::string sld_style(const Nomenclature& nomenclature) {
  std::string entries;
  for (const LandClass& c : nomenclature.classes)
    entries += join_text("              <ColorMapEntry color=\"", c.color.hex(), "\" quantity=\"", c.code, "\" label=\"",
                         escape_markup(c.name), "\"/>\n");
  return sld_document(nomenclature, "        <Rule>\n          <RasterSymbolizer>\n            <ColorMap type=\"values\">\n" + entries +
                                        "            </ColorMap>\n          </RasterSymbolizer>\n        </Rule>\n");
}

std::string sld_polygon_style(const Nomenclature& nomenclature, const std::string& field) {
  std::string rules;
  for (const LandClass& c : nomenclature.classes)
    rules += join_text("        <Rule>\n          <Name>", c.code, "</Name>\n          <Title>", escape_markup(c.name),
                       "</Title>\n          <ogc:Filter><ogc:PropertyIsEqualTo><ogc:PropertyName>", escape_markup(field),
                       "</ogc:PropertyName><ogc:Literal>", c.code,
                       "</ogc:Literal></ogc:PropertyIsEqualTo></ogc:Filter>\n          <PolygonSymbolizer><Fill><CssParameter "
                       "name=\"fill\">",
                       c.color.hex(), "</CssParameter></Fill></PolygonSymbolizer>\n        </Rule>\n");
  return sld_document(nomenclature, rules);
}

void write_value_table(const std::string& path, const Nomenclature& nomenclature, const std::map<int, std::int64_t>& pixels) {
  prepare_gdal();
  const GdalMessages messages;
  const auto require = [&](bool done) {
    if (!done || messages.failed()) throw UserError(join_text(path, ": cannot be written; is the disk full? ", messages.text()));
  };
  GIntBig rows = 0;
  {
    const DatasetHandle table(GDALCreate(GDALGetDriverByName("ESRI Shapefile"), path.c_str(), 0, 0, 0, GDT_Unknown, nullptr));
    require(table != nullptr);
    const char* const options[] = {"ENCODING=UTF-8", nullptr};
    const OGRLayerH layer = GDALDatasetCreateLayer(table.get(), "vat", nullptr, wkbNone, const_cast<char**>(options));
    require(layer != nullptr);
    const auto add_field = [&](const char* name, OGRFieldType type, int width) {
      const OGRFieldDefnH field = OGR_Fld_Create(name, type);
      OGR_Fld_SetWidth(field, width);
      const OGRErr error = OGR_L_CreateField(layer, field, TRUE);
      OGR_Fld_Destroy(field);
      require(error == OGRERR_NONE);
    };
    add_field("VALUE", OFTInteger, 9);
    add_field("COUNT", OFTInteger64, 18);
    add_field("CLASS", OFTString, kNameWidth);
    add_field("CLASS_EN", OFTString, kNameWidth);
    for (const char* colour : {"RED", "GREEN", "BLUE"}) add_field(colour, OFTInteger, 3);
    for (const LandClass& c : nomenclature.classes) {
      const auto found = pixels.find(c.code);
      if (found == pixels.end()) continue;
      const FeatureHandle row(OGR_F_Create(OGR_L_GetLayerDefn(layer)));
      OGR_F_SetFieldInteger(row.get(), 0, c.code);
      OGR_F_SetFieldInteger64(row.get(), 1, found->second);
      OGR_F_SetFieldString(row.get(), 2, c.name.c_str());
      OGR_F_SetFieldString(row.get(), 3, c.name_en.empty() ? c.name.c_str() : c.name_en.c_str());
      OGR_F_SetFieldInteger(row.get(), 4, c.color.red);
      OGR_F_SetFieldInteger(row.get(), 5, c.color.green);
      OGR_F_SetFieldInteger(row.get(), 6, c.color.blue);
      require(OGR_L_CreateFeature(layer, row.get()) == OGRERR_NONE);
      ++rows;
    }
  }
  // A full disk may be noticed only when the last block is written: the table must be whole.
  const DatasetHandle made(GDALOpenEx(path.c_str(), GDAL_OF_VECTOR, nullptr, nullptr, nullptr));
  require(made != nullptr && OGR_L_GetFeatureCount(GDALDatasetGetLayer(made.get(), 0), TRUE) == rows);
}

}  // namespace millesime
