#include "pipeline/io/vector_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cpl_vsi.h>
#include <gdal.h>
#include <gdal_utils.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/layer_choice.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using testing::message_of;
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::temp_dir;

Polygon square(double x, double y, double side) { return {{{{x, y}, {x + side, y}, {x + side, y + side}, {x, y + side}, {x, y}}}}; }

std::vector<OutputFeature> two_fields() {
  Polygon with_hole = square(0, 0, 100);
  with_hole.rings.push_back(square(40, 40, 20).rings[0]);
  return {{{with_hole}, {std::int64_t{11}, std::string("blé"), 0.5}},
          {{square(200, 0, 10), square(300, 0, 10)}, {std::int64_t{12}, std::string("colza"), 2.0}}};
}

class Formats : public ::testing::TestWithParam<std::string> {};

TEST_P(Formats, ReturnWhatWasWritten) {
  const std::string folder = temp_dir(), file = folder + "/fields" + GetParam(), again = folder + "/again/fields" + GetParam();
  write_polygons(file, "fields", "EPSG:2154", {"CODE", "name", "share"}, two_fields());
  write_polygons(file, "fields", "EPSG:2154", {"CODE", "name", "share"}, two_fields());  // over the old one
  const VectorLayer layer = read_polygons(file, "", {"CODE", "name"}, "EPSG:2154");
  EXPECT_EQ(layer.crs, "EPSG:2154");
  ASSERT_EQ(layer.features.size(), 2u);
  EXPECT_TRUE(layer.repaired.empty() && layer.dropped.empty());
  const Feature& first =
      *std::ranges::find_if(layer.features, [](const Feature& feature) { return feature.attributes.at("CODE") == "11"; });
  const Feature& second =
      *std::ranges::find_if(layer.features, [](const Feature& feature) { return feature.attributes.at("CODE") == "12"; });
  EXPECT_EQ(first.attributes.at("name"), "blé");
  EXPECT_EQ(first.attributes.at("share"), "0.5");
  EXPECT_EQ(second.attributes.at("share"), "2");
  EXPECT_NEAR(first.area(), 9600, 1e-6);
  EXPECT_NEAR(second.area(), 200, 1e-6);
  EXPECT_NEAR(second.centroid().x, 255, 1e-6);
  EXPECT_EQ(second.parts.size(), 2u);
  EXPECT_EQ(second.extent(), (Box{200, 0, 310, 10}));
  write_polygons(again, "fields", "EPSG:2154", {"CODE", "name", "share"}, two_fields());
  for (const auto& entry : fs::directory_iterator(folder + "/again"))
    EXPECT_TRUE(read_text(entry.path()) == read_text(folder + "/" + entry.path().filename().string())) << entry.path();
  for (const auto& entry : fs::directory_iterator(folder)) EXPECT_FALSE(entry.path().filename().string().starts_with(".")) << entry.path();
}

INSTANTIATE_TEST_SUITE_P(VectorFile, Formats, ::testing::Values(".gpkg", ".shp", ".geojson", ".fgb"));

TEST(VectorFile, Reprojects) {
  const std::string file = temp_dir() + "/fields.gpkg";
  write_polygons(file, "fields", "EPSG:4326", {"CODE"}, {{{square(3, 46.5, 0.01)}, {std::int64_t{1}}}});
  const VectorLayer layer = read_polygons(file, "fields", {}, "EPSG:2154");
  EXPECT_EQ(layer.crs, "EPSG:4326");
  EXPECT_NEAR(layer.features.at(0).extent().min_x, 700000, 1);
  EXPECT_NEAR(layer.features.at(0).extent().min_y, 6600000, 1);
}

TEST(VectorFile, ReadsABoxOnly) {
  const std::string file = temp_dir() + "/fields.gpkg";
  write_polygons(file, "fields", "EPSG:2154", {"CODE", "name", "share"}, two_fields());
  const VectorLayer layer = read_polygons(file, "", {}, "EPSG:2154", Box{150, -50, 250, 50});
  ASSERT_EQ(layer.features.size(), 1u);
  EXPECT_EQ(layer.features[0].attributes.at("CODE"), "12");
}

