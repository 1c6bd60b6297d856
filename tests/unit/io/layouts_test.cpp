// Length: one section a layout, each with its products.
// Every layout beside THEIA's, on tiny products that the test writes itself: what is found, and the numbers that come out.

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"
#include "tests/support/image_file.h"
#include "tests/support/message_of.h"
#include "tests/support/muscate_product.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/io/census_pixels.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ImageFile;
using ::testing::IsEmpty;
using testing::temp_dir;
using testing::write_image;
namespace fs = std::filesystem;

Grid coarser(Grid grid, int factor) {
  grid.pixel_width *= factor, grid.pixel_height *= factor, grid.cols /= factor, grid.rows /= factor;
  return grid;
}

// --- muscate: L3A -----------------------------------------------------------------------------------------------------------------

TEST(Muscate, SynthesesOfTheiaL3aAreInvalidWhereCloudyOrEmpty) {
  const std::string root = temp_dir();
  const Grid grid = ImageFile{}.grid;
  for (const char* date : {"20210515", "20210615"}) {
    const std::string name = "SENTINEL2X_" + std::string(date) + "-000000-000_L3A_T31TCJ_C_V1-0", folder = root + "/T31TCJ/" + name;
    write_image(folder + "/" + name + "_FRC_B4.tif", {.grid = grid, .number = [](int, int col, int) { return 1000 + col; }});
    write_image(folder + "/" + name + "_FRC_B11.tif", {.grid = coarser(grid, 2), .number = [](int, int, int) { return 77; }});
    write_image(folder + "/MASKS/" + name + "_FLG_R1.tif",
                {.grid = grid, .type = "Byte", .number = [](int, int col, int) { return col % 5; }});
  }
  const SourceCensus census = census_of("sentinel2_l3a", root, "T31TCJ");
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_THAT(days(census), ElementsAre("2021-05-15", "2021-06-15"));
  EXPECT_THAT(census.bands, ElementsAre("B4", "B11"));
  for (const int flag : {0, 1, 2, 3, 4}) {
    const Seen seen = see(census, flag, 3);
    EXPECT_EQ(seen.value, 1000 + flag);
    EXPECT_EQ(seen.valid, flag >= 2) << flag;
    EXPECT_EQ(seen.image, flag != 0) << flag;
  }
}

// Reflectance with and without the correction of slopes; Landsat as iota2 reads it; products beside each other, without a version.
TEST(Muscate, LandsatOfTheiaAndBothKindsOfReflectance) {
  struct Case {
    std::string sensor, name, red, mask;
  };
  for (const auto& [sensor, name, red, mask] : {Case{"landsat5_theia", "LANDSAT5-TM-XS_20210511-103011-123_L2A_T31TCJ_D_V1-9", "B3", "XS"},
                                                {"landsat8_theia", "LANDSAT8-OLITIRS-XSTHPAN_20210511-103011-123_L2A_T31TCJ_D", "B4", "XS"},
                                                {"sentinel2_theia", "SENTINEL2C_20210511-103011-123_L2A_T31TCJ_D", "B4", "R1"},
                                                {"sentinel2_theia", "SENTINEL2D_20210511-103011-123_L2A_T31TCJ_C_V4-0", "B4", "R1"}}) {
    SCOPED_TRACE(sensor);
    const std::string root = temp_dir(), stem = root + "/" + name + "/" + name, masks = root + "/" + name + "/MASKS/" + name;
    const Grid grid = ImageFile{}.grid;
    write_image(stem + "_FRE_" + red + ".tif", {.grid = grid, .number = [](int, int col, int) { return col == 0 ? -10000 : 1000 + col; }});
    write_image(stem + "_SRE_" + red + ".tif", {.grid = grid, .number = [](int, int col, int) { return 2000 + col; }});
    for (const auto& [what, row] : {std::pair{"CLM", 1}, {"SAT", 2}, {"EDG", 3}})
      write_image(masks + "_" + what + "_" + mask + ".tif",
                  {.grid = grid, .type = "Byte", .number = [of = row](int, int, int r) { return r == of ? 4 : 0; }});
    testing::zip_product(root + "/" + name);
    EXPECT_THAT(make_sensor(sensor)->tiles(root), ElementsAre("T31TCJ"));
    for (const auto& [variant, value] : {std::pair{"FRE", 1005}, {"", 1005}, {"SRE", 2005}}) {
      const SourceCensus census = census_of(sensor, root, "T31TCJ", {"red"}, variant);
      EXPECT_THAT(census.damaged, IsEmpty());
      EXPECT_EQ(see(census, 5, 0).value, value);
      for (int row = 0; row < 5; ++row) EXPECT_EQ(see(census, 5, row).valid, row == 0 || row == 4) << row;
      EXPECT_FALSE(see(census, 5, 3).image);
      EXPECT_TRUE(see(census, 5, 2).image);
    }
    EXPECT_EQ(see(census_of(sensor, root, "T31TCJ", {"red"}), 0, 0).value, kNodata);
  }
}

