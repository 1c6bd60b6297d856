// Digests of samples: what is the same sample, and sets of them.

#include "pipeline/core/sample_digests.h"

#include <numeric>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;

class SampleDigestsOfTables : public ::testing::Test {
 protected:
  std::vector<std::uint64_t> digests(const std::string& text) {
    write_text(folder_ + "/t.csv", text);
    const Samples samples = read_samples_csv(folder_ + "/t.csv");
    std::vector<std::int64_t> rows(samples.label.size());
    std::iota(rows.begin(), rows.end(), std::int64_t{0});
    return digests_of(samples, rows);
  }

  const std::string folder_ = testing::temp_dir();
};

TEST_F(SampleDigestsOfTables, KnowARowWhereverItIs) {
  const auto first = digests("label,group,B4_20210101,B8_20210101,B4_20210201,B8_20210201\n1,a,0.5,0.25,,\n2,b,0.1,0.2,0.3,0.4\n");
  // Other digits, another order of rows, other groups, a date more.
  const auto second = digests(
      "label,group,B4_20210101,B8_20210101,B4_20210201,B8_20210201,B4_20210301,B8_20210301\n"
      "2,c,0.1,0.2,0.3,0.4,,\n1,d,0.5000,0.2500,,,,\n1,e,0.5001,0.25,,,,\n2,f,0.5,0.25,,,,\n");
  EXPECT_EQ(first[0], second[1]);
  EXPECT_EQ(first[1], second[0]);
  EXPECT_NE(first[0], first[1]);
  EXPECT_NE(first[0], second[2]);
  EXPECT_NE(first[0], second[3]) << "another label";
}

// One index in whole percent: what else the rows have tells them apart.
TEST_F(SampleDigestsOfTables, TellRowsOfEqualObservationsApart) {
  const auto statics = digests("label,NDVI_20210701,elevation,slope\n1,50,300,2.5\n1,50,301,2.5\n1,50,2.5,300\n1,50,,2.5\n");
  EXPECT_EQ(std::set(statics.begin(), statics.end()).size(), 4u);
  EXPECT_EQ(digests("label,slope,NDVI_20210701,elevation\n1,2.50,50,300.0\n")[0], statics[0]) << "a copy, columns in another order";
  const auto places = digests("label,x,y,NDVI_20210701\n1,500000,4800000,50\n1,500010,4800000,50\n1,500000,4800010,50\n");
  EXPECT_EQ(std::set(places.begin(), places.end()).size(), 3u);
  const auto degrees = digests("label,longitude,latitude,NDVI_20210701\n1,3.5,44.5,50\n1,3.6,44.5,50\n1,3.5,44.6,50\n1,,,50\n");
  EXPECT_EQ(std::set(degrees.begin(), degrees.end()).size(), 4u);
  EXPECT_EQ(digests("label,longitude,latitude,NDVI_20210701\n1,3.60,44.50,50\n")[0], degrees[1]);
}

TEST_F(SampleDigestsOfTables, KnowNoRowWithoutObservations) {
  const auto some = digests("label,B4_20210101,B4_20210201\n1,,\n2,0.1,\n3,,0.1\n");
  EXPECT_EQ(some[0], 0u);
  EXPECT_NE(some[1], some[2]) << "on another date";
  EXPECT_FALSE(SampleDigests(some).tells(some[0]));
}

TEST(SampleDigestsOfImages, KnowAPolygonOfItsReference) {
  Samples samples;
  samples.reference = "ab";
  samples.polygon = {5, 6, 5};
  const auto digests = digests_of(samples, std::vector<std::int64_t>{0, 1, 2});
  EXPECT_EQ(digests[0], digests[2]);
  EXPECT_NE(digests[0], digests[1]);
  samples.reference = "cd";
  EXPECT_NE(digests[0], digests_of(samples, std::vector<std::int64_t>{0})[0]);
}

TEST(SampleDigests, KeepASampleOfMany) {
  std::vector<std::uint64_t> many;
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < 3 * SampleDigests::kMost; ++i) many.push_back(random());
  const SampleDigests digests(many);
  EXPECT_FALSE(digests.keeps_all());
  std::size_t told = 0;
  for (const std::uint64_t digest : many) {
    told += digests.tells(digest);
    EXPECT_EQ(digests.tells(digest), digests.contains(digest));
  }
  EXPECT_EQ(told, SampleDigests::kMost);

  SampleDigests few({7, 3, 3, 0});
  EXPECT_TRUE(few.keeps_all() && few.contains(3) && few.contains(7) && !few.contains(5) && few.tells(5));
  few.merge(SampleDigests({5}));
  EXPECT_TRUE(few.contains(5) && few.contains(7));
  few.merge(digests);
  EXPECT_FALSE(few.keeps_all());
  EXPECT_TRUE(few.contains(5));
}

TEST(SampleDigests, AreATextInAModelFile) {
  const SampleDigests digests({7, 0xabcdef0123456789});
  const std::string text = digests.to_text();
  EXPECT_EQ(text, "ffffffffffffffff0000000000000007abcdef0123456789");
  EXPECT_EQ(SampleDigests::from_text(text, "m").to_text(), text);
  EXPECT_THAT(testing::message_of([] { SampleDigests::from_text("xyz", "m.safetensors"); }),
              HasSubstr("m.safetensors: digests of samples"));
  EXPECT_THAT(testing::message_of([] { SampleDigests::from_text("fffffffffffffff!", "m"); }), HasSubstr("expected hexadecimal numbers"));
}

}  // namespace
}  // namespace millesime
