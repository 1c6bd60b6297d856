// Which items of a list are of a sensor, a tile, a variant and a pass, and what they say of the offset of their numbers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <tuple>

#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "tests/support/image_file.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/io/census_pixels.h"

namespace millesime {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ImageFile;
using ::testing::IsEmpty;
using testing::message_of;
using testing::temp_dir;
using testing::write_image;

// A list of items beside its images.
class List {
 public:
  explicit List(const std::string& name) : root_(temp_dir() + "/" + name) {}

  std::string file() const { return root_ + "/items.json"; }

  // An item with these assets, each an image of one number.
  List& add(const std::string& id, const std::string& when, json properties, const std::map<std::string, int>& assets,
            const std::string& collection = "", const Grid& grid = ImageFile{}.grid) {
    properties["datetime"] = when;
    json item{{"type", "Feature"}, {"id", id}, {"properties", properties}, {"assets", json::object()}};
    if (!collection.empty()) item["collection"] = collection;
    for (const auto& [asset, number] : assets) {
      const std::string file = id + when.substr(0, 10) + "/" + asset + ".tif";
      const bool is_class = asset == "SCL" || asset == "scl" || asset == "SCL_20m" || asset == "Fmask" || asset == "qa_radsat";
      write_image(root_ + "/" + file,
                  {.grid = grid, .type = is_class ? "Byte" : "UInt16", .number = [number = number](int, int, int) { return number; }});
      item["assets"][asset]["href"] = file;
    }
    list_["features"].push_back(item);
    return write();
  }

  json& last() { return list_["features"].back(); }
  List& write() {
    write_text(file(), list_.dump());
    return *this;
  }

 private:
  std::string root_;
  json list_{{"type", "FeatureCollection"}, {"features", json::array()}};
};

const json kSquare{{"grid:code", "MGRS-31TCJ"}};

json with(json properties, const std::string& key, const json& value) {
  properties[key] = value;
  return properties;
}

TEST(ItemChoice, NothingIsTakenOffBeforeBaseline4WhateverTheFlagSays) {
  List list("flags");
  const auto add = [&](const char* id, const char* day, const json& flag, const json& baseline) {
    list.add(id, std::string(day) + "T10:54:31Z",
             with(with(kSquare, "earthsearch:boa_offset_applied", flag), "s2:processing_baseline", baseline), {{"red", 1300}, {"scl", 4}});
  };
  add("a", "2021-05-01", false, "02.14"), add("b", "2021-05-02", false, "00.01"), add("c", "2021-05-03", false, 3.01);
  add("d", "2021-05-04", false, "04.00"), add("e", "2021-05-05", 1, "04.00"), add("f", "2021-05-06", 0, "04.00");
  add("g", "2021-05-07", "yes", "04.00");
  const SourceCensus census = census_of("sentinel2_cog", list.file(), "T31TCJ", {"red"});
  ASSERT_EQ(census.acquisitions.size(), 6U);
  for (const auto& [date, value] : {std::pair{0, 1300}, {1, 1300}, {2, 1300}, {3, 300}, {4, 1300}, {5, 300}})
    EXPECT_EQ(see(census, 0, 0, date).value, value) << date;
  ASSERT_EQ(census.damaged.size(), 1U);
  EXPECT_EQ(census.damaged[0].product, "g");

  // A folder with the item's metadata beside the images.
  const std::string folder = temp_dir() + "/copies/S2A_31TCJ_20210503_0_L2A";
  write_image(folder + "/B04.tif", {.type = "UInt16", .number = [](int, int, int) { return 1300; }});
  write_image(folder + "/SCL.tif", {.type = "Byte", .number = [](int, int, int) { return 4; }});
  write_text(folder + "/item.json", R"({"properties": {"earthsearch:boa_offset_applied": false, "s2:processing_baseline": "03.01"}})");
  EXPECT_EQ(see(census_of("sentinel2_cog", temp_dir() + "/copies", "T31TCJ", {"red"}), 0, 0).value, 1300);
  // sentinel-2-c1-l2a has no flag, its assets state the offset.
  write_text(folder + "/item.json", R"({"properties": {"s2:processing_baseline": "05.09"}, "assets": {"red": {"href": "B04.tif",
             "raster:bands": [{"scale": 0.0001, "offset": -0.1}]}}})");
  EXPECT_EQ(see(census_of("sentinel2_cog", temp_dir() + "/copies", "T31TCJ", {"red"}), 0, 0).value, 300);
}