// --- safe -------------------------------------------------------------------------------------------------------------------------

struct SafeProduct {
  std::string date = "20210511", baseline = "0500", orbit = "051", generated = "20230101T000000";
  int b4 = 1300, no_image_from_col = 12;
  std::string granule = "L2A_T31TCJ_A030000_20210511T105900";
  bool metadata = true, offset = true, scl = true;

  std::string name() const { return "S2A_MSIL2A_" + date + "T105621_N" + baseline + "_R" + orbit + "_T31TCJ_" + generated + ".SAFE"; }
  std::string write(const std::string& folder) const {
    const Grid grid = ImageFile{}.grid;
    const std::string tree = folder + "/" + name(), images = tree + "/GRANULE/" + granule + "/IMG_DATA",
                      stem = "/T31TCJ_" + date + "T105621_";
    const auto number = [this](int, int col, int row) { return col >= no_image_from_col ? 0 : row == 5 ? 400 : row == 6 ? 65535 : b4; };
    write_image(images + "/R10m" + stem + "B04_10m.tif", {.grid = grid, .type = "UInt16", .number = number});
    write_image(images + "/R20m" + stem + "B8A_20m.tif",
                {.grid = coarser(grid, 2), .type = "UInt16", .number = [](int, int, int) { return 3000; }});
    const auto classes = [this](int, int col, int row) { return 2 * col >= no_image_from_col ? 0 : row == 0 ? col : 4; };
    if (scl) write_image(images + "/R20m" + stem + "SCL_20m.tif", {.grid = coarser(grid, 2), .type = "Byte", .number = classes});
    std::string list;
    for (int band = 0; band < 13; ++band) list += "<BOA_ADD_OFFSET band_id=\"" + std::to_string(band) + "\">-1000</BOA_ADD_OFFSET>";
    if (metadata)
      write_text(tree + "/MTD_MSIL2A.xml",
                 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<n1:Level-2A_User_Product "
                 "xmlns:n1=\"x\"><n1:General_Info><Product_Image_Characteristics>"
                 "<QUANTIFICATION_VALUES_LIST><BOA_QUANTIFICATION_VALUE unit=\"none\">10000</BOA_QUANTIFICATION_VALUE>"
                 "</QUANTIFICATION_VALUES_LIST>" +
                     (offset ? "<BOA_ADD_OFFSET_VALUES_LIST>" + list + "</BOA_ADD_OFFSET_VALUES_LIST>" : "") +
                     "</Product_Image_Characteristics></n1:General_Info></n1:Level-2A_User_Product>");
    return tree;
  }
};