TEST(VectorFile, MendsAndDropsWithWords) {
  const std::string file = temp_dir() + "/odd.geojson";
  std::ofstream(file) << R"({"type":"FeatureCollection","features":[
    {"type":"Feature","id":1,"properties":{"CODE":1},"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,1],[1,0],[0,1],[0,0]]]}},
    {"type":"Feature","id":2,"properties":{"CODE":2},"geometry":{"type":"Point","coordinates":[0,0]}},
    {"type":"Feature","id":3,"properties":{"CODE":3},"geometry":null},
    {"type":"Feature","id":4,"properties":{"CODE":null},"geometry":{"type":"Polygon","coordinates":[[[0,0,5],[1,0,5],[1,1,5],[0,0,5]]]}},
    {"type":"Feature","id":5,"properties":{"CODE":5},"geometry":{"type":"Polygon","coordinates":[[[2,2],[3,3],[2,2],[2,2]]]}},
    {"type":"Feature","id":6,"properties":{"CODE":6},"geometry":{"type":"GeometryCollection","geometries":[
       {"type":"Point","coordinates":[0,0]},{"type":"Polygon","coordinates":[[[0,0],[2,0],[2,2],[0,0]]]}]}}]})";
  const VectorLayer layer = read_polygons(file, "", {"CODE"}, "");
  ASSERT_EQ(layer.features.size(), 3u);
  EXPECT_THAT(layer.repaired, ElementsAre(HasSubstr("feature 1: Self-intersection")));
  EXPECT_EQ(layer.features[0].parts.size(), 2u);
  EXPECT_NEAR(layer.features[0].area(), 0.5, 1e-12);
  EXPECT_THAT(layer.dropped, ElementsAre(HasSubstr("feature 2: a point"), "feature 3: no geometry", HasSubstr("feature 5: ")));
  EXPECT_EQ(layer.features[1].attributes.at("CODE"), "");
  EXPECT_NEAR(layer.features[2].area(), 2, 1e-12);
}

TEST(VectorFile, WhatTwoPartsHaveInCommonBelongsToBoth) {
  const std::string file = temp_dir() + "/parts.gpkg";
  write_polygons(file, "parts", "EPSG:2154", {"CODE"},
                 {{{square(0, 0, 40), square(20, 20, 40)}, {std::int64_t{1}}},
                  {{square(0, 0, 40), square(0, 0, 40)}, {std::int64_t{2}}},
                  {{square(0, 0, 40), square(10, 10, 5)}, {std::int64_t{3}}}});
  const VectorLayer layer = read_polygons(file, "", {"CODE"}, "");
  ASSERT_EQ(layer.features.size(), 3u);
  EXPECT_EQ(layer.repaired.size(), 3u);
  EXPECT_NEAR(layer.features[0].area(), 2 * 1600 - 400, 1e-9);
  EXPECT_NEAR(layer.features[1].area(), 1600, 1e-9);
  EXPECT_NEAR(layer.features[2].area(), 1600, 1e-9);
}

TEST(VectorFile, StraightensCurves) {
  const std::string file = temp_dir() + "/curve.csv";
  std::ofstream(file) << "CODE,WKT\n7,\"CURVEPOLYGON(CIRCULARSTRING(0 0,1 1,2 0,1 -1,0 0))\"\n";
  const VectorLayer layer = read_polygons(file, "", {"CODE"}, "");
  ASSERT_EQ(layer.features.size(), 1u);
  EXPECT_NEAR(layer.features[0].area(), 3.14159, 0.01);
  EXPECT_EQ(layer.features[0].attributes.at("CODE"), "7");
}

void translate(const std::string& from, const std::string& to, std::vector<const char*> arguments) {
  GDALAllRegister();
  arguments.push_back(nullptr);
  GDALVectorTranslateOptions* options = GDALVectorTranslateOptionsNew(const_cast<char**>(arguments.data()), nullptr);
  GDALDatasetH source = GDALOpenEx(from.c_str(), GDAL_OF_VECTOR, nullptr, nullptr, nullptr);
  GDALDatasetH made = GDALVectorTranslate(to.c_str(), nullptr, 1, &source, options, nullptr);
  GDALVectorTranslateOptionsFree(options);
  ASSERT_TRUE(made) << to;
  GDALClose(made);
  GDALClose(source);
}

void add_to_archive(const std::string& archive, const std::string& folder, const std::vector<std::string>& files) {
  VSILFILE* zip = VSIFOpenL(("/vsizip/" + archive).c_str(), "wb");
  ASSERT_TRUE(zip);
  for (const std::string& file : files) {
    const std::string bytes = read_text(file);
    VSILFILE* packed = VSIFOpenL(("/vsizip/" + archive + "/" + folder + fs::path(file).filename().string()).c_str(), "wb");
    ASSERT_EQ(VSIFWriteL(bytes.data(), 1, bytes.size(), packed), bytes.size());
    VSIFCloseL(packed);
  }
  VSIFCloseL(zip);
}

