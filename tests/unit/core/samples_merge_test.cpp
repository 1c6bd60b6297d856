// Samples of several files as the parts of one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/series.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/core/samples_equal.h"

namespace millesime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(SamplesMerge, EachPartKeepsItsDatesAndGroupsStayApart) {
  const std::string folder = testing::temp_dir();
  write_text(folder + "/a.csv", "label,group,region,B4_20210105,B4_20210205\n6,1,south,10,20\n6,2,south,11,\n");
  write_text(folder + "/b.csv", "label,group,region,B4_20210205,B4_20210305\n7,2,north,30,0.40\n7,2,north,31,41\n7,9,south,32,42\n");
  const std::vector<Samples> joined = join_samples({folder + "/a.csv", folder + "/b.csv"});
  write_parts(joined, folder + "/joined.safetensors");
  const std::vector<Samples> parts = read_parts(folder + "/joined.safetensors");
  ASSERT_EQ(parts.size(), 2u);
  for (std::size_t p = 0; p < 2; ++p) expect_equal(parts[p], joined[p]);
  EXPECT_THAT(parts[0].polygon, ElementsAre(1, 2));
  EXPECT_THAT(parts[1].polygon, ElementsAre(10, 10, 9));  // the second file's 2 is another polygon
  EXPECT_THAT(parts[1].region_names, ElementsAre("north", "south"));
  EXPECT_THAT(parts[0].region, ElementsAre(1, 1));
  EXPECT_THAT(parts[1].region, ElementsAre(0, 0, 1));
  EXPECT_THAT(parts[0].series[0].values, ElementsAre(10, 20, 11, kNodata));
  EXPECT_EQ(parts[0].series[0].scale[0], 1.0F);
  EXPECT_THAT(parts[1].series[0].values, ElementsAre(300, 4, 310, 410, 320, 420));  // each with the precision of its own table
  EXPECT_EQ(parts[1].series[0].scale[0], 0.1F);
  const auto summary = samples_summary(parts);
  EXPECT_EQ(summary["series"][0]["dates"].size(), 3u);
  EXPECT_EQ(summary["series"][0]["date_lists"], 2);
  EXPECT_NEAR(summary["series"][0]["share_missing"].get<double>(), 0.1, 1e-12);  // no date that a part never had

  write_samples_csv(parts, folder + "/joined.csv");
  EXPECT_EQ(read_text(folder + "/joined.csv"),
            "label,group,tile_part,region,B4_20210105,B4_20210205,B4_20210305\n6,1,0,south,10,20,\n6,2,0,south,11,,\n"
            "7,10,1,north,,30,0.4\n7,10,1,north,,31,41\n7,9,1,south,,32,42\n");
  try {
    read_samples(folder + "/joined.safetensors");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("holds the samples of 2 parts"));
  }
}

// Two tiles with dates of their own, of which one has no clear pixel; elevations that are unique; radar of two orbits.
std::vector<Samples> two_tiles() {
  std::vector<Samples> parts(2);
  for (int p = 0; p < 2; ++p) {
    Samples& s = parts[static_cast<std::size_t>(p)];
    s.tile = p ? "T31TDJ" : "T31TCJ", s.reference = "polygons", s.year = 2020;  // a season that ends in 2021
    s.static_names = {"elevation"}, s.region_names = {""};
    SampleSeries optical{
        "s2", {"B4"}, {1}, {Date::parse(p ? "20210106" : "20210105"), Date::parse("20210201"), Date::parse(p ? "20210306" : "20210305")},
        {},   {}};
    SampleSeries up{"asc", {"VV"}, {1}, {Date::parse("20210102")}, {}, {}}, down{"des", {"VV"}, {1}, {Date::parse("20210103")}, {}, {}};
    for (int i = 0; i < 30; ++i) {
      s.label.push_back(1 + i % 2), s.polygon.push_back(i), s.region.push_back(0);
      s.x.push_back(300005 + 10 * i), s.y.push_back(4900015 - 1000 * p), s.col.push_back(-1), s.row.push_back(-1);
      s.statics.push_back(static_cast<float>(100 + 7 * i + p));
      s.split.push_back(static_cast<std::uint8_t>(i % 3 == 0 ? Split::test : Split::learn));
      for (const bool clear : {true, i % 4 == 0, false}) {  // the last date is cloudy everywhere
        optical.valid.push_back(clear ? 1 : 0);
        optical.values.push_back(clear ? static_cast<std::int16_t>(i == 5 ? -9999 : 1000 + i) : kNodata);
      }
      up.valid.push_back(1), up.values.push_back(static_cast<std::int16_t>(-1200 - i));
      down.valid.push_back(1), down.values.push_back(static_cast<std::int16_t>(-1300 - i));
    }
    s.series = {optical, up, down};
  }
  return parts;
}