TEST(Safe, TheOffsetOfTheMetadataIsAddedAndNegativeReflectanceKept) {
  const std::string root = temp_dir();
  SafeProduct{}.write(root + "/T31TCJ");
  SafeProduct{.date = "20210611", .baseline = "0214", .offset = false}.write(root + "/T31TCJ");
  const SourceCensus census = census_of("sentinel2_sen2cor", root, "T31TCJ");
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_THAT(days(census), ElementsAre("2021-05-11", "2021-06-11"));
  EXPECT_THAT(census.bands, ElementsAre("B4", "B8A"));
  EXPECT_EQ(census.grid.pixel_width, 10);
  EXPECT_EQ(see(census, 1, 3).value, 300);
  EXPECT_EQ(see(census, 1, 5).value, -600);
  EXPECT_EQ(see(census, 1, 6).value, kNodata);  // saturated
  EXPECT_EQ(see(census, 1, 3, 1).value, 1300);  // before baseline 04.00
  EXPECT_EQ(see(census, 1, 3, 0, "B8A").value, 2000);
  // SCL at 20 m: class `col` in its first row.
  const std::vector<bool> valid = {false, false, true, false, true, true};
  for (int code = 0; code < 6; ++code) EXPECT_EQ(see(census, 2 * code + 1, 1).valid, valid[static_cast<std::size_t>(code)]) << code;
  EXPECT_FALSE(see(census, 0, 0).image);
  EXPECT_TRUE(see(census, 2, 0).image);
  const TileImages read = TileImages::from_json(TileImages::of(census).to_json(), "census", {root});
  EXPECT_EQ(see(read.main(), 1, 5).value, -600);

  // The values of a configuration, instead of the sensor's.
  CensusRequest request{"", root, "T31TCJ", "", {}, kFirst, kLast, {"SCL = 1,2, 4"}};
  const SourceCensus other = make_sensor("sentinel2_sen2cor")->take_census(request);
  const std::vector<bool> valid_there = {false, false, false, true, false, true};
  for (int code = 0; code < 6; ++code) EXPECT_EQ(see(other, 2 * code + 1, 1).valid, valid_there[static_cast<std::size_t>(code)]) << code;
}

TEST(Safe, TheNewestBaselineWinsAndOrbitsAreMerged) {
  const std::string root = temp_dir();  // beside each other in the root
  SafeProduct{.baseline = "0300", .generated = "20210511T200000", .offset = false}.write(root);
  SafeProduct{.no_image_from_col = 6}.write(root);
  SafeProduct{.baseline = "0500", .generated = "20220101T000000"}.write(root);
  SafeProduct{.orbit = "008", .b4 = 2000}.write(root);
  EXPECT_THAT(make_sensor("sentinel2_sen2cor")->tiles(root), ElementsAre("T31TCJ"));
  const SourceCensus census = census_of("sentinel2_sen2cor", root, "T31TCJ", {"red"});
  ASSERT_EQ(census.acquisitions.size(), 1U);
  ASSERT_EQ(census.acquisitions[0].passes.size(), 3U);
  EXPECT_EQ(census.superseded.size(), 1U);
  EXPECT_EQ(census.merged.size(), 1U);
  EXPECT_EQ(see(census, 9, 3).value, 1000);  // where one of the orbits has no image, the other
}

// One tile and datatake on two datastrips: two products of one baseline, told apart by the last part of their names.
TEST(Safe, PartsOfATileOnTwoDatastripsAreMerged) {
  const std::string root = temp_dir();
  SafeProduct{.generated = "20210511T200000", .b4 = 2300}.write(root + "/T31TCJ");
  SafeProduct{.generated = "20210511T200500", .no_image_from_col = 6}.write(root + "/T31TCJ");
  SafeProduct{.baseline = "0300", .generated = "20230511T200500", .b4 = 7000, .offset = false}.write(root + "/T31TCJ");
  const SourceCensus census = census_of("sentinel2_sen2cor", root, "T31TCJ", {"red"});
  ASSERT_EQ(census.acquisitions.size(), 1U);
  EXPECT_EQ(census.superseded.size(), 1U);
  EXPECT_EQ(see(census, 1, 3).value, 300);  // of the newest where it has an image
  EXPECT_EQ(see(census, 9, 3).value, 1300);
}

