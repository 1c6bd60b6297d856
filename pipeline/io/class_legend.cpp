#include "pipeline/io/internal/class_legend.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <cpl_conv.h>
#include <cpl_minixml.h>
#include <gdal_priv.h>
#include <gdal_rat.h>

namespace millesime {
namespace {

void add_attribute_table(CPLXMLNode* band, const Nomenclature& nomenclature) {
  GDALDefaultRasterAttributeTable table;
  table.SetTableType(GRTT_THEMATIC);
  enum Column { value, name, red, green, blue };
  table.CreateColumn("Value", GFT_Integer, GFU_MinMax);
  table.CreateColumn("Class", GFT_String, GFU_Name);
  table.CreateColumn("Red", GFT_Integer, GFU_Red);
  table.CreateColumn("Green", GFT_Integer, GFU_Green);
  table.CreateColumn("Blue", GFT_Integer, GFU_Blue);
  table.SetRowCount(nomenclature.size());
  for (int row = 0; row < nomenclature.size(); ++row) {
    const LandClass& land = nomenclature.classes[static_cast<std::size_t>(row)];
    table.SetValue(row, value, land.code);
    table.SetValue(row, name, land.name.c_str());
    table.SetValue(row, red, land.color.red);
    table.SetValue(row, green, land.color.green);
    table.SetValue(row, blue, land.color.blue);
  }
  CPLAddXMLChild(band, table.Serialize());
}

void add_category_names(CPLXMLNode* band, const Nomenclature& nomenclature) {
  std::vector<std::string> names(static_cast<std::size_t>(highest_code(nomenclature)) + 1);
  for (const LandClass& land : nomenclature.classes) names[static_cast<std::size_t>(land.code)] = land.name;
  CPLXMLNode* list = CPLCreateXMLNode(band, CXT_Element, "CategoryNames");
  for (const std::string& name : names) CPLCreateXMLElementAndValue(list, "Category", name.c_str());
}

}  // namespace

int highest_code(const Nomenclature& nomenclature) {
  int highest = 0;
  for (const LandClass& land : nomenclature.classes) highest = std::max(highest, land.code);
  return highest;
}

void set_palette(GDALDatasetH dataset, const Nomenclature& nomenclature) {
  GDALColorTable palette;
  const GDALColorEntry transparent{0, 0, 0, 0};
  palette.SetColorEntry(0, &transparent);
  for (const LandClass& land : nomenclature.classes) {
    const GDALColorEntry entry{land.color.red, land.color.green, land.color.blue, 255};
    palette.SetColorEntry(land.code, &entry);
  }
  GDALSetRasterColorTable(GDALGetRasterBand(dataset, 1), GDALColorTable::ToHandle(&palette));
}

std::string legend_sidecar(const Nomenclature& nomenclature) {
  const std::unique_ptr<CPLXMLNode, decltype(&CPLDestroyXMLNode)> root(CPLCreateXMLNode(nullptr, CXT_Element, "PAMDataset"),
                                                                       &CPLDestroyXMLNode);
  CPLXMLNode* band = CPLCreateXMLNode(root.get(), CXT_Element, "PAMRasterBand");
  CPLAddXMLAttributeAndValue(band, "band", "1");
  add_category_names(band, nomenclature);
  add_attribute_table(band, nomenclature);
  char* text = CPLSerializeXMLTree(root.get());
  std::string xml = text;
  CPLFree(text);
  return xml;
}

}  // namespace millesime
