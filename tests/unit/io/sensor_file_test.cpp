#include "pipeline/io/sensor_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/series_reader.h"
#include "tests/support/image_file.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::temp_dir;

const std::string kSeries = "layout = \"raster_series\"\nfile = \"{date}_{band}.tif\"\n";
const std::string kBand = "[[band]]\nname = \"B1\"\n";

std::string refusal(const std::string& text) {
  const std::string file = temp_dir() + "/mine.toml";
  write_text(file, text);
  return message_of([&] { SensorFile::load(file); });
}

TEST(SensorFile, EverySensorOfConfigsIsComplete) {
  for (const std::string& name : known_sensors()) {
    SCOPED_TRACE(name);
    const SensorFile sensor = SensorFile::load(name);
    EXPECT_FALSE(sensor.title.empty() || sensor.platform.empty() || sensor.source.empty());
    EXPECT_FALSE(sensor.default_bands().empty());
    for (const SensorBand& band : sensor.bands) EXPECT_FALSE(band.common.empty()) << band.name;
    for (const SensorMask& mask : sensor.masks) {
      const MaskRule invalid = mask.plane.invalid();
      EXPECT_EQ(invalid[mask.plane.byte_for(MaskMeaning::valid)], 0) << mask.plane.name;
    }
  }
}

TEST(SensorFile, SaysWhatIsWrongWithIt) {
  EXPECT_THAT(refusal(kSeries + "[[band]]\nname = \"B1\"\ncommon = \"bleu\"\n"),
              AllOf(HasSubstr("mine.toml:3: [[band]]: band B1: common: unknown common name \"bleu\", did you mean blue?"),
                    HasSubstr("red_edge_1")));
  EXPECT_THAT(refusal(kSeries + kBand + "[[mask]]\nname = \"QA\"\nno_image_bits = [0]\ninvalid_bits = [3, 0]\n"),
              HasSubstr("mine.toml:5: [[mask]]: mask QA: bit 0 is named twice"));
  EXPECT_THAT(refusal(kSeries + kBand + "[[mask]]\nname = \"QA\"\ninvalid = [4, 4]\n"), HasSubstr("value 4 is named twice"));
  EXPECT_THAT(refusal(kSeries + kBand + "[[mask]]\nname = \"QA\"\n"), HasSubstr("mask QA: says nothing; expected valid, invalid"));
  EXPECT_THAT(refusal("layout = \"raster_series\"\nfile = \"{tile}_{band}.tif\"\n" + kBand),
              HasSubstr("B1: file: expected a pattern with {date}, got \"{tile}_B1.tif\""));
  EXPECT_THAT(refusal("layout = \"raster_series\"\nfile = \"{date:DDMM}.tif\"\n" + kBand),
              HasSubstr("{date:DDMM}: expected YYYYMMDD, YYYYDDD, YYYY-MM-DD, or YYYY, YY, MM, DD"));
  EXPECT_THAT(refusal("layout = \"folders\"\n" + kBand), HasSubstr("layout: expected one of muscate, safe, landsat_c2"));
  EXPECT_THAT(refusal("layout = \"muscate\"\nproduct = \"A_{tile}_V{version}\"\n" + kBand),
              HasSubstr("product: expected a pattern of names with {date}, got \"A_{tile}_V{version}\""));
  EXPECT_THAT(refusal(kSeries + "scal = 2\n" + kBand), HasSubstr("mine.toml:3: unknown key \"scal\"; did you mean \"scale\"?"));
  EXPECT_THAT(refusal(kSeries + kBand + kBand), HasSubstr("two bands are named B1"));
  EXPECT_THAT(refusal(kSeries), HasSubstr("has no [[band]]"));
  EXPECT_THAT(refusal(kSeries + "encoding = \"power\"\n" + kBand), HasSubstr("expected unit = \"decibel\""));
  EXPECT_THAT(refusal(kSeries + "unit = \"metres\"\n" + kBand), HasSubstr("unit: expected reflectance, decibel"));
  EXPECT_THAT(message_of([] { SensorFile::load("sentinel2_tehia"); }), HasSubstr("did you mean sentinel2_theia?"));
}

TEST(SensorFile, BandsHaveOwnAndCommonNames) {
  const SensorFile sensor = SensorFile::load("landsat8_theia");
  EXPECT_THAT(sensor.own_names({"red", "nir", "B6"}, "bands"), ElementsAre("B4", "B5", "B6"));
  EXPECT_THAT(message_of([&] { sensor.own_names({"swir1"}, "bands"); }), HasSubstr("bands: unknown band \"swir1\", did you mean swir_1?"));
}