// Beside each other, in folders of tiles with and without T, and in folders of days, all at once.
TEST(Safe, ProductsOfATileAreFoundWhereverTheyLie) {
  const std::string root = temp_dir();
  SafeProduct{.date = "20210101"}.write(root);
  SafeProduct{.date = "20210201"}.write(root + "/T31TCJ");
  SafeProduct{.date = "20210301"}.write(root + "/31TCJ/2021");
  SafeProduct{.date = "20210401"}.write(root + "/2021/04/01");
  EXPECT_THAT(make_sensor("sentinel2_sen2cor")->tiles(root), ElementsAre("T31TCJ"));
  const SourceCensus census = census_of("sentinel2_sen2cor", root, "T31TCJ", {"red"});
  EXPECT_THAT(days(census), ElementsAre("2021-01-01", "2021-02-01", "2021-03-01", "2021-04-01"));
  EXPECT_THAT(census.ignored, IsEmpty());
  const TileImages read = TileImages::from_json(TileImages::of(census).to_json(), "census", {root});
  EXPECT_EQ(see(read.main(), 1, 3, 3).value, 300);
  const auto digest = [&] {
    return make_sensor("sentinel2_sen2cor")->listing(root, "T31TCJ", Date::parse("20210101"), Date::parse("20211231"));
  };
  const std::string before = digest();
  SafeProduct{.date = "20210501"}.write(root + "/2021/05/01");
  EXPECT_NE(digest(), before);
}

// As download programs leave them: in a folder of their own name, and a second time beside it.
TEST(Safe, ProductsLieInFoldersOfTheirOwnName) {
  const std::string root = temp_dir(), name = SafeProduct{}.name();
  SafeProduct{}.write(root + "/" + fs::path(name).stem().string());
  fs::create_directories(root + "/" + fs::path(name).stem().string() + " (1).SAFE");
  const SourceCensus census = census_of("sentinel2_sen2cor", root, "T31TCJ", {"red"});
  EXPECT_EQ(see(census, 1, 3).value, 300);
  ASSERT_EQ(census.damaged.size(), 1U);
  EXPECT_THAT(census.damaged[0].message, HasSubstr("(1).SAFE\" is not the name of a product"));
}

TEST(Safe, OldMetadataNameTheirQuantificationOtherwise) {
  const std::string root = temp_dir(), tree = SafeProduct{.baseline = "0204", .offset = false}.write(root);
  std::string text = read_text(tree + "/MTD_MSIL2A.xml");
  for (std::size_t at = 0; (at = text.find("BOA_QUANT", at)) != std::string::npos; at += 13) text.insert(at, "L2A_");
  text.replace(text.find(">10000<"), 7, ">2000<");
  write_text(tree + "/MTD_MSIL2A.xml", text);
  EXPECT_EQ(see(census_of("sentinel2_sen2cor", root, "T31TCJ", {"red"}), 1, 3).value, 1300 * 5);
}

TEST(Safe, ZipsAreReadInPlace) {
  const std::string root = temp_dir();
  std::string tree = SafeProduct{}.write(root + "/T31TCJ");
  fs::rename(tree, tree.substr(0, tree.size() - 5));  // without .SAFE
  testing::zip_product(tree.substr(0, tree.size() - 5));
  const SourceCensus census = census_of("sentinel2_sen2cor", root, "T31TCJ");
  EXPECT_THAT(census.damaged, IsEmpty());
  ASSERT_EQ(census.files.size(), 1U);
  EXPECT_EQ(see(census, 1, 5).value, -600);
}

// Products that a user made of Level 1C before baseline 04.00 have no offset, and say so in their metadata.
TEST(Safe, OwnProductsHaveTheOffsetOfTheirMetadata) {
  const std::string root = temp_dir();
  SafeProduct{.baseline = "9999", .offset = false}.write(root + "/T31TCJ");
  SafeProduct{.date = "20210611", .baseline = "9999"}.write(root + "/T31TCJ");
  const SourceCensus census = census_of("sentinel2_sen2cor", root, "T31TCJ");
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_EQ(see(census, 1, 3).value, 1300);
  EXPECT_EQ(see(census, 1, 3, 1).value, 300);
}

