// Products of a STAC ItemCollection instead of a folder.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include <cpl_conv.h>
#include <gdal.h>
#include <gdal_utils.h>
#include <ogr_api.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/io/internal/storage.h"
#include "tests/support/image_file.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/io/census_pixels.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ImageFile;
using testing::temp_dir;
using testing::write_image;

const Grid kItemGrid = ImageFile{}.grid;

struct Row {
  const char *id, *day, *folder;
  int applied;
};

void write_items(const std::string& path, const std::vector<Row>& rows) {
  std::filesystem::remove(path);
  GDALDatasetH file = GDALCreate(GDALGetDriverByName("GPKG"), path.c_str(), 0, 0, 0, GDT_Unknown, nullptr);
  OGRLayerH layer = GDALDatasetCreateLayer(file, "items", nullptr, wkbNone, nullptr);
  for (const auto& [name, type] :
       {std::pair("id", OFTString), std::pair("datetime", OFTDateTime), std::pair("grid:code", OFTString), std::pair("platform", OFTString),
        std::pair("earthsearch:boa_offset_applied", OFTInteger), std::pair("assets.red.href", OFTString),
        std::pair("assets.scl.href", OFTString), std::pair("assets.blue.href", OFTString)}) {
    OGRFieldDefnH field = OGR_Fld_Create(name, type);
    if (type == OFTInteger) OGR_Fld_SetSubType(field, OFSTBoolean);
    OGR_L_CreateField(layer, field, TRUE);
    OGR_Fld_Destroy(field);
  }
  for (const Row& row : rows) {
    OGRFeatureH feature = OGR_F_Create(OGR_L_GetLayerDefn(layer));
    const std::string folder = row.folder;
    int field = 0;
    OGR_F_SetFieldString(feature, field++, row.id);
    OGR_F_SetFieldDateTime(feature, field++, 2021, 5, std::stoi(std::string(row.day).substr(8)), 10, 56, 21, 100);
    OGR_F_SetFieldString(feature, field++, "MGRS-31TCJ");
    OGR_F_SetFieldString(feature, field++, "sentinel-2b");
    OGR_F_SetFieldInteger(feature, field++, row.applied);
    OGR_F_SetFieldString(feature, field++, (folder + "/one.tif").c_str());
    OGR_F_SetFieldString(feature, field++, ("./" + folder + "/two.tif").c_str());
    ASSERT_EQ(OGR_L_CreateFeature(layer, feature), OGRERR_NONE);
    OGR_F_Destroy(feature);
  }
  GDALClose(file);
}