TEST(VectorFile, ReadsFoldersAndArchives) {
  const std::string folder = temp_dir(), gpkg = folder + "/fields.gpkg", shp = folder + "/fields.shp";
  write_polygons(gpkg, "fields", "EPSG:2154", {"CODE", "name", "share"}, two_fields());
  write_polygons(shp, "fields", "EPSG:2154", {"CODE", "name", "share"}, two_fields());
  translate(gpkg, folder + "/fields.gdb", {"-f", "OpenFileGDB"});
  translate(gpkg, folder + "/fields.tab", {"-f", "MapInfo File"});
  std::vector<std::string> parts;
  for (const char* ending : {".shp", ".shx", ".dbf", ".prj", ".cpg"}) parts.push_back(folder + "/fields" + ending);
  for (const char* name : {"/fields.shp.zip", "/plain.zip"}) add_to_archive(folder + name, "", parts);
  fs::copy_file(folder + "/plain.zip", folder + "/fields.shz");
  add_to_archive(folder + "/deep.zip", "delivery/2021/", parts);
  add_to_archive(folder + "/fields.gpkg.zip", "", {gpkg});
  for (const std::string& name :
       {folder + "/fields.gdb", folder + "/fields.tab", folder + "/fields.shp.zip", folder + "/plain.zip", folder + "/fields.shz",
        folder + "/deep.zip", folder + "/fields.gpkg.zip", "/vsizip/" + folder + "/deep.zip/delivery/2021/fields.shp"}) {
    const VectorLayer layer = read_polygons(name, "", {"CODE"}, "EPSG:2154");
    ASSERT_EQ(layer.features.size(), 2u) << name;
    EXPECT_EQ(layer.features[1].attributes.at("CODE"), "12") << name;
  }
}

TEST(VectorFile, TablesWithoutGeometryAreBesideTheData) {
  const std::string file = temp_dir() + "/fields.gpkg";
  write_polygons(file, "fields", "EPSG:2154", {"CODE", "name", "share"}, two_fields());
  std::ofstream(temp_dir() + "/layer_styles.csv") << "styleName,useAsDefault\nfields,1\n";
  translate(temp_dir() + "/layer_styles.csv", file, {"-update", "-nln", "layer_styles"});
  EXPECT_EQ(read_polygons(file, "", {"CODE"}, "").layer, "fields");
  EXPECT_THAT(message_of([&] { read_polygons(file, "filds", {"CODE"}, ""); }),
              ::testing::AllOf(HasSubstr("it has fields, layer_styles"), HasSubstr("did you mean \"fields\"?")));
  translate(file, file, {"-update", "-nln", "more", "-sql", "select * from fields"});
  EXPECT_THAT(message_of([&] { read_polygons(file, "", {"CODE"}, ""); }),
              HasSubstr("holds 2 layers (fields, more); choose one with the option layer"));
  EXPECT_THAT(message_of([&] {
                read_polygons(file, LayerChoice{"", "zones_layer"}, {"CODE"}, "");
              }),
              HasSubstr("with the option zones_layer"));
  EXPECT_THAT(message_of([&] {
                read_polygons(file, LayerChoice{"", ""}, {"CODE"}, "");
              }),
              HasSubstr("copy the one that is meant into a file of its own"));
}

TEST(VectorFile, AttributesThatAreNotUtf8AreReadAsWindowsWritesThem) {
  const std::string file = temp_dir() + "/regions.shp";
  std::vector<OutputFeature> features = two_fields();
  write_polygons(file, "regions", "EPSG:2154", {"CODE", "name", "share"}, features);
  const std::string dbf = temp_dir() + "/regions.dbf";
  std::string bytes = read_text(dbf);
  const VectorLayer before = read_polygons(file, "", {"name"}, "");
  const std::string name = before.features[0].attributes.at("name");
  const auto at = bytes.find(name);
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 4, "\xE9t\xE9\x80");  // e with an acute, and the euro sign of Windows-1252
  write_text(dbf, bytes);
  const VectorLayer after = read_polygons(file, "", {"name"}, "");
  EXPECT_EQ(after.features[0].attributes.at("name").substr(0, 8), "été€");
}

