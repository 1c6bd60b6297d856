#include "pipeline/io/internal/class_legend.h"

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include <cpl_conv.h>
#include <cpl_minixml.h>
#include <cpl_string.h>
#include <gdal_priv.h>
#include <gdal_rat.h>

namespace millesime {
namespace {

const std::string kClassItem = "CLASS_";  // of the metadata of a band

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
  const GDALRasterBandH band = GDALGetRasterBand(dataset, 1);
  GDALSetRasterColorTable(band, GDALColorTable::ToHandle(&palette));
  for (const LandClass& land : nomenclature.classes)
    GDALSetMetadataItem(band, (kClassItem + std::to_string(land.code)).c_str(), land.name.c_str(), nullptr);
}

std::string legend_sidecar(const Nomenclature& nomenclature) {
  const std::unique_ptr<CPLXMLNode, decltype(&CPLDestroyXMLNode)> root(CPLCreateXMLNode(nullptr, CXT_Element, "PAMDataset"),
                                                                       &CPLDestroyXMLNode);
  CPLXMLNode* band = CPLCreateXMLNode(root.get(), CXT_Element, "PAMRasterBand");
  CPLAddXMLAttributeAndValue(band, "band", "1");
  if (highest_code(nomenclature) <= 255) add_category_names(band, nomenclature);  // one entry a code: the table has all names
  add_attribute_table(band, nomenclature);
  char* text = CPLSerializeXMLTree(root.get());
  std::string xml = text;
  CPLFree(text);
  return xml;
}

std::optional<Nomenclature> legend_of(GDALDatasetH dataset) {
  GDALRasterBand* band = GDALRasterBand::FromHandle(GDALGetRasterBand(dataset, 1));
  GDALColorTable* palette = band->GetColorTable();
  if (!palette) return std::nullopt;
  std::map<int, std::string> names;  // by code
  const GDALRasterAttributeTable* table = band->GetDefaultRAT();
  const int values = table ? table->GetColOfUsage(GFU_MinMax) : -1, texts = table ? table->GetColOfUsage(GFU_Name) : -1;
  char** categories = band->GetCategoryNames();
  char** items = band->GetMetadata();
  const auto in_metadata = [&](int code) { return CSLFetchNameValue(items, (kClassItem + std::to_string(code)).c_str()); };
  if (values >= 0 && texts >= 0) {
    for (int row = 0; row < table->GetRowCount(); ++row) names[table->GetValueAsInt(row, values)] = table->GetValueAsString(row, texts);
  } else if (categories) {
    for (int code = 0; code < CSLCount(categories); ++code)
      if (categories[code][0] != '\0') names[code] = categories[code];
  } else {
    for (int code = 1; code < palette->GetColorEntryCount(); ++code)
      if (const char* name = in_metadata(code)) names[code] = name;
  }
  if (names.empty()) {
    for (int code = 0; code < palette->GetColorEntryCount(); ++code)
      if (const GDALColorEntry* entry = palette->GetColorEntry(code); entry->c1 + entry->c2 + entry->c3 > 0)
        names[code] = "class " + std::to_string(code);
  }
  Nomenclature legend;
  for (const auto& [code, name] : names) {
    if (code <= 0 || code >= palette->GetColorEntryCount()) continue;
    const GDALColorEntry* entry = palette->GetColorEntry(code);
    LandClass land;
    land.code = code;
    land.name = land.name_en = name;
    land.color = {static_cast<std::uint8_t>(entry->c1), static_cast<std::uint8_t>(entry->c2), static_cast<std::uint8_t>(entry->c3)};
    legend.classes.push_back(land);
  }
  return legend;
}

}  // namespace millesime