// The files may lie anywhere, and be named anyhow.
TEST(ItemList, AssetsAreTheFiles) {
  const std::string root = temp_dir() + "/items";
  const auto item = [&](const std::string& id, const std::string& day, const std::string& flag, const std::string& folder, int number) {
    write_image(root + "/" + folder + "/one.tif", {.grid = kItemGrid, .type = "UInt16", .number = [=](int, int, int) { return number; }});
    write_image(root + "/" + folder + "/two.tif", {.grid = kItemGrid, .type = "Byte", .number = [](int, int col, int) { return col; }});
    return R"({"type": "Feature", "id": ")" + id + R"(", "properties": {"datetime": ")" + day +
           R"(T10:56:21Z", "platform": "sentinel-2b", "grid:code": "MGRS-31TCJ")" + flag + R"(}, "assets": {"red": {"href": ")" + folder +
           R"(/one.tif"}, "scl": {"href": "./)" + folder + R"(/two.tif"}}})";
  };
  const std::string applied = R"(, "earthsearch:boa_offset_applied": true)", raw = R"(, "earthsearch:boa_offset_applied": false)";
  write_text(root + "/items.json", R"({"type": "FeatureCollection", "features": [)" + item("a", "2021-05-11", applied, "x/a", 1300) + "," +
                                       item("b", "2021-05-16", raw, "b", 1300) + "," + item("c", "2021-05-21", "", "c", 1300) + "," +
                                       item("d", "2019-05-21", raw, "d", 1300) + "]}");
  const std::string list = root + "/items.json";
  EXPECT_THAT(make_sensor("sentinel2_cog")->tiles(list), ElementsAre("T31TCJ"));
  const SourceCensus census = census_of("sentinel2_cog", list, "T31TCJ", {"red"});
  EXPECT_THAT(days(census), ElementsAre("2021-05-11", "2021-05-16"));
  EXPECT_EQ(census.outside_period.size(), 1U);
  ASSERT_EQ(census.damaged.size(), 1U);
  EXPECT_EQ(census.damaged[0].product, "c");
  EXPECT_THAT(census.damaged[0].message,
              AllOf(HasSubstr("the item does not say by \"earthsearch:boa_offset_applied\""),
                    HasSubstr("whether the offset of B4 is applied"), HasSubstr("set variant = \"raw\" for numbers as ESA delivers them")));
  EXPECT_EQ(see(census, 4, 0).value, 1300);
  EXPECT_EQ(see(census, 4, 0, 1).value, 300);
  EXPECT_FALSE(see(census, 8, 0).valid);
  // The list and its files may be moved together: the census names them relative to the list.
  const auto document = TileImages::of(census).to_json();
  EXPECT_THAT(document.dump(), ::testing::Not(HasSubstr(root)));
  EXPECT_EQ(see(TileImages::from_json(document, "census", {list}).main(), 4, 0, 1).value, 300);

  // The same items in a table, as GDAL reads one of stac-geoparquet.
  const std::string table = root + "/items.gpkg";
  write_items(table, {{"a", "2021-05-11", "x/a", 1}, {"b", "2021-05-16", "b", 0}});
  EXPECT_THAT(make_sensor("sentinel2_cog")->tiles(table), ElementsAre("T31TCJ"));
  const SourceCensus of_table = census_of("sentinel2_cog", table, "T31TCJ", {"red"});
  EXPECT_THAT(days(of_table), ElementsAre("2021-05-11", "2021-05-16"));
  EXPECT_EQ(see(of_table, 4, 0).value, 1300);
  EXPECT_EQ(see(of_table, 4, 0, 1).value, 300);
  write_items(table, {});
  EXPECT_THAT(testing::message_of([&] { make_sensor("sentinel2_cog")->tiles(table); }),
              HasSubstr("expected STAC items, one a row, got none"));
  if (!GDALGetDriverByName("Parquet")) {  // with it: AGeoparquetListIsRead
    write_text(root + "/items.parquet", "PAR1");
    EXPECT_THAT(testing::message_of([&] { make_sensor("sentinel2_cog")->tiles(root + "/items.parquet"); }),
                AllOf(HasSubstr("items.parquet: this GDAL ("), HasSubstr(") cannot read Parquet; where one can: ogr2ogr items.gpkg")));
  }

  std::string apart = R"({"type": "FeatureCollection", "features": [)" + item("e", "2021-05-26", raw, "e", 1300) + "]}";
  apart.replace(apart.find("./e/two.tif"), 11, "s3://bucket/two.tif");
  write_text(list, apart);
  const SourceCensus mixed = census_of("sentinel2_cog", list, "T31TCJ", {"red"});
  ASSERT_EQ(mixed.damaged.size(), 1U);
  EXPECT_THAT(mixed.damaged[0].message, AllOf(HasSubstr("lie in unrelated places"), HasSubstr("/vsis3/bucket/two.tif")));

  write_text(list, R"({"type": "Feature"})");
  EXPECT_THAT(testing::message_of([&] { make_sensor("sentinel2_cog")->tiles(list); }), HasSubstr("expected a STAC ItemCollection"));
  for (const char* secret : {"s3://key:word@bucket/l2a", "https://host/l2a?sig=word"}) {
    const std::string message = testing::message_of([&] { make_sensor("sentinel2_cog")->tiles(secret); });
    EXPECT_THAT(message, HasSubstr("expected an address without password and signature"));
    EXPECT_THAT(message, ::testing::Not(HasSubstr("word@")));
    EXPECT_THAT(message, ::testing::Not(HasSubstr("?sig")));
  }
}

