// Length: every form of samples (memory, file, table, parts) is held to the same small set.

#include "pipeline/core/samples.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/series.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/core/samples_equal.h"

namespace millesime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string put(const std::string& text) {
  const std::string file = testing::temp_dir() + "/t.csv";
  write_text(file, text);
  return file;
}

// Numbers that lie on the disk, are changed there, and cut.
TEST(Column, OfScratchIsWrittenReadAndCutOnTheDisk) {
  const std::string folder = testing::temp_dir();
  constexpr std::size_t kMany = 3'000'000;  // several pieces
  Column<std::int16_t> column = Column<std::int16_t>::scratch(folder, kMany);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  for (std::size_t i = 0; i < kMany; ++i) column.space()[i] = static_cast<std::int16_t>(i % 1000);
  column.release();
  std::size_t next = 0;
  column.scan([&](const auto& piece) {
    for (const std::int16_t value : piece) ASSERT_EQ(value, static_cast<std::int16_t>(next++ % 1000));
  });
  EXPECT_EQ(next, kMany);
  column.cut(3);
  EXPECT_TRUE(column.is_mapped());
  column.push_back(7);  // a copy in memory
  EXPECT_THAT(column, ElementsAre(0, 1, 2, 7));
  EXPECT_FALSE(column.is_mapped());
}

TEST(Column, OfAFileIsNotCopied) {
  Samples many;
  many.year = 2021, many.region_names = {""};
  many.series.push_back({"sentinel2", {"B4"}, {1}, {Date::parse("20210105")}, {}, {}});
  for (int i = 0; i < 5000; ++i) {
    many.label.push_back(1), many.polygon.push_back(i), many.region.push_back(0), many.x.push_back(i), many.y.push_back(0);
    many.col.push_back(i), many.row.push_back(0), many.split.push_back(0);
    many.series[0].values.push_back(static_cast<std::int16_t>(i)), many.series[0].valid.push_back(1);
  }
  const std::string file = testing::temp_dir() + "/s.safetensors";
  write_samples(many, file);
  const Samples read = read_samples(file);
  EXPECT_TRUE(read.series[0].values.is_mapped() && read.series[0].valid.is_mapped() && read.x.is_mapped());
  std::filesystem::remove(file);  // the mapping keeps it
  expect_equal(read, many);
}

std::string samples_refusal(const std::string& text, const Nomenclature* nomenclature = nullptr) {
  try {
    read_samples_csv(put(text), nomenclature);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

Samples example() {
  Samples s;
  s.tile = "T31TCJ";
  s.year = 2021;
  s.series.push_back({"sentinel2",
                      {"B4", "B8A"},
                      {1, 1},
                      {Date::parse("20210105"), Date::parse("20210610")},
                      {100, 200, kNodata, kNodata, -5, 32767, 0, 1, kNodata, kNodata, 7, 8},
                      {1, 0, 1, 1, 0, 1}});
  s.series.push_back({"series", {"TEMP"}, {0.01F}, {Date::parse("20211201")}, {-5, 12345, kNodata}, {1, 1, 0}});
  s.static_names = {"elevation"};
  s.region_names = {"1", "4, north"};
  s.label = {6, 6, 13};
  s.polygon = {70, 70, 1234567890123};
  s.region = {0, 0, 1};
  s.x = {300005, 0.1, 1e-9};
  s.y = {4900015, 2, 3};
  s.longitude = {0.5F, std::numeric_limits<float>::quiet_NaN(), -179.99F};
  s.latitude = {44.2F, std::numeric_limits<float>::quiet_NaN(), 0.1F};
  s.col = {0, 1, 2};
  s.row = {3, 4, 5};
  s.statics = {0.1F, std::numeric_limits<float>::quiet_NaN(), -3e10F};
  s.n_seeds = 2;
  s.split = {0, 1, 3, 1, 2, 2};
  return s;
}

TEST(Samples, TheWorkingFileKeepsEverything) {
  const std::string file = testing::temp_dir() + "/s.safetensors";
  const Samples samples = example();
  write_samples(samples, file);
  const Samples again = read_samples(file);
  expect_equal(samples, again);
  EXPECT_EQ(again.tile, "T31TCJ");
  EXPECT_EQ(again.col, samples.col);
  EXPECT_EQ(again.row, samples.row);
  EXPECT_EQ(again.split_of(1, 1), Split::test);
}

TEST(Samples, AnEmptyFileOfSamplesIsAFileOfSamples) {
  const std::string file = testing::temp_dir() + "/s.safetensors";
  Samples none;
  none.tile = "T31TCJ";
  none.region_names = {""};
  none.series.push_back({"sentinel2", {"B4"}, {1}, {Date::parse("20210105")}, {}, {}});
  write_samples(none, file);
  const Samples again = read_samples(file);
  EXPECT_EQ(again.size(), 0);
  EXPECT_EQ(again.series[0].bands, std::vector<std::string>{"B4"});
}

TEST(Samples, EveryTruncationAndDamageOfTheFileIsRefusedOrRead) {
  const std::string folder = testing::temp_dir(), file = folder + "/s.safetensors";
  write_samples(example(), file);
  const std::string whole = read_text(file);
  const auto readable = [&](const std::string& bytes) {
    std::filesystem::remove(folder + "/damaged.safetensors");  // file systems flush a file that is overwritten
    {
      std::ofstream stream(folder + "/damaged.safetensors", std::ios::binary);
      stream << bytes;
    }
    try {
      check(read_samples(folder + "/damaged.safetensors"));
      return true;
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr("damaged.safetensors"));
      return false;
    }
  };
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) EXPECT_FALSE(readable(whole.substr(0, bytes))) << bytes;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x15);
    readable(bytes);
  }
  EXPECT_TRUE(readable(whole));
}

