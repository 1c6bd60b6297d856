// Products of a STAC ItemCollection instead of a folder.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
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

const Grid kGrid = ImageFile{}.grid;

// The files may lie anywhere, and be named anyhow.
TEST(ItemList, AssetsAreTheFiles) {
  const std::string root = temp_dir() + "/items";
  const auto item = [&](const std::string& id, const std::string& day, const std::string& flag, const std::string& folder, int number) {
    write_image(root + "/" + folder + "/one.tif", {.grid = kGrid, .type = "UInt16", .number = [=](int, int, int) { return number; }});
    write_image(root + "/" + folder + "/two.tif", {.grid = kGrid, .type = "Byte", .number = [](int, int col, int) { return col; }});
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
  EXPECT_THAT(census.damaged[0].message, HasSubstr("the item does not say by \"earthsearch:boa_offset_applied\" whether the offset of B4"));
  EXPECT_EQ(see(census, 4, 0).value, 1300);
  EXPECT_EQ(see(census, 4, 0, 1).value, 300);
  EXPECT_FALSE(see(census, 8, 0).valid);
  // The list and its files may be moved together: the census names them relative to the list.
  const auto document = TileImages::of(census).to_json();
  EXPECT_THAT(document.dump(), ::testing::Not(HasSubstr(root)));
  EXPECT_EQ(see(TileImages::from_json(document, "census", {list}).main(), 4, 0, 1).value, 300);

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

}  // namespace
}  // namespace millesime