TEST(ItemList, ADamagedTableIsRefused) {
  const std::string root = temp_dir() + "/damaged", table = root + "/items.gpkg";
  std::filesystem::create_directories(root);
  std::vector<std::string> names;
  std::vector<Row> rows;
  for (int i = 0; i < 200; ++i) names.push_back("item_number_" + std::to_string(1000 + i));
  for (const std::string& name : names) rows.push_back({name.c_str(), "2021-05-11", "x", 1});
  write_items(table, rows);
  EXPECT_THAT(make_sensor("sentinel2_cog")->tiles(table), ElementsAre("T31TCJ"));
  constexpr std::size_t kPage = 4096;
  std::string bytes = read_text(table);
  const std::size_t page = bytes.find(names[100]) / kPage * kPage;
  bytes.replace(page, kPage, kPage, char{0});
  write_text(table, bytes);
  EXPECT_THAT(testing::message_of([&] { make_sensor("sentinel2_cog")->tiles(table); }),
              AllOf(HasSubstr("items.gpkg: cannot be read to its end, "), HasSubstr("the file is damaged, replace it")));
}

// Items of another provider say their baseline, and not whether an offset is applied.
TEST(ItemList, RawNumbersOfOldBaselinesHaveNoOffsetAndDatastripsAreMerged) {
  const std::string root = temp_dir() + "/items";
  const auto item = [&](const std::string& id, const std::string& day, const std::string& baseline, int first) {
    write_image(root + "/" + id + "/one.tif", {.grid = kItemGrid, .type = "UInt16", .number = [=](int, int col, int) {
                                                 return col < first ? 0 : col == 11 ? 65535 : 1300 + first;
                                               }});
    write_image(root + "/" + id + "/two.tif",
                {.grid = kItemGrid, .type = "Byte", .number = [=](int, int col, int) { return col < first ? 0 : 4; }});
    return R"({"type": "Feature", "id": ")" + id + R"(", "properties": {"datetime": ")" + day +
           R"(T10:56:21Z", "platform": "Sentinel-2A", "s2:mgrs_tile": "31TCJ", "s2:processing_baseline": ")" + baseline +
           R"("}, "assets": {"B04": {"href": ")" + id + R"(/one.tif"}, "SCL": {"href": ")" + id + R"(/two.tif"}}})";
  };
  write_text(root + "/items.json", R"({"type": "FeatureCollection", "features": [)" + item("a", "2021-05-11", "03.01", 0) + "," +
                                       item("b", "2021-05-16", "05.00", 6) + "," + item("c", "2021-05-16", "05.00", 2) + "," +
                                       item("d", "2021-05-16", "04.00", 0) + "]}");
  const SourceCensus census = census_of("sentinel2_cog", root + "/items.json", "T31TCJ", {"red"}, "raw");
  EXPECT_THAT(days(census), ElementsAre("2021-05-11", "2021-05-16"));
  EXPECT_EQ(see(census, 4, 0).value, 1300);
  EXPECT_EQ(see(census, 7, 0, 1).value, 306);
  EXPECT_EQ(see(census, 4, 0, 1).value, 302);
  EXPECT_FALSE(see(census, 1, 0, 1).image) << "an older baseline is replaced";
  EXPECT_EQ(see(census, 11, 0).value, kNodata) << "saturated";

  std::filesystem::rename(root + "/a", root + "/my a");  // addresses are URLs
  std::string escaped = R"({"type": "FeatureCollection", "features": [)" + item("a", "2021-05-11", "03.01", 0) + "]}";
  std::filesystem::remove_all(root + "/a");
  for (std::size_t at; (at = escaped.find("\"a/")) != std::string::npos;) escaped.replace(at, 3, "\"my%20a/");
  write_text(root + "/items.json", escaped);
  const SourceCensus of_urls = census_of("sentinel2_cog", root + "/items.json", "T31TCJ", {"red"}, "raw");
  EXPECT_THAT(of_urls.damaged, ::testing::IsEmpty());
  EXPECT_EQ(see(of_urls, 4, 0).value, 1300);
}