// Fields of 200 m on both sides of the 180th meridian, and one across it, in degrees.
TEST(VectorFile, FindsPolygonsAcrossThe180thMeridian) {
  const std::string folder = temp_dir();
  const auto field = [](double west, double east) {
    return std::vector<Polygon>{{{{{west, -17}, {west, -16.998}, {east, -16.998}, {east, -17}, {west, -17}}}}};
  };
  const auto jumping = std::vector<Polygon>{{{{{179.999, -17}, {179.999, -16.998}, {-179.999, -16.998}, {-179.999, -17}, {179.999, -17}}}}};
  const std::vector<OutputFeature> features{{field(179.99, 179.992), {std::int64_t{1}}},
                                            {field(-179.992, -179.99), {std::int64_t{2}}},
                                            {field(180.004, 180.006), {std::int64_t{3}}},
                                            {jumping, {std::int64_t{4}}},
                                            {field(-170, -169.998), {std::int64_t{5}}}};
  const Point line = CoordinateTransform("EPSG:4326", "EPSG:32760")(Point{180, -17});
  const Box tile{line.x - 2000, line.y - 2000, line.x + 2000, line.y + 2000};
  for (const char* name : {"/fields.gpkg", "/fields.geojson", "/fields.shp"}) {
    write_polygons(folder + name, "fields", "EPSG:4326", {"CODE"}, features);
    const VectorLayer utm = read_polygons(folder + name, "", {"CODE"}, "EPSG:32760", tile);
    ASSERT_EQ(utm.features.size(), 4u) << name;
    for (const Feature& feature : utm.features) {
      EXPECT_NEAR(feature.area(), 212.9 * 221.4, 800) << name << feature.id;
      EXPECT_TRUE(feature.extent().intersects(tile));
    }
    // On a map in degrees that goes on beyond 180.
    const Box map{179.98, -17.01, 180.02, -16.99};
    const VectorLayer degrees = read_polygons(folder + name, "", {"CODE"}, "EPSG:4326", map);
    ASSERT_EQ(degrees.features.size(), 4u) << name;
    for (const Feature& feature : degrees.features) {
      EXPECT_NEAR(feature.area(), 0.002 * 0.002, 1e-8);
      EXPECT_TRUE(feature.extent().min_x > 179.98 && feature.extent().max_x < 180.02) << name << feature.id;
    }
  }
}

TEST(VectorFile, NamesWhatIsWrong) {
  const std::string folder = temp_dir();
  write_polygons(folder + "/fields.gpkg", "fields", "EPSG:2154", {"CODE", "name", "share"}, two_fields());
  EXPECT_THAT(message_of([&] { read_polygons(folder + "/none.shp", "", {}, ""); }),
              HasSubstr("none.shp: cannot be opened as a vector file. GDAL says"));
  EXPECT_THAT(message_of([&] { read_polygons(folder + "/fields.gpkg", "other", {}, ""); }),
              HasSubstr("has no layer \"other\"; it has fields"));
  EXPECT_THAT(message_of([&] { read_polygons(folder + "/fields.gpkg", "", {"codes"}, ""); }),
              HasSubstr("has no field \"codes\"; did you mean \"CODE\"? It has CODE, name, share"));
  EXPECT_THAT(message_of([&] { write_polygons(folder + "/fields.xyz", "f", "EPSG:2154", {}, {}); }), HasSubstr("unknown vector format"));
  EXPECT_THAT(message_of([&] { write_polygons(folder + "/f.shp", "f", "EPSG:2154", {"a_field_too_long"}, {}); }),
              HasSubstr("too long for a shapefile"));
  EXPECT_THAT(message_of([&] { write_polygons(folder + "/fields.gpkg/x.gpkg", "f", "EPSG:2154", {}, {}); }), HasSubstr("fields.gpkg"));
  write_polygons(folder + "/fields.shp", "fields", "EPSG:2154", {"CODE", "name", "share"}, two_fields());
  fs::remove(folder + "/fields.prj");
  EXPECT_THAT(message_of([&] { read_polygons(folder + "/fields.shp", "", {}, "EPSG:2154"); }),
              HasSubstr("has no coordinate reference system"));
  GDALDatasetH source = GDALOpenEx((folder + "/fields.shp").c_str(), GDAL_OF_VECTOR, nullptr, nullptr, nullptr);
  GDALClose(GDALVectorTranslate((folder + "/undefined.gpkg").c_str(), nullptr, 1, &source, nullptr, nullptr));
  GDALClose(source);
  EXPECT_THAT(message_of([&] { read_polygons(folder + "/undefined.gpkg", "", {}, "EPSG:2154"); }),
              HasSubstr("has no coordinate reference system"));
  std::ofstream(folder + "/nothing.geojson").close();
  EXPECT_THAT(message_of([&] { read_polygons(folder + "/nothing.geojson", "", {}, ""); }),
              HasSubstr("nothing.geojson: cannot be opened as a vector file: it is empty (0 bytes)"));
  write_polygons(folder + "/site.gpkg", "site", R"(LOCAL_CS["building site",UNIT["metre",1]])", {"CODE", "name", "share"}, two_fields());
  EXPECT_THAT(message_of([&] { read_polygons(folder + "/site.gpkg", "", {}, "EPSG:2154"); }), HasSubstr("site.gpkg: no way from"));
  ASSERT_EQ(::mkfifo((folder + "/pipe.gpkg").c_str(), 0600), 0);
  EXPECT_THAT(message_of([&] { read_polygons(folder + "/pipe.gpkg", "", {}, ""); }),
              HasSubstr("pipe.gpkg: is a named pipe; expected a file"));
  fs::remove(folder + "/fields.shx");
  EXPECT_THAT(message_of([&] { read_polygons(folder + "/fields.shp", "", {}, ""); }), HasSubstr("fields.shx"));
}

