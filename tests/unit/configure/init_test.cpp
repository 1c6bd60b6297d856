#include "pipeline/configure/init.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/text.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/config.h"
#include "tests/support/image_file.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

// A folder with three products of 2021 and one of 2020 of one tile: their names say what they are.
struct Init : ::testing::Test {
  std::string folder = testing::temp_dir();

  Init() {
    for (const char* day : {"20200607", "20210108", "20210319", "20210627"})
      std::filesystem::create_directories(folder + "/data/optical/T31TCJ/SENTINEL2A_" + day + "-105825-345_L2A_T31TCJ_D_V1-7");
  }
  void polygons(const std::string& file, const std::string& field, const std::vector<std::string>& values) {
    std::vector<OutputFeature> features;
    for (const std::string& value : values) features.push_back({{{{{{0, 0}, {0, 1}, {1, 1}, {0, 0}}}}}, {value}});
    write_polygons(folder + "/data/" + file, "polygons", "EPSG:4326", {field}, features);
  }
  FirstConfig init(int year = 0) {
    const InitCommand command{.root = folder + "/data", .output = folder + "/run.toml", .year = year};
    const FirstConfig first = first_config(command);
    std::filesystem::remove(folder + "/run.toml");
    write_first_config(command, first);
    return first;
  }
};

TEST_F(Init, FindsImagesPolygonsAndRegions) {
  polygons("parcels.gpkg", "CODE_17", {"5", "5", "6", "6", "10", "10"});
  polygons("ecoregions.geojson", "eco", {"north", "south"});
  const FirstConfig first = init();
  const Config made = Config::load(folder + "/run.toml", {});
  EXPECT_EQ(made.year, 2021) << "three products against one";
  ASSERT_EQ(made.sources.size(), 1u);
  EXPECT_EQ(made.sources[0].sensor, "sentinel2_theia");
  EXPECT_EQ(made.sources[0].root, folder + "/data/optical");
  EXPECT_EQ(made.tiles.names, std::vector<std::string>{"T31TCJ"});
  EXPECT_EQ(made.nomenclature, "oso23");
  EXPECT_EQ(made.reference.path, folder + "/data/parcels.gpkg");
  EXPECT_EQ(made.reference.class_field, "CODE_17");
  EXPECT_EQ(made.regions.path, folder + "/data/ecoregions.geojson");
  EXPECT_EQ(made.regions.field, "eco");
  EXPECT_NE(join_list(first.assumed, "\n").find("the year 2021"), std::string::npos);
  EXPECT_EQ(join_list(first.assumed, "\n").find("is not meant"), std::string::npos);
  polygons("more_parcels.gpkg", "CODE_17", {"5", "6"});
  EXPECT_NE(join_list(init().assumed, "\n").find("more_parcels.gpkg is not meant (2 polygons)"), std::string::npos);
  init(2020);
  EXPECT_EQ(Config::load(folder + "/run.toml", {}).year, 2020);
}

TEST_F(Init, MakesANomenclatureOfValuesThatNoneHas) {
  polygons("fields.gpkg", "crop", {"hops", "hops", "quinoa", "quinoa", "hemp", "hemp"});
  init();
  const Config made = Config::load(folder + "/run.toml", {});
  const Nomenclature classes = Nomenclature::load(made.nomenclature);
  ASSERT_EQ(classes.size(), 3);
  EXPECT_EQ(classes.index_of("quinoa"), 2);
  EXPECT_EQ(made.reference.class_field, "crop");
}

// The same numbers mean other classes elsewhere: where names stand beside them, these decide.
TEST_F(Init, NamesBesideCodesDecideWhichNomenclatureItIs) {
  const auto reference = [&](const std::vector<std::string>& names) {
    std::vector<OutputFeature> features;
    for (std::size_t i = 0; i < 4 * names.size(); ++i)
      features.push_back({{{{{{0, 0}, {0, 1}, {1, 1}, {0, 0}}}}}, {static_cast<std::int64_t>(i / 4), names[i / 4]}});
    std::filesystem::remove(folder + "/data/truth.gpkg");
    write_polygons(folder + "/data/truth.gpkg", "polygons", "EPSG:4326", {"LULC_ID", "LULC_NAME"}, features);
    init();
    return Config::load(folder + "/run.toml", {}).nomenclature;
  };
  EXPECT_EQ(reference({"no data", "cultivated land", "forest", "grassland"}), "lulc_slovenia");
  EXPECT_EQ(reference({"", "cultivated land", "forest", "grassland"}), "lulc_slovenia");
  const Nomenclature made = Nomenclature::load(reference({"no data", "kelp", "coral", "sand"}));
  ASSERT_EQ(made.size(), 3);
  EXPECT_EQ(made.at(0).code, 1);
  EXPECT_EQ(made.at(0).name, "kelp");
}

// What it writes it reads: names on disk are any bytes.
TEST_F(Init, NamesOfAnyBytesAreWrittenAsToml) {
  const std::string odd = folder + "/data/opti\ncal \"\x01\x7f\\\xe9";
  std::filesystem::rename(folder + "/data/optical", odd);
  init();
  EXPECT_EQ(Config::load(folder + "/run.toml", {}).sources.at(0).root, odd);
}

