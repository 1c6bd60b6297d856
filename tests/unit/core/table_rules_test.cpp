// Which numbers and columns of a table of samples are what they seem to be.

#include <cmath>
#include <functional>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/series.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// 60 rows of three dates of one band: numbers of `value`, with `cell` in every `every`-th cell where every > 0.
std::string series_table(const std::function<std::string(int)>& value, const std::string& cell, int every) {
  std::string text = "label,N_20210101,N_20210301,N_20210501\n";
  for (int i = 0, n = 0; i < 60; ++i) {
    text += std::to_string(1 + i / 20);
    for (int d = 0; d < 3; ++d, ++n) text += "," + (every > 0 && n % every == every - 1 ? cell : value(n));
    text += "\n";
  }
  return text;
}

std::string ndvi(int n) {
  std::mt19937 random(static_cast<unsigned>(n));
  return "0." + std::to_string(1000 + random() % 8000);
}
std::string reflectance(int n) {
  std::mt19937 random(static_cast<unsigned>(n));
  return std::to_string(static_cast<int>(random() % 9000) - 50);
}
std::string signed_number(int n) {  // of 16 bits in full use
  std::mt19937 random(static_cast<unsigned>(n));
  return std::to_string(static_cast<int>(random() % 40000) - 20000);
}

Samples read(const std::string& text, const TableRules& rules = {}) {
  const std::string file = testing::temp_dir() + "/t.csv";
  write_text(file, text);
  return read_samples_csv(file, nullptr, rules);
}

