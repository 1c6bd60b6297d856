#include "pipeline/io/polygon_writer.h"

#include <cmath>
#include <filesystem>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cpl_vsi.h>
#include <gdal.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/io/vector_output.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using testing::temp_dir;

const std::vector<PolygonField> kFields = {
    {"Classe", PolygonField::Type::integer, 5, 0}, {"Nom", PolygonField::Type::text, 0, 0}, {"Aire", PolygonField::Type::number, 12, 2}};

// A square of 10 m with a hole of 2 m, at x.
void write_square(PolygonWriter& writer, double x, std::int64_t code, double number) {
  const std::vector<Point> points = {{x, 0},     {x + 10, 0}, {x + 10, 10}, {x, 10},    {x, 0},
                                     {x + 4, 4}, {x + 4, 6},  {x + 6, 6},   {x + 6, 4}, {x + 4, 4}};
  const std::vector<std::uint32_t> ends = {5, 10};
  const std::vector<PolygonValue> values = {code, std::string_view("blé"), number};
  writer.write(points, ends, values);
}

class PolygonFormats : public ::testing::TestWithParam<std::string> {};

TEST_P(PolygonFormats, ReturnWhatWasWritten) {
  const std::string file = temp_dir() + "/fields" + GetParam();
  for (int run = 0; run < 2; ++run) {  // the second one over the first
    PolygonWriter writer(file, "fields", "EPSG:2154", kFields);
    for (int i = 0; i < 3; ++i) write_square(writer, 100.0 * i, i + 1, i == 1 ? std::nan("") : 96.5);
    EXPECT_EQ(writer.written(), 3);
    writer.commit();
  }
  const VectorLayer layer = read_polygons(file, "", {"Classe", "Nom", "Aire"}, "");
  EXPECT_EQ(layer.crs, "EPSG:2154");
  ASSERT_EQ(layer.features.size(), 3u);
  EXPECT_TRUE(layer.repaired.empty() && layer.dropped.empty());
  double area = 0;
  for (const Feature& feature : layer.features) {
    area += feature.area();
    EXPECT_EQ(feature.attributes.at("Nom"), "blé");
    EXPECT_EQ(feature.attributes.at("Aire"), feature.attributes.at("Classe") == "2" ? "" : "96.5");
  }
  EXPECT_DOUBLE_EQ(area, 3 * 96);
  for (const auto& entry : fs::directory_iterator(fs::path(file).parent_path())) EXPECT_EQ(entry.path(), file);
}

INSTANTIATE_TEST_SUITE_P(PolygonWriter, PolygonFormats, ::testing::Values(".gpkg", ".fgb", ".zip"));

// Formats that a GDAL may lack, as Debian's 3.6 does two of them.
class PolygonFormatsOfSomeGdal : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(PolygonFormatsOfSomeGdal, AreWrittenWhereTheDriverExists) {
  const auto& [extension, driver] = GetParam();
  const std::string folder = temp_dir(), file = folder + "/fields" + extension;
  GDALAllRegister();
  if (!GDALGetDriverByName(driver)) GTEST_SKIP() << "this GDAL, " << GDALVersionInfo("RELEASE_NAME") << ", has no driver " << driver;
  {
    PolygonWriter writer(file, "fields", "EPSG:3857", kFields);
    for (int i = 0; i < 3; ++i) write_square(writer, 100.0 * i, i + 1, 96.5);
    writer.commit();
  }
  // Vector tiles of one point have all polygons of it; the finest zoom is read.
  const VectorLayer layer = read_polygons(file, "", {"Classe", "Nom", "Aire"}, "");
  ASSERT_EQ(layer.features.size(), 3u);
  std::set<std::string> codes;
  for (const Feature& feature : layer.features) {
    codes.insert(feature.attributes.at("Classe"));
    EXPECT_EQ(feature.attributes.at("Nom"), "blé");
    EXPECT_EQ(feature.attributes.at("Aire"), "96.5");
    EXPECT_NEAR(feature.area(), 96, 20) << "tiles have whole numbers of 0.6 m at zoom 14";
  }
  EXPECT_EQ(codes, (std::set<std::string>{"1", "2", "3"}));
  for (const auto& entry : fs::directory_iterator(folder)) EXPECT_EQ(entry.path(), file) << "nothing is left beside it";
}

INSTANTIATE_TEST_SUITE_P(PolygonWriter, PolygonFormatsOfSomeGdal,
                         ::testing::Values(std::pair{".parquet", "Parquet"}, std::pair{".mbtiles", "MVT"},
                                           std::pair{".pmtiles", "PMTiles"}));