TEST(ItemChoice, AssetsStateTheOffset) {
  List list("offsets");
  const auto add = [&](const char* day, const json& of_asset) {
    list.add(day, std::string(day) + "T10:54:31Z", with(kSquare, "processing:version", "05.11"), {{"B04_10m", 1300}, {"SCL_20m", 4}},
             "sentinel-2-l2a");
    list.last()["assets"]["B04_10m"].update(of_asset);
    list.write();
  };
  add("2021-05-01", {{"raster:scale", 1e-4}, {"raster:offset", -0.1}});
  add("2021-05-02", {{"bands", {{{"name", "B04"}, {"raster:scale", 1e-4}, {"raster:offset", -0.1}}}}});
  add("2021-05-03", {{"raster:bands", {{{"scale", 1e-4}, {"offset", -0.1}}}}});
  add("2021-05-04", {{"raster:bands", {{{"scale", 1e-4}, {"offset", 0}}}}});
  add("2021-05-05", {{"raster:bands", {{{"scale", 1}, {"offset", 0}}}}});  // of programs that know nothing of the numbers
  const SourceCensus census = census_of("sentinel2_cog", list.file(), "T31TCJ", {"red"});
  ASSERT_EQ(census.acquisitions.size(), 4U);
  for (const auto& [date, value] : {std::pair{0, 300}, {1, 300}, {2, 300}, {3, 1300}})
    EXPECT_EQ(see(census, 0, 0, date).value, value) << date;
  ASSERT_EQ(census.damaged.size(), 1U);
  EXPECT_EQ(census.damaged[0].product, "2021-05-05");
  EXPECT_THAT(message_of([&] { make_sensor("sentinel2_sen2cor")->tiles(list.file()); }),
              AllOf(HasSubstr("sentinel2_sen2cor reads the offset of its numbers from metadata"),
                    HasSubstr("expected sensor = \"sentinel2_cog\"")));
}

TEST(ItemChoice, ASensorTakesItsOwnItems) {
  List hls("hls");
  for (const auto& [kind, day, number, platform] : {std::tuple{"S30", "2021-01-05", 500, "SENTINEL-2A"},
                                                    {"L30", "2021-01-09", 5000, "LANDSAT-8"},
                                                    {"S30", "2021-01-15", 500, "SENTINEL-2B"}})
    hls.add(join_text("HLS.", kind, ".T31TCJ.", day, ".v2.0"), std::string(day) + "T10:54:31Z", {{"platform", platform}},
            {{"B05", number}, {"Fmask", 64}}, join_text("HLS", kind, "_2.0"));
  const SourceCensus l30 = census_of("hls_l30", hls.file(), "T31TCJ", {"B05"}), s30 = census_of("hls_s30", hls.file(), "T31TCJ", {"B05"});
  EXPECT_THAT(days(l30), ElementsAre("2021-01-09"));
  EXPECT_EQ(see(l30, 0, 0).value, 5000);
  EXPECT_THAT(l30.ignored, ElementsAre("2 items of HLSS30_2.0, not of hls_l30"));
  EXPECT_THAT(days(s30), ElementsAre("2021-01-05", "2021-01-15"));
  EXPECT_THAT(s30.damaged, IsEmpty());
  EXPECT_THAT(message_of([&] { make_sensor("landsat_c2")->tiles(hls.file()); }),
              AllOf(HasSubstr("none of its items is of landsat_c2, they are of HLSL30_2.0 (1), HLSS30_2.0 (2)"),
                    HasSubstr("expected platform Landsat and an id or a collection named"), HasSubstr("landsat-c2-l2")));
  EXPECT_THAT(message_of([&] { make_sensor("hls_l30")->tiles(List("empty").write().file()); }),
              HasSubstr("items.json: has no item; expected the result of a search that found some"));

  // Both levels of a scene, and Sentinel-2 beside them.
  const std::map<std::string, int> scene{{"red", 12000}, {"qa_pixel", 21824}, {"qa_radsat", 0}};
  const json path_row{{"platform", "landsat-8"}, {"landsat:wrs_path", "197"}, {"landsat:wrs_row", 30}};
  List mixed("mixed");
  mixed.add("LC08_L2SP_197030_20210105_20210120_02_T1", "2021-01-05T10:30:31Z", path_row, scene, "landsat-c2-l2");
  mixed.add("LC08_L1TP_197030_20210105_20210320_02_T1", "2021-01-05T10:30:31Z", path_row, scene, "landsat-c2-l1");
  mixed.add("b", "2021-01-06T10:54:31Z", with(with(kSquare, "platform", "Sentinel-2A"), "earthsearch:boa_offset_applied", true),
            {{"red", 1300}, {"scl", 4}});
  EXPECT_THAT(make_sensor("landsat_c2")->tiles(mixed.file()), ElementsAre("197030"));
  const SourceCensus landsat = census_of("landsat_c2", mixed.file(), "197030", {"red"});
  EXPECT_THAT(landsat.superseded, IsEmpty());
  EXPECT_THAT(landsat.ignored, ElementsAre("1 item of landsat-c2-l1, not of landsat_c2"));
  EXPECT_EQ(see(landsat, 0, 0).value, 1300);
  EXPECT_THAT(make_sensor("sentinel2_cog")->tiles(mixed.file()), ElementsAre("T31TCJ"));
  EXPECT_THAT(census_of("sentinel2_cog", mixed.file(), "T31TCJ", {"red"}).damaged, IsEmpty());
}