TEST(NamePattern, TellsWhatNamesSay) {
  const NamePattern hls("HLS.L30.{tile}.{date:YYYYDDD}T{time:######}.v{version}.B04.tif", "T[0-9]{2}[A-Z]{3}", "here");
  const auto parts = hls.match("some/folder/HLS.L30.T31TCJ.2021060T104321.v2.0.B04.tif", true);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->at("date"), "20210301");
  EXPECT_EQ(parts->at("time"), "104321");
  EXPECT_EQ(parts->at("version"), "2.0");
  EXPECT_FALSE(hls.match("HLS.L30.T31TCJ.2021060T104321.v2.0.B05.tif"));
  EXPECT_THAT(message_of([&] { hls.match("HLS.L30.T31TCJ.2021366T104321.v2.0.B04.tif"); }), HasSubstr("\"2021366\" is not a day"));
  const NamePattern force("{tile}/{date}_(SEN2A|SEN2B)_*.tif", "X[0-9]{4}", "here");
  EXPECT_TRUE(force.match("a/b/X0044/20210511_SEN2B_BOA.tif", true));
  EXPECT_FALSE(force.match("a/b/X0044/20210511_SEN2C_BOA.tif", true));
  EXPECT_FALSE(force.match("20210511_SEN2A_BOA.tif", true));
}

TEST(MaskPlane, WideMasksBecomeBytesOfTheSameMeaning) {
  MaskPlane qa{"QA_PIXEL",
               {.valid_values = {},
                .invalid_values = {},
                .invalid_bits = {1, 2, 3, 4},
                .image_values = {},
                .no_image_values = {},
                .no_image_bits = {0}},
               "",
               false};
  for (const int number : {0, 1, 2, 8, 255, 21824, 22280, 23888, 65535}) {
    const std::uint8_t byte = qa.byte_of(number);
    EXPECT_EQ(qa.invalid()[byte] != 0, (number & 31) != 0) << number;
    EXPECT_EQ(qa.no_image()[byte] != 0, (number & 1) != 0) << number;
  }
  qa.meaning.invalid_bits = {9};  // beyond a byte: its own codes
  EXPECT_TRUE(qa.is_coded());
  EXPECT_EQ(qa.byte_of(512), MaskMeaning::invalid);
  EXPECT_EQ(qa.byte_of(255 - 1), MaskMeaning::valid);
  EXPECT_EQ(qa.byte_of(513), MaskMeaning::no_image);
}

// A sensor that the program has never heard of, by a file alone.
TEST(SensorFile, AFileAloneAddsASensor) {
  const std::string root = temp_dir();
  write_text(root + "/drone.toml", R"(title = "drone"
platform = "drone"
layout = "raster_series"
file = "flight_{date:YYYY-MM-DD}/{tile}.tif"
unit = "reflectance"
scale = 0.004
nodata = 255
band = [{ name = "r", common = "red", band = 1 }, { name = "n", common = "nir", band = 2 }]
mask = [{ name = "sharp", file = "flight_{date:YYYY-MM-DD}/{tile}_sharp.tif", valid = [7] }]
)");
  for (const char* day : {"2021-05-01", "2021-06-01"}) {
    testing::ImageFile image;
    image.type = "Byte", image.bands = 2;
    image.number = [](int band, int col, int row) { return col == 3 ? 255 : 100 * band + 10 * row + col; };
    testing::write_image(root + "/data/flight_" + day + "/field7.tif", image);
    image.bands = 1, image.number = [](int, int, int row) { return row == 2 ? 6 : 7; };
    testing::write_image(root + "/data/flight_" + day + "/field7_sharp.tif", image);
  }
  const auto sensor = make_sensor(root + "/drone.toml");
  EXPECT_THAT(sensor->tiles(root + "/data"), ElementsAre("field7"));
  const SourceCensus census =
      sensor->take_census(root + "/data", "field7", {"nir", "red"}, Date::parse("20210101"), Date::parse("20211231"));
  EXPECT_THAT(census.bands, ElementsAre("n", "r"));
  ASSERT_EQ(census.acquisitions.size(), 2U);
  const SeriesReader reader(census, census.bands);
  const Series series = reader.read({2, 1, 3, 2});
  EXPECT_EQ(series.groups[0].samples[0], (100 + 10 + 2) * 40);  // nir at (2, 1): number x 0.004 x 10000
  EXPECT_EQ(series.groups[0].samples[1], kNodata);
  EXPECT_EQ(series.mask_rules[0][series.masks[0]], 0);
  EXPECT_EQ(series.mask_rules[0][series.masks[3]], 1);  // row 2
  const SeriesReader masks(census, {});
  const auto covered = masks.coverage(masks.read({2, 1, 3, 2}));  // by the first band's data
  EXPECT_THAT(std::vector<int>(covered.begin(), covered.begin() + 6), ElementsAre(1, 0, 1, 1, 0, 1));
}

}  // namespace
}  // namespace millesime