std::string table_refusal(const std::string& text, const TableRules& rules = {}) {
  try {
    read(text, rules);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST(FillValues, LeaveTheOtherNumbersAsTheyAre) {
  const Samples whole = read(series_table(ndvi, "", 0));
  for (const char* fill : {"-9999", "-9999.0", "-99999", "-999", "-32768", "65535", "1e20", "9.96921e+36", "-3.4028235e+38", "1e31", "inf",
                           "-inf",  "nan",     "NaN",    "NA",   "null",   "None",  "",     "-5000",       "123456.5"})
    for (const int every : {4, 60}) {
      const Samples s = read(series_table(ndvi, fill, every));
      EXPECT_EQ(s.series[0].scale, whole.series[0].scale) << fill;
      int missing = 0;
      for (std::size_t i = 0; i < s.series[0].valid.size(); ++i) {
        missing += s.series[0].valid[i] == 0;
        EXPECT_EQ(s.series[0].values[i], s.series[0].valid[i] ? whole.series[0].values[i] : kNodata) << fill;
      }
      EXPECT_EQ(missing, 180 / every) << fill;
    }
}

TEST(FillValues, OfOneCellInManyAreFound) {
  for (const char* fill : {"-9999", "9.96921e+36", "65535", "-32768"}) {
    const Samples s = read(series_table(ndvi, fill, 180));
    EXPECT_EQ(std::ranges::count(s.series[0].valid, 0), 1) << fill;
    EXPECT_EQ(s.series[0].scale[0], 1e-4F) << fill;
  }
  const Samples s = read(series_table(ndvi, "-9999", 180));
  EXPECT_THAT(s.notes, ElementsAre("N: -9999 stands for a missing value (1 cell, the first in line 61, column N_20210501)"));
}

TEST(FillValues, OfReflectancesAreFoundAndReflectancesAreNot) {
  for (const char* fill : {"-9999", "-10000", "-32768", "32767", "65535", "-999"}) {
    const Samples s = read(series_table(reflectance, fill, 5));
    EXPECT_EQ(std::ranges::count(s.series[0].valid, 0), 36) << fill;
    EXPECT_EQ(s.series[0].scale[0], 1.0F) << fill;
  }
  EXPECT_EQ(std::ranges::count(read(series_table(reflectance, "12000", 90)).series[0].valid, 0), 0);  // bright
}

TEST(FillValues, OfKelvinAreZeros) {
  const auto kelvin = [](int n) { return "2" + std::to_string(70 + n % 30) + ".15"; };
  const Samples s = read(series_table(kelvin, "0", 6));
  EXPECT_EQ(std::ranges::count(s.series[0].valid, 0), 30);
  EXPECT_EQ(s.series[0].values[0] * s.series[0].scale[0], 270.15F);
}

TEST(FillValues, ThatMayBeNumbersAreRefusedUntilTold) {
  const std::string table = series_table(signed_number, "-9999", 6);
  EXPECT_THAT(table_refusal(table), HasSubstr("t.csv:3: column N_20210501: -9999 stands in 30 cells of N, whose other numbers are"));
  EXPECT_THAT(table_refusal(table), HasSubstr("(--missing=-9999) or is a number (--missing=none)"));
  EXPECT_EQ(std::ranges::count(read(table, {.statics = {}, .ignored = {}, .missing = {"-9999"}}).series[0].valid, 0), 30);
  EXPECT_EQ(std::ranges::count(read(table, {.statics = {}, .ignored = {}, .missing = {"none"}}).series[0].valid, 0), 0);
  // A number in the midst of others that only the caller knows to be none.
  const std::string zeros = series_table(reflectance, "0", 6);
  EXPECT_EQ(std::ranges::count(read(zeros).series[0].valid, 0), 0);
  EXPECT_EQ(std::ranges::count(read(zeros, {.statics = {}, .ignored = {}, .missing = {"0"}}).series[0].valid, 0), 30);
  EXPECT_THAT(table_refusal(zeros, {.statics = {}, .ignored = {}, .missing = {"zero"}}),
              HasSubstr("expected numbers, or none, got \"zero\""));
}

TEST(FillValues, OfStaticColumnsAreMissing) {
  std::string text = "label,elevation,N_20210101\n";
  for (int i = 0; i < 60; ++i) text += "1," + (i % 10 == 9 ? std::string("-9999") : std::to_string(200 + i % 20)) + ",0.5\n";
  const Samples s = read(text);
  for (std::size_t i = 0; i < 60; ++i) EXPECT_EQ(std::isnan(s.statics[i]), i % 10 == 9);
  EXPECT_EQ(s.statics[0], 200.0F);
  EXPECT_THAT(s.notes,
              ::testing::Contains("elevation: -9999 stands for a missing value (6 cells, the first in line 11, column elevation)"));
}

TEST(FillValues, OfLabelsAreLabelsThatAreNotKnown) {
  const Samples s = read("label,B4_20210105\n11,1\n,2\nnan,3\n-9999,4\n0,5\n12.0,6\n");
  EXPECT_THAT(s.label, ElementsAre(11, 0, 0, 0, 0, 12));
  EXPECT_THAT(s.notes, ElementsAre("label: not known for 4 samples"));
  EXPECT_THAT(table_refusal("label,B4_20210105\n11.5,1\n"),
              HasSubstr("t.csv:2: column label: expected a class code, a whole number from 1 to 2147483647 (0 or empty: not known), got"));
  EXPECT_THAT(table_refusal("label,B4_20210105\n11,1\n91E0,1\n"),
              HasSubstr("t.csv:3: column label: expected a class code (for class names"));
  EXPECT_THAT(
      table_refusal("label,B4_20210105\n3301010101,1\n"),
      HasSubstr("a whole number from 1 to 2147483647 (0 or empty: not known; give a nomenclature in which larger numbers are names)"));
  EXPECT_THAT(read("label,B4_20210105\n1.100000000000000000e+01,1\n").label, ElementsAre(11));  // of NumPy
  EXPECT_THAT(table_refusal("label,group,B4_20210105\n11,1,1\n11,-9999,1\n"), HasSubstr("t.csv:3: column group: expected the group"));
  EXPECT_THAT(table_refusal("label,group,B4_20210105\n11,a,1\n11,NaN,1\n"), HasSubstr("t.csv:3: column group: expected the group"));
}

TEST(Precision, ThatOneNumberWouldTakeFromAllOthersIsRefused) {
  EXPECT_THAT(
      table_refusal(series_table(ndvi, "8123.25", 180)),
      HasSubstr("t.csv:61: column N_20210501: a number as large as 8123.25 lets N be kept in steps of 1 only, but the middle 80 %"));
  const Samples s = read(series_table(ndvi, "9.12345", 180));  // a digit less is enough
  EXPECT_EQ(s.series[0].scale[0], 1e-3F);
  EXPECT_THAT(s.notes, ElementsAre("N: of 5 decimals, kept in steps of 0.001"));
}

// The numbers of one date x 10000: those of the others would all be 0 or 1.
TEST(Precision, ThatADateInAnotherUnitWouldTakeFromTheOthersIsRefused) {
  const auto table = [](double unit) {
    std::string text = "label,N_20210101,N_20210301\n";
    for (int i = 0; i < 60; ++i)
      text += std::to_string(1 + i / 20) + "," + ndvi(i) + "," + std::to_string(unit * std::stod(ndvi(100 + i))) + "\n";
    return text;
  };
  EXPECT_THAT(table_refusal(table(10000)),
              AllOf(HasSubstr("t.csv:1: column N_20210101: most of its numbers lie from 0."), HasSubstr("those of N_20210301 go up to 8"),
                    HasSubstr("N would be kept in steps of 1 only; give all dates in one unit")));
  EXPECT_EQ(table_refusal(table(10)), "no error");
}

TEST(Tables, OfAnotherFormatAreNamed) {
  EXPECT_THAT(table_refusal("\x1f\x8b\x08rest\n"), HasSubstr("t.csv: expected a CSV file in UTF-8, got compressed (gzip); unpack it"));
  EXPECT_THAT(table_refusal("PK\x03\x04rest\n"), HasSubstr("a spreadsheet (.xlsx)"));
  EXPECT_THAT(table_refusal("PAR1rest\n"), HasSubstr("pandas.read_parquet(\"t.csv\").to_csv(\"NAME.csv\""));
  EXPECT_THAT(table_refusal("\xff\xfel\n"), HasSubstr("iconv -f UTF-16 -t UTF-8"));
}

std::string static_table(const std::string& name, const std::function<std::string(int)>& value, bool groups = false) {
  std::string text = std::string("label,") + (groups ? "group," : "") + name + ",N_20210101\n";
  for (int i = 0; i < 120; ++i)
    text += std::to_string(1 + i / 40) + "," + (groups ? std::to_string(i / 4) + "," : "") + value(i) + "," + ndvi(i) + "\n";
  return text;
}

TEST(StaticColumns, ThatNumberTheSamplesAreRefusedUnlessNamed) {
  const auto row = [](int i) { return std::to_string(i); };
  const auto twice = [](int i) { return std::to_string(i / 2); };
  for (const char* name : {"Unnamed: 0", "id", "fid", "OBJECTID", "plot_id"})
    EXPECT_THAT(table_refusal(static_table(name, twice)),
                HasSubstr("t.csv:1: column " + std::string(name) + ": numbers or places the samples"));
  EXPECT_THAT(table_refusal(static_table("lon", twice)), HasSubstr("t.csv:1: expected both longitude and latitude, or neither"));
  EXPECT_THAT(table_refusal(static_table("anything", row)), HasSubstr("t.csv:1: column anything: has a value of its own for each row"));
  std::string two = "label,elevation,mean rain,N_20210101\n";
  for (int i = 0; i < 120; ++i) two += "1," + std::to_string(i) + "," + std::to_string(2 * i) + ",0.5\n";
  EXPECT_THAT(table_refusal(two),
              HasSubstr("columns elevation, mean rain: have a value of their own for each row, or nearly: a model would know the "
                        "samples by them; if they are measurements, add --static \"elevation,mean rain\"; if not, leave them "
                        "out with --ignore \"elevation,mean rain\""));
  EXPECT_THAT(table_refusal(static_table("anything", [](int i) { return i % 30 == 0 ? std::string("5") : std::to_string(i); })),
              HasSubstr("each row, or nearly"));
  EXPECT_THAT(table_refusal(static_table(
                  "anything", [](int i) { return std::to_string(i / 4 * 7); }, true)),
              HasSubstr("for each group, or nearly"));
  EXPECT_EQ(read(static_table("anything", row), {.statics = {"anything"}, .ignored = {}, .missing = {}}).statics[119], 119.0F);
  EXPECT_EQ(read(static_table("id", row), {.statics = {"id"}, .ignored = {}, .missing = {}}).static_names.front(), "id");
  EXPECT_EQ(read(static_table("X", row), {.statics = {"all"}, .ignored = {}, .missing = {}}).static_names.front(), "X");
  EXPECT_TRUE(read(static_table("id", row), {.statics = {}, .ignored = {"id"}, .missing = {}}).static_names.empty());
  EXPECT_TRUE(read(static_table("note", [](int) { return std::string("wet"); }), {.statics = {}, .ignored = {"note"}, .missing = {}})
                  .static_names.empty());
}

TEST(StaticColumns, LongitudeAndLatitudeSayWhereSamplesAre) {
  const std::string table = "label,longitude,latitude,N_20210101\n1,2.5,44.25,0.5\n2,,,0.4\n1,-180,-90,0.3\n";
  const Samples samples = read(table);
  EXPECT_TRUE(samples.static_names.empty());
  ASSERT_EQ(samples.longitude.size(), 3u);
  EXPECT_EQ(samples.longitude[0], 2.5F);
  EXPECT_EQ(samples.latitude[0], 44.25F);
  EXPECT_TRUE(std::isnan(samples.longitude[1]) && std::isnan(samples.latitude[1]));
  EXPECT_EQ(samples.longitude[2], -180);
  EXPECT_EQ(samples.latitude[2], -90);
  const Samples learned = read(table, {.statics = {"all"}, .ignored = {}, .missing = {}});  // as for a model that learned from them
  EXPECT_EQ(learned.static_names, (std::vector<std::string>{"longitude", "latitude"}));
  EXPECT_EQ(learned.longitude[0], 2.5F);
  EXPECT_TRUE(std::isnan(learned.longitude[1]));
  EXPECT_TRUE(read("label,N_20210101\n1,0.5\n").longitude.empty());
  EXPECT_TRUE(read(table, {.statics = {}, .ignored = {"longitude", "latitude"}, .missing = {}}).longitude.empty());
  EXPECT_THAT(table_refusal("label,longitude,N_20210101\n1,2.5,0.5\n"), HasSubstr("expected both longitude and latitude, or neither"));
  EXPECT_THAT(table_refusal("label,longitude,latitude,N_20210101\n1,600000,44,0.5\n"),
              HasSubstr("degrees from -180 to 180 or an empty cell"));
}

TEST(StaticColumns, ThatManySamplesShareAreLearned) {
  const Samples s = read(static_table("elevation", [](int i) { return std::to_string(100 + i % 50); }));
  EXPECT_THAT(s.static_names, ElementsAre("elevation"));
}

TEST(StaticColumns, ThatAreNamedButNotThereAreAMistake) {
  EXPECT_THAT(table_refusal("label,slope,B4_20210105\n1,2,3\n", {.statics = {"slop"}, .ignored = {}, .missing = {}}),
              HasSubstr("t.csv:1: no column slop, which static names; is \"slope\" it?"));
  EXPECT_THAT(table_refusal("label,slope,B4_20210105\n1,2,3\n", {.statics = {}, .ignored = {"slopes"}, .missing = {}}),
              HasSubstr("t.csv:1: no column slopes, which ignore names; is \"slope\" it?"));
  EXPECT_EQ(read("label,slope,B4_20210105\n1,2,3\n", {.statics = {}, .ignored = {"fid"}, .missing = {}}).statics[0], 2.0F);
}

// 12 rows of three classes, with a column of codes.
std::string table_with_code(const std::string& name, const std::function<int(int label, int row)>& code) {
  std::string text = "label," + name + ",N_20210101,N_20210301\n";
  for (int i = 0; i < 12; ++i)
    text += std::to_string(1 + i / 4) + "," + std::to_string(code(1 + i / 4, i)) + "," + reflectance(i) + "," + reflectance(i + 50) + "\n";
  return text;
}

TEST(TableRules, AColumnThatSaysTheClassIsNoInput) {
  const auto copy = [](int label, int) { return 10 * label; };
  EXPECT_THAT(table_refusal(table_with_code("code", copy)),
              AllOf(HasSubstr("column code: has one value for each class"), HasSubstr("--ignore code"), HasSubstr("--static code")));
  TableRules rules;
  rules.statics = {"code"};
  EXPECT_THAT(read(table_with_code("code", copy), rules).static_names, ElementsAre("code"));
  rules = {};
  rules.ignored = {"code"};
  EXPECT_TRUE(read(table_with_code("code", copy), rules).static_names.empty());
  // Two classes of a value, or two values of a class, are a measurement.
  EXPECT_THAT(read(table_with_code("soil", [](int label, int) { return label / 2; })).static_names, ElementsAre("soil"));
  EXPECT_THAT(read(table_with_code("soil", [](int label, int row) { return 10 * label + row % 2; })).static_names, ElementsAre("soil"));
}

TEST(TableRules, CopiesOfRowsWithoutGroupsAreTold) {
  const std::string rows = "1,10,20\n2,11,21\n1,10,20\n";
  EXPECT_THAT(read("label,B4_20210105,B8_20210105\n" + rows).notes, ElementsAre(HasSubstr("1 row is a copy of others")));
  EXPECT_TRUE(read("label,group,B4_20210105\n1,1,10\n2,2,11\n1,1,10\n").notes.empty());  // the group says that they are one
  EXPECT_TRUE(read("label,B4_20210105\n1,10\n2,10\n").notes.empty());                    // other labels
}

TEST(TableRules, SplitsHaveTheNamesThatOthersGiveThem) {
  const Samples samples = read("label,split,B4_20210105\n1,Train,10\n1,VAL,11\n1,Test,12\n1,Unused,13\n");
  EXPECT_THAT(samples.split, ElementsAre(0, 1, 1, 3));
}

TEST(TableRules, OtherFormatsAreNamed) {
  const auto refusal = [](const std::string& name, const std::string& bytes) -> std::string {
    const std::string file = testing::temp_dir() + "/" + name;
    write_text(file, bytes + std::string(64, ' '));
    try {
      load_parts(file);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(refusal("a.parquet", "PAR1"), AllOf(HasSubstr("got a Parquet file"), HasSubstr("a.csv")));
  EXPECT_THAT(refusal("a.gpkg", "SQLite format 3"), AllOf(HasSubstr("got a GeoPackage"), HasSubstr("ogr2ogr -f CSV a.csv a.gpkg")));
  EXPECT_THAT(refusal("a.sqlite", "SQLite format 3"), HasSubstr("got a SQLite database"));
  // The size of a header may be any bytes.
  EXPECT_THAT(refusal("a.safetensors", std::string("\x1f\x8b\0\0\0\0\0\0{", 9)), ::testing::Not(HasSubstr("gzip")));
}

TEST(TableRules, DatesOfColumnsHaveThreeForms) {
  const Samples samples = read("label,B4_20210105,B8_2021-01-05,B4_2021020,B8_20210120\n1,10,20,30,40\n2,11,21,31,41\n");
  EXPECT_TRUE(samples.static_names.empty());
  ASSERT_EQ(samples.series.size(), 1U);
  EXPECT_THAT(samples.series[0].dates, ElementsAre(Date::parse("20210105"), Date::parse("20210120")));
  EXPECT_THAT(samples.series[0].bands, ElementsAre("B4", "B8"));
  EXPECT_THAT(table_refusal("label,B4_20210105,B4_2021-01-05\n1,10,20\n"), HasSubstr("column B4_2021-01-05: is a second column of B4 on"));
  EXPECT_THAT(table_refusal("label,B4_2021-02-31\n1,10\n"), HasSubstr("column B4_2021-02-31"));
}

}  // namespace
}  // namespace millesime