TEST(Samples, EveryDamageOfAFileOfSeveralPartsIsRefusedOrRead) {
  const std::string folder = testing::temp_dir(), file = folder + "/s.safetensors";
  Samples other = example();
  other.tile = "T31TDJ";
  other.series[1].dates = {Date::parse("20210102"), Date::parse("20210103")};
  other.series[1].values = {1, 2, 3, 4, 5, 6};
  other.series[1].valid = {1, 1, 1, 1, 1, 1};
  other.reference = "r";
  other.notes = {"TEMP: kept in steps of 0.01"};
  write_parts({example(), other}, file);
  const auto parts = read_parts(file);
  ASSERT_EQ(parts.size(), 2u);
  expect_equal(parts[0], example());
  expect_equal(parts[1], other);
  EXPECT_EQ(parts[1].tile, "T31TDJ");
  EXPECT_EQ(parts[1].reference, "r");
  EXPECT_EQ(parts[1].notes, other.notes);
  const std::string whole = read_text(file);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x15);
    std::filesystem::remove(folder + "/damaged.safetensors");
    {
      std::ofstream stream(folder + "/damaged.safetensors", std::ios::binary);
      stream << bytes;
    }
    try {
      for (const Samples& part : read_parts(folder + "/damaged.safetensors")) check(part);
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr("damaged.safetensors"));
    }
  }
}

TEST(Samples, AModelFileIsNotAFileOfSamples) {
  const std::string file = testing::temp_dir() + "/m.safetensors";
  write_text(file, std::string("\2\0\0\0\0\0\0\0{}", 10));
  try {
    read_samples(file);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("not a file of samples"));
  }
}

TEST(SamplesTable, TheTableIsTheInverseOfItsImport) {
  const std::string folder = testing::temp_dir();
  const Samples samples = example();
  write_samples_csv(samples, folder + "/a.csv");
  const Samples again = read_samples_csv(folder + "/a.csv", nullptr, {.statics = {"all"}, .ignored = {}, .missing = {"none"}});
  expect_equal(samples, again);
  write_samples_csv(again, folder + "/b.csv");
  EXPECT_EQ(read_text(folder + "/a.csv"), read_text(folder + "/b.csv"));
}

