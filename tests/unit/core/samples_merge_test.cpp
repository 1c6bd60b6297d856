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
            "label,group,region,B4_20210105,B4_20210205,B4_20210305\n6,1,south,10,20,\n6,2,south,11,,\n7,10,north,,30,0.4\n"
            "7,10,north,,31,41\n7,9,south,,32,42\n");
  try {
    read_samples(folder + "/joined.safetensors");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("holds the samples of 2 parts"));
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