TEST(Safe, NamesWhatIsWrong) {
  const std::string folder = temp_dir(), root = folder + "/T31TCJ";
  SafeProduct{.date = "20210101", .scl = false}.write(root);
  SafeProduct{.date = "20210102", .offset = false}.write(root);
  SafeProduct{.date = "20210103", .metadata = false}.write(root);
  SafeProduct{.date = "20210104"}.write(root);
  SafeProduct{.date = "20210104", .granule = "L2A_T31TCJ_A030001_20210511T105900"}.write(root);
  fs::create_directories(root + "/S2A_MSIL1C_20210105T105621_N0500_R051_T31TCJ_20210105T120000.SAFE");
  const SourceCensus census = census_of("sentinel2_sen2cor", folder, "T31TCJ");
  ASSERT_EQ(census.damaged.size(), 5U);
  EXPECT_THAT(census.damaged[0].message, HasSubstr("is of Level 1C; expected Level 2A"));
  EXPECT_THAT(census.damaged[1].message, AllOf(HasSubstr("the scene classification GRANULE/L2A_"), HasSubstr("SCL_20m is missing")));
  EXPECT_THAT(census.damaged[2].message,
              HasSubstr("MTD_MSIL2A.xml has no BOA_ADD_OFFSET_VALUES_LIST; products from baseline 04.00 on (this is N0500)"));
  EXPECT_THAT(census.damaged[3].message, HasSubstr("MTD_MSIL2A.xml is missing"));
  EXPECT_THAT(census.damaged[4].message, HasSubstr("GRANULE: expected one granule, got 2: "));
}

// --- landsat_c2 -------------------------------------------------------------------------------------------------------------------

struct Scene {
  std::string platform = "LC08", scene = "197030", date = "20210511", processed = "20210520", level = "L2SP", collection = "02";
  Grid grid{"EPSG:32631", 300015, 4900035, 30, 30, 20, 20};
  int red = 10000, clear = 21824;

  std::string name() const { return platform + "_" + level + "_" + scene + "_" + date + "_" + processed + "_" + collection + "_T1"; }
  std::string write(const std::string& root) const {
    const std::string stem = root + "/" + name() + "/" + name() + "_";
    const bool tm = platform != "LC08" && platform != "LC09";
    const auto red_number = [this](int, int col, int row) { return row == 1 ? 7000 : row == 2 ? 44000 : row == 3 ? 0 : red + col; };
    write_image(stem + (tm ? "SR_B3.TIF" : "SR_B4.TIF"), {.grid = grid, .type = "UInt16", .number = red_number});
    write_image(stem + (tm ? "ST_B6.TIF" : "ST_B10.TIF"), {.grid = grid, .type = "UInt16", .number = [](int, int, int) { return 44000; }});
    const auto qa = [this](int, int col, int row) { return row == 4 && col < 8 ? clear | (1 << col) : clear; };
    write_image(stem + "QA_PIXEL.TIF", {.grid = grid, .type = "UInt16", .number = qa});
    write_image(stem + "QA_RADSAT.TIF",
                {.grid = grid, .type = "UInt16", .number = [](int, int col, int row) { return row == 5 && col == 5 ? 2048 : 0; }});
    return root + "/" + name();
  }
};

int reflectance(double number) { return static_cast<int>(std::lround((number * 2.75e-5 - 0.2) * 10000)); }