TEST(SamplesTable, ReadsQuotesCrlfAndGaps) {
  const Samples s =
      read_samples_csv(put("\xef\xbb\xbf\"label\",group,slope,B4_20210610,B4_20210105,\"B8_20210105\",B8_20210610\r\n"
                           "6,\"north \"\"A\"\"\",,1,2,3,\"4\"\r\n"
                           "\r\n"
                           "7,b,1.5,nan,5,6,\r\n"
                           "3.0,b,2,,-10000,7,8"));
  EXPECT_THAT(s.label, ElementsAre(6, 7, 3));
  EXPECT_THAT(s.polygon, ElementsAre(0, 1, 1));
  ASSERT_EQ(s.series.size(), 1u);
  EXPECT_EQ(s.series[0].source, "sentinel2");
  EXPECT_EQ(s.series[0].dates, (std::vector<Date>{Date::parse("20210105"), Date::parse("20210610")}));
  EXPECT_THAT(s.series[0].valid, ElementsAre(1, 1, 1, 0, 0, 0));
  EXPECT_THAT(s.series[0].values, ElementsAre(2, 3, 1, 4, 5, 6, kNodata, kNodata, kNodata, kNodata, kNodata, kNodata));
  EXPECT_TRUE(std::isnan(s.statics[0]));
  EXPECT_EQ(s.statics[1], 1.5F);
  EXPECT_EQ(s.year, 2021);
  EXPECT_EQ(s.region_names, std::vector<std::string>{""});
}

TEST(SamplesTable, ReadsWhatSpreadsheetsWrite) {
  const std::string rows = "6;1,5;-0,25;7\r\n7,0;2;+1,5;#N/A\r\n";
  for (const char* before : {"", "sep=;\r\n", "\xef\xbb\xbfsep=;\n", "\xef\xbb\xbf"}) {
    const Samples s = read_samples_csv(put(before + std::string("label;slope;N_20210105;N_20210610\r\n") + rows));
    EXPECT_THAT(s.label, ElementsAre(6, 7));
    EXPECT_THAT(s.statics, ElementsAre(1.5F, 2));
    EXPECT_THAT(s.series[0].values, ElementsAre(-25, 700, 150, kNodata));
    EXPECT_EQ(s.series[0].scale[0], 0.01F);
  }
  EXPECT_THAT(read_samples_csv(put("label|N_20210105\n1|2\n")).series[0].values, ElementsAre(2));
  // Between commas "1,234" may be a thousand.
  EXPECT_THAT(samples_refusal("label,N_20210105\n1,\"1,234\"\n"), HasSubstr("expected a number or an empty cell, got \"1,234\""));
  EXPECT_THAT(samples_refusal("label;N_20210105\n1;1.234,5\n"), HasSubstr("expected a number or an empty cell, got \"1.234,5\""));
  EXPECT_THAT(samples_refusal("label,N_20210105\r1,2\r"), HasSubstr("its lines end with CR alone; expected LF or CRLF"));
  EXPECT_THAT(samples_refusal("label,N_00010105\n1,2\n"),
              HasSubstr("column N_00010105: 0001-01-05 is no day of a satellite; expected 1950 to 2150"));
}

TEST(SamplesTable, WithoutGroupsEverySampleIsItsOwn) {
  EXPECT_THAT(read_samples_csv(put("label,B4_20210105\n1,2\n1,3\n1,4\n")).polygon, ElementsAre(0, 1, 2));
}

TEST(SamplesTable, SourcesFollowSensorsAndDates) {
  const Samples s = read_samples_csv(
      put("label,RAIN_20210101,TMEAN_20210101,VV_20210103,B2_20210104,SNOW_20210105,VH_20210103,B8A_20210104,B1x_20210101\n"
          "1,1,1,1,1,1,1,1,1\n"));
  ASSERT_EQ(s.series.size(), 4u);
  EXPECT_EQ(s.series[0].source, "sentinel2");
  EXPECT_THAT(s.series[0].bands, ElementsAre("B2", "B8A"));
  EXPECT_EQ(s.series[1].source, "sentinel1");
  EXPECT_THAT(s.series[1].bands, ElementsAre("VV", "VH"));
  EXPECT_EQ(s.series[2].source, "series");
  EXPECT_THAT(s.series[2].bands, ElementsAre("RAIN", "TMEAN", "B1x"));
  EXPECT_EQ(s.series[3].source, "series_2");
  EXPECT_THAT(s.series[3].bands, ElementsAre("SNOW"));
}