// A list as stac-geoparquet writes it, where this GDAL reads Parquet (its plugin may be named by GDAL_DRIVER_PATH).
TEST(ItemList, AGeoparquetListIsRead) {
  GDALAllRegister();
  if (!GDALGetDriverByName("Parquet")) GTEST_SKIP() << "this GDAL has no driver for Parquet";
  const std::string root = temp_dir() + "/parquet", table = root + "/items.gpkg", list = root + "/items.parquet";
  for (const char* folder : {"a", "b"}) {
    write_image(root + "/" + folder + "/one.tif", {.grid = kItemGrid, .type = "UInt16", .number = [](int, int, int) { return 1300; }});
    write_image(root + "/" + folder + "/two.tif", {.grid = kItemGrid, .type = "Byte", .number = [](int, int col, int) { return col; }});
  }
  write_items(table, {{"a", "2021-05-11", "a", 1}, {"b", "2021-05-16", "b", 0}});
  GDALDatasetH source = GDALOpenEx(table.c_str(), GDAL_OF_VECTOR, nullptr, nullptr, nullptr);
  GDALDatasetH made = GDALVectorTranslate(list.c_str(), nullptr, 1, &source, nullptr, nullptr);
  ASSERT_TRUE(made);
  GDALClose(made);
  GDALClose(source);
  EXPECT_THAT(make_sensor("sentinel2_cog")->tiles(list), ElementsAre("T31TCJ"));
  const SourceCensus census = census_of("sentinel2_cog", list, "T31TCJ", {"red"});
  EXPECT_THAT(days(census), ElementsAre("2021-05-11", "2021-05-16"));
  EXPECT_EQ(see(census, 4, 0).value, 1300);
  EXPECT_EQ(see(census, 4, 0, 1).value, 300);
}

// Of the Planetary Computer, say: signatures of addresses are kept nowhere, whether the environment has them or not.
TEST(ItemList, SignedAddressesAreReadByTheEnvironment) {
  const std::string list = temp_dir() + "/items.json";
  write_text(list, R"({"type": "FeatureCollection", "features": [{"type": "Feature", "id": "a", "properties": {"datetime":
      "2021-05-11T10:56:21Z", "platform": "sentinel-2b", "grid:code": "MGRS-31TCJ", "earthsearch:boa_offset_applied": true}, "assets": {
      "red": {"href": "https://acc.blob.core.windows.net/box/a%20b/B04.tif?st=2021&sig=SECRET"},
      "scl": {"href": "https://acc.blob.core.windows.net/box/a%20b/SCL.tif?st=2021&sig=SECRET"}}}]})");
  const CensusRequest request{"", list, "T31TCJ", "", {}, Date::from_ymd(2021, 1, 1), Date::from_ymd(2021, 12, 31)};
  const auto problems = [&] { return make_sensor("sentinel2_cog")->problems_of_metadata(request); };
  CPLSetConfigOption("AZURE_STORAGE_ACCOUNT", "other");
  EXPECT_THAT(problems(), ElementsAre(AllOf(HasSubstr("https://acc.blob.core.windows.net/...: expected an address without"),
                                            HasSubstr("set AZURE_STORAGE_ACCOUNT=acc and AZURE_STORAGE_SAS_TOKEN"),
                                            HasSubstr("v1/token/acc/box"), ::testing::Not(HasSubstr("SECRET")))));
  CPLSetConfigOption("AZURE_STORAGE_ACCOUNT", "acc");
  EXPECT_THAT(problems(), ::testing::IsEmpty());
  EXPECT_EQ(blob_path("https://acc.blob.core.windows.net/box/a%20b/B04.tif?st=2021&sig=SECRET"), "/vsiaz/box/a b/B04.tif");
  EXPECT_EQ(blob_path("https://acc.example.org/box/B04.tif"), std::nullopt);
  CPLSetConfigOption("AZURE_STORAGE_ACCOUNT", nullptr);
}

}  // namespace
}  // namespace millesime