TEST(Landsat, NumbersMasksAndTheThermalBand) {
  const std::string root = temp_dir();
  Scene{}.write(root);
  Scene{.platform = "LE07", .date = "20210519"}.write(root);
  Scene{.processed = "20210601", .red = 12000}.write(root);  // the same scene, processed again
  EXPECT_THAT(make_sensor("landsat_c2")->tiles(root), ElementsAre("197030"));
  const SourceCensus census = census_of("landsat_c2", root, "197030", {"red", "thermal"});
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_THAT(days(census), ElementsAre("2021-05-11", "2021-05-19"));
  EXPECT_EQ(census.superseded.size(), 1U);
  EXPECT_EQ(see(census, 7, 8).value, reflectance(12007));
  EXPECT_EQ(see(census, 7, 8, 1).value, reflectance(10007));
  EXPECT_EQ(see(census, 7, 8, 0, "thermal").value, std::lround((44000 * 0.00341802 + 149 - 273.15) * 100));
  for (const int row : {1, 2, 3}) EXPECT_EQ(see(census, 7, row).value, kNodata) << row;  // outside the valid range, fill
  for (int bit = 0; bit < 8; ++bit) EXPECT_EQ(see(census, bit, 4).valid, bit >= 5) << bit;
  EXPECT_FALSE(see(census, 0, 4).image);
  EXPECT_TRUE(see(census, 1, 4).image);
  EXPECT_FALSE(see(census, 5, 5).valid);  // QA_RADSAT
}

TEST(Landsat, FilesOfBandsLieBesideEachOther) {
  const std::string root = temp_dir();
  for (const Scene& scene : {Scene{}, Scene{.date = "20210527", .red = 11000}}) {
    const std::string folder = scene.write(root);
    for (const auto& file : fs::directory_iterator(folder)) fs::rename(file.path(), root + "/" + file.path().filename().string());
    fs::remove(folder);
  }
  EXPECT_THAT(make_sensor("landsat_c2")->tiles(root), ElementsAre("197030"));
  const SourceCensus census = census_of("landsat_c2", root, "197030", {"red"});
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_THAT(days(census), ElementsAre("2021-05-11", "2021-05-27"));
  EXPECT_EQ(see(census, 7, 8).value, reflectance(10007));
  EXPECT_EQ(see(census, 7, 8, 1).value, reflectance(11007));
}

// Real products of both: of the north rows are counted from the equator, of the south from 10 000 km.
TEST(Landsat, TheGridOfASentinel2TileIsThatOfItsProducts) {
  const auto north = sentinel2_grid("T31TCJ", 10), south = sentinel2_grid("T22HBD", 10);
  ASSERT_TRUE(north && south);
  EXPECT_EQ(std::pair(north->x0, north->y0), std::pair(300000.0, 4900020.0));
  EXPECT_EQ(std::pair(south->x0, south->y0), std::pair(199980.0, 5900020.0));
}

TEST(Landsat, TarsAreReadInPlace) {
  const std::string root = temp_dir();
  const std::string folder = Scene{}.write(root);
  ASSERT_EQ(std::system(("cd '" + folder + "' && tar -cf '../" + Scene{}.name() + ".tar' *.TIF").c_str()), 0);
  fs::remove_all(folder);
  const SourceCensus census = census_of("landsat_c2", root, "197030", {"red"});
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_EQ(see(census, 7, 8).value, reflectance(10007));
}