TEST(Rasterise, TakesPixelCentresAndTheLaterFeature) {
  const Grid grid{"EPSG:2154", 0, 100, 10, 10, 10, 10};
  Feature first, second;
  first.parts = {square(0, 50, 34)};  // columns 0..2 (centre 25 < 34 < 35), rows 2..4 (centres 65, 75 < 84 is row 2: centre 75)
  second.parts = {square(20, 50, 10)};
  const auto raster = rasterise({first, second}, grid, [](std::size_t i) { return static_cast<std::int32_t>(i) + 1000000; });
  EXPECT_EQ(raster.at(0, 4), 1000000);
  EXPECT_EQ(raster.at(1, 2), 1000000);
  EXPECT_EQ(raster.at(2, 4), 1000001);
  EXPECT_EQ(raster.at(3, 4), 0);
  EXPECT_EQ(raster.at(0, 1), 0);
  EXPECT_EQ(raster.at(0, 5), 0);
  EXPECT_EQ(std::ranges::count_if(raster.samples, [](int value) { return value != 0; }), 9);
}

TEST(Rasterise, WindowsAgreeWithTheWhole) {
  const Grid grid{"EPSG:32631", 300000, 4900020, 10, 10, 64, 48};
  Feature feature;
  feature.parts = {{{{{300003, 4899600}, {300433.7, 4899712.3}, {300250, 4900011}, {300003, 4899600}}}}};
  const auto whole = rasterise({feature}, grid, [](std::size_t) { return 3; });
  for (const Window& window : split(grid.whole(), 16, 16, 1)) {
    const auto part = rasterise({feature}, grid.crop(window), [](std::size_t) { return 3; });
    for (int row = 0; row < window.height; ++row)
      for (int col = 0; col < window.width; ++col) EXPECT_EQ(part.at(col, row), whole.at(window.col + col, window.row + row));
  }
}

TEST(VectorFile, ReadsTheSlovenianLandCover) {
  const char* folder = std::getenv("MILLESIME_REAL_DATA");
  const std::string root = folder ? folder : testing::source_folder() + "/../shared/real-data";
  const std::string file = root + "/eolearn_s2_slovenia/LULC.gpkg";
  if (!fs::exists(file)) GTEST_SKIP() << file << " is absent (set MILLESIME_REAL_DATA to the folder of the real data)";
  const VectorLayer layer = read_polygons(file, "", {"LULC_NAME"}, "EPSG:32633");
  EXPECT_EQ(layer.features.size() + layer.dropped.size(), 88u);
  EXPECT_THAT(layer.features.at(0).attributes.at("LULC_NAME"), ::testing::Not(""));
}

TEST(VectorFile, FieldsAreFoundInAnyCase) {
  const std::string file = testing::temp_dir() + "/a.gpkg";
  const OutputFeature feature{{{{{{0, 0}, {0, 1}, {1, 1}, {0, 0}}}}}, {std::int64_t{6}}};
  write_polygons(file, "a", "EPSG:32631", {"Code"}, {feature});
  EXPECT_EQ(read_polygons(file, "", {"CODE"}, "").features.at(0).attributes.at("CODE"), "6");
  EXPECT_THAT(testing::message_of([&] { read_polygons(file, "", {"kode"}, ""); }), ::testing::HasSubstr("has no field \"kode\""));
}

}  // namespace
}  // namespace millesime
