#include "pipeline/io/coordinates.h"

#include <cmath>

#include <gtest/gtest.h>
#include <ogr_srs_api.h>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/raster_file.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

TEST(CanonicalCrs, FindsTheCode) {
  EXPECT_EQ(canonical_crs("EPSG:32631"), "EPSG:32631");
  EXPECT_EQ(canonical_crs("epsg:2154"), "EPSG:2154");
  EXPECT_EQ(canonical_crs("+proj=utm +zone=31 +datum=WGS84 +units=m +no_defs"), "EPSG:32631");
  // What ESRI writes beside a shapefile in Lambert-93.
  EXPECT_EQ(
      canonical_crs(
          R"(PROJCS["RGF_1993_Lambert_93",GEOGCS["GCS_RGF_1993",DATUM["D_RGF_1993",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Lambert_Conformal_Conic"],PARAMETER["False_Easting",700000.0],PARAMETER["False_Northing",6600000.0],PARAMETER["Central_Meridian",3.0],PARAMETER["Standard_Parallel_1",44.0],PARAMETER["Standard_Parallel_2",49.0],PARAMETER["Latitude_Of_Origin",46.5],UNIT["Meter",1.0]])"),
      "EPSG:2154");
}

TEST(CanonicalCrs, KeepsADefinitionWithoutCode) {
  const std::string wkt = canonical_crs("+proj=laea +lat_0=12 +lon_0=7 +ellps=GRS80 +units=m");
  EXPECT_NE(wkt.find("PROJCRS"), std::string::npos);
  EXPECT_EQ(canonical_crs(wkt), wkt);
}

// A GeoTIFF in a system without an EPSG code is read back in the same one: IGNF:LAMB93 has another authority.
TEST(CanonicalCrs, IsTheSameAfterAFile) {
  for (const char* definition :
       {"IGNF:LAMB93", "ESRI:102013", "+proj=laea +lat_0=12 +lon_0=7 +a=6378137 +rf=298.2572 +units=m",
        R"wkt(PROJCS["unnamed",GEOGCS["Unknown datum based upon the custom spheroid",DATUM["Not specified (based on custom spheroid)",)wkt"
        R"wkt(SPHEROID["Custom spheroid",6371007.181,0]],)wkt"
        R"wkt(PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],)wkt"
        R"wkt(PROJECTION["Sinusoidal"],PARAMETER["longitude_of_center",0],)wkt"
        R"wkt(PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["Meter",1],)wkt"
        R"wkt(AXIS["(E)",EAST],AXIS["(N)",NORTH]])wkt"}) {
    const std::string file = testing::temp_dir() + "/crs.tif";
    const Grid grid{canonical_crs(definition), 700000, 6600000, 10, 10, 2, 2};
    write_raster(file, Raster<std::uint8_t>(grid, 1), RasterOptions{});
    EXPECT_TRUE(RasterReader(file).grid().same_as(grid)) << RasterReader(file).grid().crs;
  }
}

TEST(CanonicalCrs, RefusesNonsense) {
  EXPECT_THROW(canonical_crs("EPSG:999999"), UserError);
  EXPECT_THROW(canonical_crs(""), UserError);
}

TEST(CoordinateTransform, PutsEastFirst) {
  const CoordinateTransform to_lambert("EPSG:4326", "EPSG:2154");
  const Point origin = to_lambert(Point{3, 46.5});  // the origin of Lambert-93
  EXPECT_NEAR(origin.x, 700000, 0.01);
  EXPECT_NEAR(origin.y, 6600000, 0.01);
  const Point back = CoordinateTransform("EPSG:2154", "EPSG:4326")(origin);
  EXPECT_NEAR(back.x, 3, 1e-8);
  EXPECT_NEAR(back.y, 46.5, 1e-8);
}

TEST(CoordinateTransform, BoxCoversItsCurvedEdges) {
  const CoordinateTransform to_lambert("EPSG:32631", "EPSG:2154");
  const Box tile{300000, 4790220, 409800, 4900020};
  const Box image = to_lambert(tile);
  for (int i = 0; i <= 1000; ++i) {
    const double f = i / 1000.0;
    for (const Point& point :
         {Point{tile.min_x + f * (tile.max_x - tile.min_x), tile.min_y}, Point{tile.max_x, tile.min_y + f * (tile.max_y - tile.min_y)}}) {
      const Point p = to_lambert(point);
      EXPECT_TRUE(p.x >= image.min_x - 0.01 && p.x <= image.max_x + 0.01 && p.y >= image.min_y - 0.01 && p.y <= image.max_y + 0.01)
          << p.x << " " << p.y;
    }
  }
}