TEST(Landsat, ScenesOfEveryRowAndZoneAreBroughtToASentinel2Tile) {
  const std::string root = temp_dir();
  const Point corner{399960, 4900020};  // T31TDJ
  Scene upper{.grid = {"EPSG:32631", corner.x - 15, corner.y + 15, 30, 30, 40, 20}};
  upper.write(root);
  Scene lower{.scene = "197031", .grid = {"EPSG:32631", corner.x - 15, corner.y + 15 - 600, 30, 30, 40, 20}, .red = 20000};
  lower.write(root);
  // The same ground in the neighbouring zone, on another day.
  const Point there = CoordinateTransform("EPSG:32631", "EPSG:32630")(Point{corner.x + 600, corner.y - 600});
  Scene neighbour{.scene = "198030",
                  .date = "20210512",
                  .grid = {"EPSG:32630", std::round(there.x / 30) * 30 - 1500, std::round(there.y / 30) * 30 + 1500, 30, 30, 100, 100}};
  neighbour.write(root);
  Scene{.scene = "001001", .date = "20210513", .grid = {"EPSG:32631", 700005, 5200005, 30, 30, 20, 20}}.write(root);  // elsewhere
  const SourceCensus census = census_of("landsat_c2", root, "T31TDJ", {"red"});
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_EQ(to_text(census.grid), "EPSG:32631, 3660 x 3660 px of 30 x 30 at (399960, 4900020)");
  EXPECT_THAT(days(census), ElementsAre("2021-05-11", "2021-05-12"));
  EXPECT_EQ(census.acquisitions[0].passes.size(), 2U);
  EXPECT_NEAR(see(census, 10, 10).value, reflectance(10010.5), 30);
  EXPECT_NEAR(see(census, 10, 30).value, reflectance(20010.5), 30);
  EXPECT_TRUE(see(census, 10, 30).image);
  EXPECT_FALSE(see(census, 10, 100).image);
  EXPECT_NEAR(see(census, 20, 20, 1).value, reflectance(10050), 10);
}

TEST(Landsat, AnotherGridGivesTheSameNumbersWhateverTheWindow) {
  const std::string root = temp_dir();
  Scene{.grid = {"EPSG:32630", 780000, 4906000, 30, 30, 60, 60}}.write(root);
  const Point middle = CoordinateTransform("EPSG:32630", "EPSG:32631")(Point{780900, 4905100});
  const Grid tile{"EPSG:32631", std::round(middle.x / 10) * 10 - 400, std::round(middle.y / 10) * 10 + 400, 10, 10, 80, 80};
  CensusRequest request{"", root, "T31TCJ", "", {"red"}, kFirst, kLast};
  request.grid = tile;
  const SourceCensus census = make_sensor("landsat_c2")->take_census(request);
  ASSERT_EQ(census.acquisitions.size(), 1U);
  const SeriesReader reader(census, {"red"});
  const Series whole = reader.read(tile.whole());
  const BandGroup& all = whole.groups.front();
  for (const Window window : {Window{0, 0, 7, 5}, Window{33, 41, 20, 17}, Window{70, 60, 10, 20}}) {
    const Series part = reader.read(window);
    const BandGroup& group = part.groups.front();
    const int col = static_cast<int>(std::lround(group.col_offset - all.col_offset - window.col * all.col_scale)),
              row = static_cast<int>(std::lround(group.row_offset - all.row_offset - window.row * all.row_scale));
    for (int r = 0; r < group.rows; ++r)
      for (int c = 0; c < group.cols; ++c)
        ASSERT_EQ(group.samples[static_cast<std::size_t>(r * group.cols + c)],
                  all.samples[static_cast<std::size_t>((r - row) * all.cols + c - col)])
            << c << "," << r;
  }
}

TEST(Landsat, NamesWhatIsWrong) {
  const std::string root = temp_dir();
  Scene{.level = "L1TP"}.write(root);
  Scene{.date = "20210601", .collection = "01"}.write(root);
  Scene{.date = "20210701", .clear = 322}.write(root);
  fs::remove(Scene{.date = "20210801"}.write(root) + "/" + Scene{.date = "20210801"}.name() + "_QA_PIXEL.TIF");
  const SourceCensus census = census_of("landsat_c2", root, "197030", {"red"});
  ASSERT_EQ(census.damaged.size(), 4U);
  EXPECT_THAT(census.damaged[0].message, HasSubstr("is of Level 1 (L1TP)"));
  EXPECT_THAT(census.damaged[1].message, HasSubstr("is of Collection 01; expected Collection 2 Level 2"));
  EXPECT_THAT(census.damaged[2].message, HasSubstr("expected QA_PIXEL of Collection 2 (numbers above 4096), got numbers up to "));
  EXPECT_THAT(census.damaged[3].message, HasSubstr("_QA_PIXEL.TIF is missing"));
}

}  // namespace
}  // namespace millesime