TEST_F(Init, SaysWhatIsMissing) {
  EXPECT_NE(join_list(init().assumed, "\n").find("no polygons with classes were found"), std::string::npos);
  const auto refusal = [&](const InitCommand& command) {
    return testing::message_of([&] { write_first_config(command, first_config(command)); });
  };
  EXPECT_NE(refusal({folder + "/data", folder + "/run.toml"}).find("is there already"), std::string::npos);
  EXPECT_NE(refusal({folder + "/data", folder + "/b.toml", 1999}).find("no products of 1999; there are those of 2020 (1), 2021 (3)"),
            std::string::npos);
  EXPECT_NE(refusal({folder + "/none", folder + "/b.toml"}).find("no such folder"), std::string::npos);
  std::filesystem::create_directories(folder + "/empty");
  EXPECT_NE(refusal({folder + "/empty", folder + "/b.toml"}).find("no images of a known sensor"), std::string::npos);
}

// One list may serve several sensors; what its items do not say is assumed, and told.
TEST_F(Init, FindsListsOfItems) {
  const auto item = [](const std::string& id, const std::string& collection, const std::string& platform, const std::string& more,
                       const std::string& assets) {
    return R"({"stac_version": "1.0.0", "type": "Feature", "id": ")" + id + R"(", "collection": ")" + collection +
           R"(", "properties": {"datetime": "2021-05-11T10:56:21Z", "platform": ")" + platform + "\", " + more + R"(}, "assets": {)" +
           assets + "}}";
  };
  const std::string optical = R"("B04": {"href": "x/B04.tif"}, "SCL": {"href": "x/SCL.tif"})";
  const std::string landsat = R"("red": {"href": "l/SR_B4.TIF"}, "qa_pixel": {"href": "l/QA.TIF"}, "qa_radsat": {"href": "l/R.TIF"})";
  const std::string list = folder + "/lists/items.json";
  const auto write_list = [&](const std::string& flag) {
    write_text(list, R"({"type": "FeatureCollection", "features": [)" +
                         item("S2B_MSIL2A_20210511T105621", "sentinel-2-l2a", "Sentinel-2B", R"("s2:mgrs_tile": "31TCJ")" + flag, optical) +
                         "," +
                         item("LC08_L2SP_197030_20210511_02_T1", "landsat-c2-l2", "landsat-8",
                              R"("landsat:wrs_path": "197", "landsat:wrs_row": "030")", landsat) +
                         "]}");
  };
  for (const std::string& root : {list, folder + "/lists"}) {
    SCOPED_TRACE(root);
    write_list("");
    const FirstConfig first = first_config({.root = root, .output = folder + "/run.toml", .year = 0});
    write_text(folder + "/run.toml", first.toml);
    const Config made = Config::load(folder + "/run.toml", {});
    EXPECT_EQ(made.year, 2021);
    ASSERT_EQ(made.sources.size(), 2u) << first.toml;
    for (const SourceOptions& source : made.sources) EXPECT_EQ(source.root, list);
    EXPECT_EQ(made.sources[0].sensor, "landsat_c2");
    EXPECT_EQ(made.sources[1].sensor, "sentinel2_cog");
    EXPECT_EQ(made.sources[1].variant, "raw");
    EXPECT_NE(join_list(first.assumed, "\n").find("do not say whether the offset"), std::string::npos);
  }
  write_list(R"(, "earthsearch:boa_offset_applied": true)");
  EXPECT_EQ(first_config({.root = list, .output = folder + "/run.toml", .year = 0}).toml.find("variant"), std::string::npos);
  const auto refusal_of = [&](const std::string& root) {
    return testing::message_of([&] { first_config({.root = root, .output = folder + "/b.toml", .year = 0}); });
  };
  write_text(folder + "/signed/items.json",
             R"({"type": "FeatureCollection", "features": [)" +
                 item("S2B_MSIL2A_20210511T105621", "sentinel-2-l2a", "Sentinel-2B", R"("s2:mgrs_tile": "31TCJ")",
                      R"("B04": {"href": "https://acc.blob.core.windows.net/box/B04.tif?sig=SECRET"})") +
                 "]}");
  EXPECT_NE(refusal_of(folder + "/signed").find("items of sentinel2_cog: https://acc.blob.core.windows.net/...: expected an address"),
            std::string::npos);
  write_text(folder + "/other.json", R"({"type": "FeatureCollection", "features": []})");
  const std::string refusal = refusal_of(folder + "/other.json");
  EXPECT_NE(refusal.find("expected images, or lists of STAC items, of a known sensor"), std::string::npos) << refusal;
}

// The names of S1Tiling's files do not say whether they are power or decibel; their numbers do.
TEST_F(Init, SentinelOneIsWhatItsNumbersAre) {
  for (const auto& [sensor, number] : {std::pair("sentinel1_s1tiling", 0.05), {"sentinel1_decibel", -12.5}}) {
    SCOPED_TRACE(sensor);
    std::filesystem::remove_all(folder + "/data/s1");
    for (const char* band : {"vv", "vh"})
      testing::write_image(folder + "/data/s1/31TCJ/s1a_31TCJ_" + band + "_ASC_030_20210511t174000.tif",
                           {.type = "Float32", .number = [value = number](int, int col, int) { return value * (1 + 0.01 * col); }});
    init();
    const Config made = Config::load(folder + "/run.toml", {});
    ASSERT_EQ(made.sources.size(), 2u);
    EXPECT_EQ(made.sources[1].sensor, sensor);
  }
}

}  // namespace
}  // namespace millesime
