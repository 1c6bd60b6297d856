#include "pipeline/core/options.h"

#include <filesystem>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "tests/support/as_nobody.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

struct Example {
  int step_days = 10;
  double ratio = 0.7;
  bool keep = false;
  std::string method = "majority", path;
  std::vector<std::string> tiles;

  Options declare() {
    Options options;
    options.section("time");
    options.add("step_days", &step_days, "distance of the target dates").unit("days").range(1, 366);
    options.section("");
    options.add("ratio", &ratio, "share of polygons that learn").range(0, 1);
    options.add("keep", &keep, "keep intermediate files");
    options.add("method", &method, "how maps are fused").choices({"majority", "dempster-shafer"});
    options.add("path", &path, "reference polygons").path();
    options.add("tiles", &tiles, "tiles to map");
    return options;
  }
};

TEST(Options, ADateIsCheckedWhereItIsSetAndTheMessageNamesFileKeyAndValue) {
  struct Dates {
    std::string start;
    std::vector<std::string> dates;
    Options declare() {
      Options options;
      options.section("time");
      options.add("start", &start, "first date").dates();
      options.add("dates", &dates, "all dates").dates();
      return options;
    }
  } value;
  Options options = value.declare();
  EXPECT_EQ(options.find("time.start")->type(), "date");
  const std::string file = testing::temp_dir() + "/c.toml";
  write_text(file, "[time]\nstart = 2021-01-05\ndates = [\"2021-01-05\", \"2021-13-05\"]\n");
  EXPECT_THAT(message_of([&] { options.read_toml(file); }), AllOf(HasSubstr(file + ":3: time.dates: "), HasSubstr("2021-13-5")));
  options.set("time.start=2021-01-05");
  EXPECT_EQ(value.start, "2021-01-05");
  EXPECT_THAT(message_of([&] { options.set("time.start=yesterday"); }), HasSubstr("command line: time.start: not a date: \"yesterday\""));
  options.set("time.start=");  // none
  EXPECT_EQ(value.start, "");
}

TEST(Options, SetsEveryTypeFromTextAndWritesItBackAsToml) {
  Example example;
  Options options = example.declare();
  for (const auto* assignment : {"time.step_days=5", "ratio=0.25", "keep=yes", "method=dempster-shafer", "tiles=T31TCJ, T31TDJ"})
    options.set(assignment);
  EXPECT_EQ(example.step_days, 5);
  EXPECT_EQ(example.ratio, 0.25);
  EXPECT_TRUE(example.keep);
  EXPECT_EQ(example.tiles, (std::vector<std::string>{"T31TCJ", "T31TDJ"}));
  EXPECT_EQ(
      options.to_toml(),
      "ratio = 0.25\nkeep = true\nmethod = \"dempster-shafer\"\npath = \"\"\ntiles = [\"T31TCJ\", \"T31TDJ\"]\n\n[time]\nstep_days = 5\n");
}

TEST(Options, WhatIsWrittenIsReadBack) {
  Example example;
  example.declare().to_toml();
  const std::string file = testing::temp_dir() + "/effective.toml";
  Options options = example.declare();
  options.set("time.step_days=7");
  write_text(file, options.to_toml());
  Example again;
  Options read = again.declare();
  read.read_toml(file);
  EXPECT_EQ(again.step_days, 7);
  EXPECT_EQ(read.find("ratio")->origin(), file + ":1");
}

TEST(Options, AListIsGivenWithCommasOrAsInAFile) {
  Example example;
  Options options = example.declare();
  options.set("tiles=T31TCJ, T31TDJ");
  EXPECT_EQ(example.tiles, (std::vector<std::string>{"T31TCJ", "T31TDJ"}));
  options.set("tiles=[\"T32ULU\", \"T31, or T32\"]");
  EXPECT_EQ(example.tiles, (std::vector<std::string>{"T32ULU", "T31, or T32"}));
  options.set("tiles=[]");
  EXPECT_TRUE(example.tiles.empty());
  EXPECT_THAT(message_of([&] { options.set("tiles=[\"T32ULU\""); }), HasSubstr("tiles: expected list, got \"[\"T32ULU\"\""));
}

// A path may begin or end with a blank.
TEST(Options, ATextIsTakenAsItIsWritten) {
  std::string path, method = "a";
  int number = 0;
  Options options;
  options.add("output", &path, "").path();
  options.add("method", &method, "").choices({"a", "b"});
  options.add("n", &number, "");
  for (const auto& [assignment, value] : {std::pair{"output=a ", "a "},
                                          {"output= a", " a"},
                                          {"output = a ", "a "},
                                          {"output=a=b,c", "a=b,c"},
                                          {"output= ", " "},
                                          {"output = ", ""}}) {
    options.set(assignment);
    EXPECT_EQ(path, value) << assignment;
  }
  options.set("method = b ");
  options.set("n= 7 ");
  EXPECT_EQ(method + std::to_string(number), "b7");
}

TEST(Options, BadValuesSayTheKeyTheRangeAndWhatWasGiven) {
  Example example;
  Options options = example.declare();
  EXPECT_THAT(message_of([&] { options.set("time.step_days=0"); }), HasSubstr("time.step_days: expected 1 to 366 days, got 0"));
  EXPECT_THAT(message_of([&] { options.set("ratio=much"); }), HasSubstr("ratio: expected number, got \"much\""));
  EXPECT_THAT(message_of([&] { options.set("ratio=nan"); }), HasSubstr("expected number"));
  EXPECT_THAT(message_of([&] { options.set("method=dempster"); }), HasSubstr("expected one of majority, dempster-shafer"));
  EXPECT_THAT(message_of([&] { options.set("time.step_day=3"); }),
              HasSubstr("unknown key \"time.step_day\"; did you mean \"time.step_days\"?"));
}

TEST(Options, AFileIsNamedWithItsLineAndPathsAreRelativeToIt) {
  const std::string folder = testing::temp_dir(), file = folder + "/c.toml";
  Example example;
  write_text(file, "path = \"ref.shp\"\n\n[time]\nstep = 3\n");
  Options options = example.declare();
  EXPECT_THAT(message_of([&] { options.read_toml(file); }), HasSubstr(file + ":4: unknown key \"time.step\""));
  write_text(file, "path = \"ref.shp\"\n");
  options.read_toml(file);
  EXPECT_EQ(example.path, folder + "/ref.shp");
  write_text(file, "path = = 3\n");
  EXPECT_THAT(message_of([&] { options.read_toml(file); }), HasSubstr(file + ":1:"));
  EXPECT_THAT(message_of([&] { options.read_toml(folder + "/none.toml"); }), HasSubstr("no such configuration file"));
  std::filesystem::permissions(file, std::filesystem::perms::none);
  const testing::AsNobody nobody(folder);
  EXPECT_THAT(message_of([&] { options.read_toml(file); }), HasSubstr(file + ": cannot be read: Permission denied"));
}

}  // namespace
}  // namespace millesime