TEST(ItemChoice, ScenesOfLandsatAreBroughtToATileOfSentinel2) {
  const Grid tile = *sentinel2_grid("T31TCJ", 30);
  Grid scene = tile;
  scene.cols = scene.rows = 8;
  List list("scenes");
  for (const auto& [row, minute, number] : {std::tuple{29, "30", 12000}, {30, "31", 12400}}) {
    list.add(join_text("LC08_L2SP_1970", row, "_20210105_02_T1"), join_text("2021-01-05T10:", minute, ":31Z"),
             {{"platform", "landsat-8"}, {"landsat:wrs_path", "197"}, {"landsat:wrs_row", row}},
             {{"red", number}, {"qa_pixel", 21824}, {"qa_radsat", 0}}, "landsat-c2-l2", scene);
    scene.x0 += 240;
  }
  list.add("LC08_L2SP_197050_20210105_02_T1", "2021-01-05T10:45:31Z",
           {{"platform", "landsat-8"}, {"landsat:wrs_path", "197"}, {"landsat:wrs_row", "050"}}, {}, "landsat-c2-l2");
  list.last()["bbox"] = {-3, 13, 0, 15};  // far away: it is not opened
  list.last()["assets"]["red"]["href"] = "far.tif";
  list.write();
  const SourceCensus census = census_of("landsat_c2", list.file(), "T31TCJ", {"red"});
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_TRUE(census.grid.same_as(tile));
  ASSERT_EQ(census.acquisitions.size(), 1U);
  EXPECT_EQ(see(census, 3, 3).value, 1300);
  EXPECT_EQ(see(census, 12, 3).value, 1410);
  EXPECT_THAT(message_of([&] { census_of("landsat_c2", list.file(), "197031"); }),
              HasSubstr("has no item of landsat_c2 of the tile 197031; it has items of the tiles 197029, 197030, 197050"));
}

TEST(ItemChoice, OrbitsAreVariants) {
  List list("orbits");
  for (const auto& [day, orbit, number] :
       {std::tuple{"2021-01-03", "ascending", 10}, {"2021-01-05", "descending", 100}, {"2021-01-07", "", 1}})
    list.add(std::string("S1A_IW_GRDH_1SDV_") + day + "_rtc", std::string(day) + "T06:00:00Z",
             orbit == std::string() ? json::object() : json{{"sat:orbit_state", orbit}}, {{"vv", number}}, "sentinel-1-rtc");
  const SourceCensus ascending = census_of("sentinel1_s1tiling", list.file(), "all", {}, "ASC");
  EXPECT_THAT(days(ascending), ElementsAre("2021-01-03"));
  const SourceCensus descending = census_of("sentinel1_s1tiling", list.file(), "all", {}, "DES");
  EXPECT_THAT(days(descending), ElementsAre("2021-01-05"));
  EXPECT_EQ(see(descending, 0, 0).value, 2000);
  ASSERT_EQ(descending.damaged.size(), 1U);
  EXPECT_THAT(descending.damaged[0].message, HasSubstr("does not say by \"sat:orbit_state\" whether it is of the variant ASC or DES"));
}