TEST(PolygonWriter, AFormatThatThisGdalLacksIsRefusedBeforeAnyWork) {
  require_polygon_format("a.gpkg");  // registers all drivers, once
  const GDALDriverH driver = GDALGetDriverByName("FlatGeobuf");
  ASSERT_NE(driver, nullptr);
  GDALDeregisterDriver(driver);
  const std::string folder = temp_dir(), message = message_of([&] { PolygonWriter(folder + "/a.fgb", "a", "EPSG:2154", kFields); }),
                    table = message_of([&] { require_vector_format(folder + "/a.fgb"); });
  GDALRegisterDriver(driver);
  EXPECT_THAT(message, AllOf(HasSubstr("a.fgb: GDAL " + std::string(GDALVersionInfo("RELEASE_NAME")) + " cannot write FlatGeobuf"),
                             HasSubstr("choose another format, .gpkg, "), HasSubstr(".zip"), Not(HasSubstr(".fgb, "))));
  EXPECT_THAT(table, AllOf(HasSubstr("a.fgb: GDAL"), HasSubstr(".gpkg, .shp, .geojson"), Not(HasSubstr(".zip"))));
  EXPECT_TRUE(fs::is_empty(folder));
}

TEST(PolygonWriter, ShapefilesComeInParts) {
  const std::string file = temp_dir() + "/departement_31.zip";
  // A header of 100 bytes, and 52 + 2 x 4 + 10 x 16 = 220 bytes a polygon: four in a part.
  PolygonWriter writer(file, "x", "EPSG:2154", kFields, "<qgis/>", {.shapefile_bytes = 1000});
  for (int i = 0; i < 9; ++i) write_square(writer, 100.0 * i, i, 1);
  writer.commit();
  int polygons = 0;
  for (const char* part : {"departement_31", "departement_31_2", "departement_31_3"}) {
    const std::string inside = "/vsizip/" + file + "/" + part;
    for (const char* extension : {".shp", ".shx", ".dbf", ".prj", ".cpg", ".qml"}) {
      VSIStatBufL stat;
      ASSERT_EQ(VSIStatL((inside + extension).c_str(), &stat), 0) << part << extension;
      EXPECT_LE(stat.st_size, 1000);
    }
    polygons += static_cast<int>(read_polygons(inside + ".shp", "", {}, "").features.size());
  }
  EXPECT_EQ(polygons, 9);
}

TEST(PolygonWriter, WithoutCommitTheOldFileStays) {
  const std::string file = temp_dir() + "/a.gpkg";
  write_text(file, "old");
  { PolygonWriter(file, "a", "EPSG:2154", kFields); }
  EXPECT_EQ(read_text(file), "old");
  for (const auto& entry : fs::directory_iterator(fs::path(file).parent_path())) EXPECT_EQ(entry.path(), file);
}

TEST(PolygonWriter, ADiskThatIsFullInTheMiddleKeepsTheOldFile) {
  const std::string folder = temp_dir();
  for (const char* name : {"/departement_31.gpkg", "/departement_31.fgb", "/departement_31.zip"}) {
    const std::string file = folder + name;
    write_text(file, "old");
    for (const rlim_t limit : {rlim_t{50'000}, rlim_t{400'000}}) {
      const testing::FileSizeLimit full(limit);
      EXPECT_THAT(message_of([&] {
                    PolygonWriter writer(file, "a", "EPSG:2154", kFields);
                    for (int i = 0; i < 20'000; ++i) write_square(writer, 100.0 * i, i, 1);
                    writer.commit();
                  }),
                  AllOf(HasSubstr(file), HasSubstr("is the disk full?")))
          << name << " " << limit;
    }
    EXPECT_EQ(read_text(file), "old");
    for (const auto& entry : fs::directory_iterator(folder)) EXPECT_EQ(entry.path(), file) << "nothing half-written stays";
    fs::remove(file);
  }
}

TEST(PolygonWriter, BadInput) {
  const std::string folder = temp_dir();
  EXPECT_THAT(message_of([&] { require_polygon_format(folder + "/a.dxf"); }), HasSubstr("unknown vector format \".dxf\"; expected .gpkg"));
  EXPECT_THAT(message_of([&] {
                PolygonWriter(folder + "/a.zip", "a", "EPSG:2154", {{"a long name", PolygonField::Type::integer, 0, 0}});
              }),
              HasSubstr("too long for a shapefile"));
}

}  // namespace
}  // namespace millesime