TEST(CoordinateTransform, BoxesBetweenProjectedSystemsAreThoseOfGdal) {
  const std::vector<std::pair<std::string, Box>> boxes{{"EPSG:32631", {300000, 4790220, 409800, 4900020}},
                                                       {"EPSG:32630", {600000, 5290200, 709800, 5400000}},
                                                       {"EPSG:3035", {3500000, 2500000, 3600000, 2600000}},
                                                       {"EPSG:3413", {-100000, -90000, 110000, 100000}}};  // around the pole
  for (const auto& [from, box] : boxes)
    for (const std::string to : {"EPSG:2154", "EPSG:3035", "EPSG:32632", "EPSG:3995"}) {
      if (from == "EPSG:3413" && to != "EPSG:3995") continue;
      const SystemHandle from_system = make_system(from), to_system = make_system(to);
      const auto transform = OCTNewCoordinateTransformation(from_system.get(), to_system.get());
      Box expected;
      ASSERT_TRUE(OCTTransformBounds(transform, box.min_x, box.min_y, box.max_x, box.max_y, &expected.min_x, &expected.min_y,
                                     &expected.max_x, &expected.max_y, 64));
      OCTDestroyCoordinateTransformation(transform);
      const Box image = CoordinateTransform(from, to)(box);
      EXPECT_NEAR(image.min_x, expected.min_x, 1e-6) << from << " " << to;
      EXPECT_NEAR(image.min_y, expected.min_y, 1e-6) << from << " " << to;
      EXPECT_NEAR(image.max_x, expected.max_x, 1e-6) << from << " " << to;
      EXPECT_NEAR(image.max_y, expected.max_y, 1e-6) << from << " " << to;
    }
  EXPECT_THROW(CoordinateTransform("EPSG:32631", "EPSG:2154")(Box{1e30, 1e30, 2e30, 2e30}), UserError);
}

TEST(CoordinateTransform, MarksPointsWithoutImage) {
  const CoordinateTransform to_lambert("EPSG:4326", "EPSG:2154");
  std::vector<double> x{3, INFINITY}, y{46.5, 10};
  to_lambert.apply(x, y);
  EXPECT_FALSE(std::isnan(x[0]));
  EXPECT_TRUE(std::isnan(x[1]) && std::isnan(y[1]));
  EXPECT_THROW(to_lambert(Point{INFINITY, 10}), UserError);
}

TEST(CoordinateTransform, ABoxAcrossThe180thMeridianGoesOnBeyondIt) {
  const CoordinateTransform to_utm("EPSG:4326", "EPSG:32760"), to_degrees("EPSG:32760", "EPSG:4326");
  const Point line = to_utm(Point{180, -17});
  const Box tile{line.x - 50000, line.y - 50000, line.x + 50000, line.y + 50000};
  const Box degrees = to_degrees(tile);
  EXPECT_NEAR(degrees.min_x, 179.53, 0.01);
  EXPECT_NEAR(degrees.max_x, 180.47, 0.01);
  const Box back = to_utm(degrees);
  EXPECT_NEAR(back.min_x, tile.min_x, 2000);
  EXPECT_NEAR(back.max_x, tile.max_x, 2000);
}

TEST(BoxesOf, KnowThatTheEarthIsRound) {
  const BoxesOf degrees("EPSG:4326"), metres("EPSG:2154");
  const Box tile{179.5, -18, 180.5, -17};
  EXPECT_TRUE(degrees.meet({-179.9, -17.5, -179.8, -17.4}, tile));
  EXPECT_TRUE(degrees.meet({180.1, -17.5, 180.2, -17.4}, tile));
  EXPECT_FALSE(degrees.meet({-178, -17.5, -177, -17.4}, tile));
  EXPECT_FALSE(metres.meet({-179.9, -17.5, -179.8, -17.4}, tile));
  EXPECT_TRUE(degrees.meet({359, 40, 359.5, 41}, {-2, 40, 0, 42}));  // counted from 0
  EXPECT_EQ(degrees.near(-179, 179), 181);
  EXPECT_EQ(metres.near(-179, 179), -179);

  const Box fiji = degrees.around({{179.2, -18, 180.2, -17}, {-179.9, -18, -179.0, -17}, {178, -19, 179, -18}});
  EXPECT_NEAR(fiji.max_x - fiji.min_x, 3, 1e-9);
  EXPECT_NEAR(degrees.near(fiji.min_x, 180), 178, 1e-9);
  EXPECT_EQ(degrees.around({{-2, 45, 0, 46}, {-1, 44, 3, 45}}), (Box{-2, 44, 3, 46}));
  EXPECT_EQ(metres.around({{700000, 0, 800000, 1}, {100, 0, 200, 5}}), (Box{100, 0, 800000, 5}));
}

}  // namespace
}  // namespace millesime