TEST(ItemChoice, TheNewestBaselineOfAnAcquisitionIsRead) {
  List list("versions");
  const auto add = [&](const char* id, const char* when, const char* baseline, const char* created, int number) {
    json properties = with(with(kSquare, "platform", "sentinel-2a"), "earthsearch:boa_offset_applied", true);
    list.add(id, when, with(with(properties, "s2:processing_baseline", baseline), "created", created), {{"red", number}, {"scl", 4}});
  };
  add("S2A_31TCJ_20210105_0_L2A", "2021-01-05T10:54:31.024Z", "04.00", "2021-01-05T20:00:00.123Z", 2000);
  add("S2A_31TCJ_20210105_1_L2A", "2021-01-05T10:54:32.001Z", "05.09", "2023-01-05T20:00:00Z", 3000);
  add("S2A_31TCJ_20210107_0_L2A", "2021-01-07T10:54:31Z", "05.09", "2021-01-05T20:00:00.123Z", 4000);  // one processed again
  add("S2A_31TCJ_20210107_1_L2A", "2021-01-07T10:54:29Z", "05.09", "2023-01-05T20:00:00Z", 5000);
  add("S2A_31TCJ_20210109_0_L2A", "2021-01-09T09:14:31Z", "05.09", "2023-01-05T20:00:00Z", 6000);  // two orbits
  add("S2A_31TCJ_20210109_1_L2A", "2021-01-09T10:54:29Z", "04.00", "2023-01-05T20:00:00Z", 7000);
  const SourceCensus census = census_of("sentinel2_cog", list.file(), "T31TCJ", {"red"});
  ASSERT_EQ(census.acquisitions.size(), 3U);
  EXPECT_THAT(census.superseded, ElementsAre("S2A_31TCJ_20210105_0_L2A by S2A_31TCJ_20210105_1_L2A"));
  for (const auto& [date, value] : {std::pair{0, 3000}, {1, 5000}, {2, 6000}}) EXPECT_EQ(see(census, 0, 0, date).value, value) << date;
  EXPECT_EQ(census.acquisitions[1].passes.size(), 2U);
  EXPECT_EQ(census.acquisitions[2].passes.size(), 2U);
}

TEST(ItemChoice, ZonesBelow10HaveOneOrTwoDigits) {
  List list("zones");
  int day = 0;
  for (const json& tile : {json{{"grid:code", "MGRS-5QKB"}}, json{{"grid:code", "MGRS-05QKB"}}, json{{"s2:mgrs_tile", "05QKB"}},
                           json{{"mgrs:utm_zone", 5}, {"mgrs:latitude_band", "Q"}, {"mgrs:grid_square", "KB"}}}) {
    ++day;
    list.add(join_text("x", day), join_text("2021-01-0", day, "T20:54:31Z"), with(tile, "earthsearch:boa_offset_applied", true),
             {{"red", 2000}, {"scl", 4}});
  }
  EXPECT_THAT(make_sensor("sentinel2_cog")->tiles(list.file()), ElementsAre("T05QKB"));
  EXPECT_EQ(census_of("sentinel2_cog", list.file(), "T05QKB", {"red"}).acquisitions.size(), 4U);
}