TEST(SamplesTable, ScalesKeepTheDigitsThatFit) {
  const auto stored = [](const std::string& a, const std::string& b) {
    const Samples s = read_samples_csv(put("label,N_20210101\n1," + a + "\n1," + b + "\n"));
    return std::tuple(s.series[0].values[0], s.series[0].values[1], s.series[0].scale[0]);
  };
  EXPECT_EQ(stored("0.24", "0.257"), std::tuple(240, 257, 1e-3F));
  EXPECT_EQ(stored("0.29325", "-0.1"), std::tuple(29325, -10000, 1e-5F));
  EXPECT_EQ(stored("0.77233", "1"), std::tuple(7723, 10000, 1e-4F));
  EXPECT_EQ(stored("32767", "-32767"), std::tuple(32767, -32767, 1.0F));
  EXPECT_EQ(stored("32768", "5"), std::tuple(3277, 1, 10.0F));
  EXPECT_EQ(stored("1234.0", "7.00"), std::tuple(1234, 7, 1.0F));  // integers that went through a floating-point column
  EXPECT_EQ(stored("0", "0.000"), std::tuple(0, 0, 1.0F));
  EXPECT_EQ(stored("1.5e-3", "2E-3"), std::tuple(15, 20, 1e-4F));
  EXPECT_EQ(stored("1e30", "0"), std::tuple(10000, 0, 1e26F));
  EXPECT_EQ(stored("3.27675", "0"), std::tuple(3277, 0, 1e-3F));  // 32767.5 would round beyond int16
  EXPECT_EQ(stored("0.12345678901234567", "0"), std::tuple(12346, 0, 1e-5F));
}

TEST(SamplesTable, ADroppedObservationHasNoSayInTheScale) {
  const Samples s = read_samples_csv(put("label,M_20210101,N_20210101\n1,0.25,1\n1,99999,\n"));
  EXPECT_EQ(s.series[0].scale[0], 0.01F);
  EXPECT_THAT(s.series[0].valid, ElementsAre(1, 0));
}

TEST(SamplesTable, ClassNamesNeedANomenclature) {
  Nomenclature n;
  n.name = "two";
  n.classes = {{.code = 6, .name = "Wheat", .name_en = {}, .color = {}, .alias = {}},
               {.code = 9, .name = "Maïs", .name_en = {}, .color = {}, .alias = {}}};
  EXPECT_THAT(read_samples_csv(put("label,B4_20210105\nMaïs,2\n wheat ,3\n6,4\n0,5\n"), &n).label, ElementsAre(9, 6, 6, 0));
  EXPECT_THAT(samples_refusal("label,B4_20210105\n9,1\n7,2\n", &n),
              HasSubstr("t.csv:3: column label: expected a code or a name of the nomenclature two, got \"7\""));
  EXPECT_THAT(samples_refusal("label,B4_20210105\nwheat,2\n"),
              HasSubstr("t.csv:2: column label: expected a class code (for class names, give a nomenclature), got \"wheat\""));
}

TEST(SamplesTable, ColumnsAreNamedInAnyCase) {
  const Samples samples = read_samples_csv(put("LABEL;Group;X;Y;Lon;LAT;B4_20210105\n5;7;300;400;1,5;43;2\n"));
  EXPECT_THAT(samples.label, ElementsAre(5));
  EXPECT_THAT(samples.polygon, ElementsAre(7));
  EXPECT_EQ(samples.x[0], 300);
  EXPECT_EQ(samples.y[0], 400);
  EXPECT_EQ(samples.longitude[0], 1.5);
  EXPECT_EQ(samples.latitude[0], 43);
  EXPECT_TRUE(samples.static_names.empty());
  // A column that the rules name is what they say, and where several might be meant none is.
  const std::string places = put("label,X,lat,B4_20210105\n1,2,3,4\n");
  EXPECT_THAT(read_samples_csv(places, nullptr, {{"X", "lat"}, {}, {}}).static_names, ElementsAre("X", "lat"));
  EXPECT_THAT(read_samples_csv(places, nullptr, TableRules{}.for_reading()).static_names, ElementsAre("X", "lat"));
  EXPECT_THAT(samples_refusal("Label,LABEL,B4_20210105\n1,2,3\n"), HasSubstr("did you mean \"label\"?"));
}