TEST(SamplesMerge, ATableOfSeveralTilesIsReadBackAsTheSamplesItWasMadeOf) {
  const std::string table = testing::temp_dir() + "/tiles.csv";
  const std::vector<Samples> parts = two_tiles();
  write_samples_csv(parts, table);
  const std::string text = read_text(table);
  EXPECT_THAT(text,
              ::testing::StartsWith("label,group,tile,x,y,split,elevation,B4_20210105,B4_20210106,B4_20210201,B4_20210305,B4_20210306,"
                                    "asc:VV_20210102,des:VV_20210103\n1,0,T31TCJ,300005,4900015,test,100,1000,,1000,,,-1200,-1300\n"));
  const std::vector<Samples> again = load_parts(table);
  ASSERT_EQ(again.size(), 2u);
  for (std::size_t p = 0; p < 2; ++p) {
    expect_equal(again[p], parts[p]);
    EXPECT_EQ(again[p].tile, parts[p].tile);
    EXPECT_EQ(again[p].reference, parts[p].reference);
  }
  // Changed by its owner: still the same static inputs and dates, but a fill value is one again.
  write_text(table, text.substr(0, text.rfind("2,29,T31TDJ")));
  const std::vector<Samples> shorter = load_parts(table);
  EXPECT_EQ(shorter[1].size(), 29);
  EXPECT_EQ(shorter[1].series[0].dates, parts[1].series[0].dates);
  EXPECT_EQ(shorter[0].series[0].valid[3 * 5], 0);
  // Of another table: it does not count. What the table itself says does: tiles, sources, dates with values.
  write_text(table, "label,tile,elevation,B4_20220105,B4_20220106,des:VV_20220105\n1,a,1,7,,9\n1,b,2,,8,9\n2,a,3,6,,9\n");
  const std::vector<Samples> other = load_parts(table);
  ASSERT_EQ(other.size(), 2u);
  EXPECT_EQ(other[0].year, 2022);
  EXPECT_EQ(other[0].series[0].source, "sentinel2");
  EXPECT_EQ(other[0].series[1].source, "des");
  EXPECT_THAT(other[0].series[0].dates, ElementsAre(Date::parse("20220105")));
  EXPECT_THAT(other[1].series[0].dates, ElementsAre(Date::parse("20220106")));
  EXPECT_THAT(other[0].statics, ElementsAre(1, 3));
  EXPECT_THAT(other[0].label, ElementsAre(1, 2));
  try {
    read_samples_csv(table);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("tiles.csv: holds the samples of 2 tiles"));
  }
  write_text(table + ".json", "{\"made_by\": \"millesime samples export\", \"year\": \"x\"}");
  try {
    load_parts(table);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("tiles.csv.json: damaged ("));
  }
}

TEST(SamplesMerge, PolygonsOfOneReferenceAreOneGroupInEveryPart) {
  Samples west, east, table;
  west.polygon = {1, 1, 2}, east.polygon = {2, 3}, table.polygon = {2, 4};
  west.reference = east.reference = "reference of both tiles";
  number_groups({{"west", &west}, {"east", &east}, {"table", &table}});
  EXPECT_THAT(west.group, ElementsAre(1, 1, 2));
  EXPECT_THAT(east.group, ElementsAre(2, 3));   // a polygon that lies in both tiles
  EXPECT_THAT(table.group, ElementsAre(5, 4));  // the table's 2 is another one
  Samples more;
  more.polygon = {2, 4};
  number_groups({{"table", &table}, {"more", &more}});
  EXPECT_THAT(more.group, ElementsAre(5, 6));
}

TEST(SamplesMerge, FilesOfAnotherKindAreRefused) {
  const std::string folder = testing::temp_dir();
  write_text(folder + "/a.csv", "label,B4_20210105\n6,10\n");
  const auto refused = [&](const std::string& text) -> std::string {
    write_text(folder + "/b.csv", text);
    try {
      join_samples({folder + "/a.csv", folder + "/b.csv"});
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(refused("label,B8_20210105\n6,10\n"), HasSubstr("b.csv: series sentinel2 (B8), but " + folder + "/a.csv has sentinel2 (B4)"));
  EXPECT_THAT(refused("label,slope,B4_20210105\n6,1,10\n"), HasSubstr("static inputs slope, but"));
  EXPECT_THAT(refused("label,B4_20220105\n6,10\n"), HasSubstr("year 2022, but"));
  EXPECT_THROW(join_samples({}), UserError);
}

}  // namespace
}  // namespace millesime