TEST(ItemChoice, AListIsReadAgainWhereItHasChanged) {
  List list("changes");
  const json properties = with(kSquare, "earthsearch:boa_offset_applied", true);
  list.add("a", "2021-01-01T10:54:31Z", properties, {{"red", 2000}, {"scl", 4}});
  const auto long_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  std::filesystem::last_write_time(list.file(), long_ago);
  const auto n = [&] { return census_of("sentinel2_cog", list.file(), "T31TCJ", {"red"}).acquisitions.size(); };
  EXPECT_EQ(n(), 1U);
  EXPECT_EQ(n(), 1U);
  list.add("b", "2021-01-02T10:54:31Z", properties, {{"red", 2000}, {"scl", 4}});
  EXPECT_EQ(n(), 2U);
  list.last()["properties"]["datetime"] = "2021-01-03T10:54:31Z", list.write();  // as many bytes, at once
  EXPECT_THAT(days(census_of("sentinel2_cog", list.file(), "T31TCJ", {"red"})), ElementsAre("2021-01-01", "2021-01-03"));
}

TEST(ItemChoice, APageOfASearchIsNoList) {
  List list("page");
  list.add("a", "2021-01-01T10:54:31Z", with(kSquare, "earthsearch:boa_offset_applied", true), {{"red", 2000}, {"scl", 4}});
  const json whole = json::parse(read_text(list.file()));
  const auto refusal = [&](const std::string& key, const json& value) {
    write_text(list.file(), with(whole, key, value).dump());
    return message_of([&] { make_sensor("sentinel2_cog")->tiles(list.file()); });
  };
  const json next = {{{"rel", "root"}}, {{"rel", "next"}, {"href", "https://host/search?page=2"}}};
  EXPECT_THAT(refusal("numberMatched", 146), AllOf(HasSubstr("items.json: holds 1 of 146 items"), HasSubstr("--save")));
  EXPECT_THAT(refusal("context", {{"matched", 146}, {"returned", 1}}), HasSubstr("holds 1 of 146 items"));
  EXPECT_THAT(refusal("links", next), HasSubstr("holds 1 of more items (it links to a next page)"));
  for (const auto& [key, value] : {std::pair<std::string, json>("numberMatched", 1), {"links", {{{"rel", "self"}}}}, {"links", "none"}}) {
    write_text(list.file(), with(whole, key, value).dump());
    EXPECT_THAT(make_sensor("sentinel2_cog")->tiles(list.file()), ElementsAre("T31TCJ")) << key;
  }
}

TEST(ItemChoice, SignedAddressesOfAzureAreRefusedWithItsCredentials) {
  List list("signed");
  list.add("a", "2021-01-01T10:54:31Z", with(kSquare, "earthsearch:boa_offset_applied", true), {{"red", 2000}, {"scl", 4}});
  list.last()["assets"]["red"]["href"] = "https://sentinel2l2a01.blob.core.windows.net/a/B04.tif?st=2023&sig=word";
  list.write();
  const SourceCensus census = census_of("sentinel2_cog", list.file(), "T31TCJ");
  ASSERT_EQ(census.damaged.size(), 1U);
  EXPECT_THAT(census.damaged[0].message,
              AllOf(HasSubstr("AZURE_STORAGE_SAS_TOKEN"), ::testing::Not(HasSubstr("sig=")), ::testing::Not(HasSubstr("AWS_"))));
}

// Earth Search counts the products of a day and tile; a further one may be another processing.
TEST(ItemsBesideImages, TheNewestProcessingOfADayComesFirst) {
  const std::string root = temp_dir();
  const auto write = [&](const std::string& number, const std::string& baseline, int b4) {
    const std::string item = root + "/S2A_31TCJ_20210511_" + number + "_L2A";
    write_image(item + "/B04.tif", {.type = "UInt16", .number = [&](int, int, int) { return b4; }});
    write_image(item + "/SCL.tif", {.type = "Byte", .number = [](int, int, int) { return 4; }});
    write_text(item + "/item.json",
               json{{"properties", {{"earthsearch:boa_offset_applied", true}, {"s2:processing_baseline", baseline}}}}.dump());
  };
  write("0", "05.00", 2000), write("1", "05.09", 3000);
  EXPECT_EQ(see(census_of("sentinel2_cog", root, "T31TCJ"), 4, 0).value, 3000);
  write("0", "05.10", 2000);
  EXPECT_EQ(see(census_of("sentinel2_cog", root, "T31TCJ"), 4, 0).value, 2000);
  EXPECT_EQ(see(census_of("sentinel2_cog", root, "T31TCJ", {}, "applied"), 4, 0).value, 2000);
}

}  // namespace
}  // namespace millesime