TEST(SamplesTable, MistakesAreNamedWithLineAndColumn) {
  EXPECT_THAT(samples_refusal(""), HasSubstr("empty file"));
  EXPECT_THAT(samples_refusal("label,B4_20210105\n"), HasSubstr("no samples after the header"));
  EXPECT_THAT(samples_refusal("labels,B4_20210105\n1,2\n"), HasSubstr("no column label; is \"labels\" it?"));
  EXPECT_THAT(samples_refusal("label,x,X,y,B4_20210105\n1,2,2,3,4\n"), HasSubstr("column X: did you mean \"x\"?"));
  EXPECT_THAT(samples_refusal("label,x,B4_20210105\n1,2,3\n"), HasSubstr("both x and y"));
  EXPECT_THAT(samples_refusal("label,slope\n1,2\n"), HasSubstr("no observations; expected columns <BAND>_<YYYYMMDD>"));
  EXPECT_THAT(samples_refusal("label,B4_20210231\n1,2\n"), HasSubstr("t.csv:1: column B4_20210231: no such day"));
  EXPECT_THAT(samples_refusal("label,B4_20210105,B4_20210105\n1,2,3\n"), HasSubstr("two columns are called B4_20210105"));
  EXPECT_THAT(samples_refusal("label,B4_20210105,B8_20210106\n1,2,3\n"),
              HasSubstr("no column B4_20210106, although other bands of sentinel2 have that date"));
  EXPECT_THAT(samples_refusal("label,B4_20210105\n1,2\n\n1,2;5\n"),
              HasSubstr("t.csv:4: column B4_20210105: expected a number or an empty cell, got \"2;5\""));
  EXPECT_THAT(samples_refusal("label,B4_20210105\n-3,1\n"),
              HasSubstr("t.csv:2: column label: expected a class code, a whole number from 1 to 2147483647 (0 or empty: not known), got"));
  EXPECT_THAT(samples_refusal("label,B4_20210105\n1,\xff\n"), HasSubstr("text that is not UTF-8"));
  EXPECT_THAT(samples_refusal("label,B4_20210105\n1\n"), HasSubstr("t.csv:2: 1 cells, the header has 2"));
  EXPECT_THAT(samples_refusal("label,B4_20210105\n1,\"2\n"), HasSubstr("t.csv:2: a quoted cell without its closing quote"));
  EXPECT_THAT(samples_refusal("label,B4_20210105\n1,\"2\"3\n"), HasSubstr("text after the closing quote"));
  EXPECT_THAT(samples_refusal("label,B4_20210105\n99999999999,2\n"), HasSubstr("expected a class code"));
  EXPECT_THAT(samples_refusal("label,note,B4_20210105\n1,wet,2\n"),
              HasSubstr("t.csv:2: column note: expected a number or an empty cell (a column without a date is a static input"));
  EXPECT_THAT(samples_refusal("label,group,B4_20210105\n1,1,2\n1,a,2\n"),
              HasSubstr("t.csv:3: column group: expected a number, as in the rows above, got \"a\""));
  EXPECT_THAT(samples_refusal("label,split,B4_20210105\n1,trained,2\n"),
              HasSubstr("expected learn (or train), test (or val), both, unused or final, got \"trained\""));
  EXPECT_THAT(samples_refusal("label,split_1,B4_20210105\n1,learn,2\n"), HasSubstr("without gaps"));
  EXPECT_THAT(samples_refusal("label,group,split,B4_20210105\n1,field,learn,2\n1,other,test,2\n1,field,unused,2\n1,field,test,2\n"),
              ::testing::AllOf(HasSubstr("split divides 1 group"), HasSubstr("of group \"field\" row 1 learns and row 4 tests")));
  EXPECT_THAT(samples_refusal("label,x,y,B4_20210105\n1,,0,2\n"), HasSubstr("column x: expected a map coordinate"));
}

// A truncated or changed table is read or rejected with its name; never a crash (run it under address sanitizer).
TEST(SamplesTable, DamagedTablesAreReadOrRefused) {
  const std::string folder = testing::temp_dir(), file = folder + "/damaged.csv";
  write_samples_csv(example(), folder + "/a.csv");
  const std::string whole = read_text(folder + "/a.csv");
  int read = 0;
  const auto attempt = [&](const std::string& bytes) {
    std::filesystem::remove(file);
    {
      std::ofstream stream(file, std::ios::binary);
      stream << bytes;
    }
    try {
      check(read_samples_csv(file));
      ++read;
    } catch (const UserError& error) {
      ASSERT_THAT(error.what(), HasSubstr("damaged.csv"));
    }
  };
  for (std::size_t bytes = 0; bytes <= whole.size(); ++bytes) attempt(whole.substr(0, bytes));
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (const char byte : {'"', ',', '\n', '-', '9', '\0', '\xff'}) {
      std::string bytes = whole;
      bytes[i] = byte;
      attempt(bytes);
    }
  EXPECT_GT(read, 100);  // a changed digit is another number
}

TEST(SamplesTable, TheSummaryCounts) {
  const auto summary = samples_summary({example()});
  EXPECT_EQ(summary["samples"], 3);
  EXPECT_EQ(summary["polygons"], 2);
  EXPECT_EQ(summary["classes"][0]["code"], 6);
  EXPECT_EQ(summary["classes"][0]["polygons"], 1);
  EXPECT_EQ(summary["classes"][1]["learn"], 1);
  EXPECT_EQ(summary["classes"][1]["test"], 1);
  EXPECT_NEAR(summary["series"][0]["share_missing"].get<double>(), 1 / 3.0, 1e-12);
  EXPECT_EQ(summary["statics"][0]["missing"], 1);
  EXPECT_THAT(to_text({example()}),
              HasSubstr("sentinel2: B4 B8A; 2 dates, 2021-01-05 to 2021-06-10; 33.3 % missing; kept in steps of 1\n"));
  EXPECT_THAT(to_text({example()}), HasSubstr("33.3 % missing; kept in steps of 0.01\n"));
}

std::string real_data(const std::string& path) {
  const char* folder = std::getenv("MILLESIME_REAL_DATA");
  return (folder ? std::string(folder) : testing::source_folder() + "/../shared/real-data") + "/" + path;
}

TEST(SamplesTable, RealSentinel2SamplesSurviveImportAndExport) {
  const std::string file = real_data("worldcereal_s2/france_2023_samples.csv");
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not here";
  const Samples s = read_samples_csv(file);
  EXPECT_EQ(s.size(), 424);
  EXPECT_EQ(s.year, 2023);
  ASSERT_EQ(s.series.size(), 3u);
  EXPECT_EQ(s.series[0].source, "sentinel2");
  EXPECT_EQ(s.series[0].bands.size(), 9u);
  EXPECT_EQ(s.series[0].scale, std::vector<float>(9, 1.0F));
  EXPECT_EQ(s.series[1].source, "sentinel1");
  EXPECT_THAT(s.series[2].bands, ElementsAre("PRECIP", "TMEAN"));
  EXPECT_EQ(s.static_names, (std::vector<std::string>{"slope", "elevation"}));
  const std::string folder = testing::temp_dir();
  write_samples_csv(s, folder + "/s.csv");
  expect_equal(s, read_samples_csv(folder + "/s.csv"));
  write_samples(s, folder + "/s.safetensors");
  expect_equal(s, read_samples(folder + "/s.safetensors"));
}

TEST(SamplesTable, RealVegetationIndicesLoseLessThanATenThousandth) {
  const std::string file = real_data("ucr_crop/train.csv");
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not here";
  const Samples s = read_samples_csv(file);
  EXPECT_EQ(s.size(), 7200);
  ASSERT_EQ(s.series.size(), 1u);
  const SampleSeries& ndvi = s.series[0];
  EXPECT_EQ(ndvi.dates.size(), 46u);
  EXPECT_LE(ndvi.scale[0], 1e-4F * 1.0001F);  // so rounding moves no value by more than half of that
  EXPECT_EQ(static_cast<float>(ndvi.values[0]) * ndvi.scale[0], 0.24F);
  const std::string folder = testing::temp_dir();
  write_samples_csv(s, folder + "/s.csv");
  expect_equal(s, read_samples_csv(folder + "/s.csv"));
}

}  // namespace
}  // namespace millesime
