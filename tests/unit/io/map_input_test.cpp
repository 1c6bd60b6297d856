#include "pipeline/io/map_input.h"

#include <cmath>
#include <limits>

#include <gdal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

const float kNan = std::numeric_limits<float>::quiet_NaN();

template <class T>
std::string file_of(const std::vector<T>& samples, const RasterOptions& options = {}) {
  Raster<T> raster(Grid{"EPSG:2154", 500000, 6500000, 10, 10, static_cast<int>(samples.size()), 1});
  raster.samples = samples;
  const std::string file = testing::temp_dir() + "/map.tif";
  write_raster(file, raster, options);
  return file;
}

template <class To>
std::vector<To> values(const MapInput& map) {
  std::vector<To> values(static_cast<std::size_t>(map.grid().pixels()));
  map.read(map.grid().whole(), values.data());
  return values;
}

RasterOptions with_nodata(double nodata) {
  RasterOptions options;
  options.nodata = nodata;
  return options;
}

std::vector<float> probabilities(const MapInput& map) {
  std::vector<float> values(static_cast<std::size_t>(map.grid().pixels()));
  map.read_probabilities(map.grid().whole(), values.data());
  return values;
}

TEST(MapInput, ConfidenceInEveryForm) {
  const MapInput percent(file_of<std::uint8_t>({0, 45, 100}), MapKind::confidence);
  EXPECT_THAT(values<std::uint8_t>(percent), ElementsAre(0, 45, 100));
  EXPECT_EQ(percent.form().assumed, "");
  EXPECT_THAT(probabilities(percent), ElementsAre(FloatNear(0.005f, 1e-6f), FloatNear(0.455f, 1e-6f), 1.0f));

  const MapInput shares(file_of<float>({0.45f, 0.53f, 1.0f, kNan, -9999.0f}, with_nodata(-9999)), MapKind::confidence);
  EXPECT_THAT(values<std::uint8_t>(shares), ElementsAre(45, 52, 100, 0, 0));  // truncated as in decide.h
  EXPECT_THAT(shares.form().assumed, HasSubstr("floating-point numbers, -9999 is no data, taken for probabilities 0 to 1"));
  EXPECT_THAT(probabilities(shares), ElementsAre(0.45f, 0.53f, 1.0f, 0.0f, 0.0f));
  EXPECT_THAT(values<std::uint8_t>(MapInput(file_of<float>({1.0f, 1.0f}), MapKind::confidence)), ElementsAre(100, 100));

  const MapInput real_percent(file_of<float>({45.7f, 99.9f}), MapKind::confidence);
  EXPECT_THAT(values<std::uint8_t>(real_percent), ElementsAre(45, 99));
  EXPECT_THAT(real_percent.form().assumed, HasSubstr("taken for percent"));
  EXPECT_THAT(probabilities(real_percent), ElementsAre(FloatNear(0.457f, 1e-6f), FloatNear(0.999f, 1e-6f)));

  const MapInput per_mille(file_of<std::uint16_t>({450, 530, 1000}), MapKind::confidence);
  EXPECT_THAT(values<std::uint8_t>(per_mille), ElementsAre(45, 53, 100));
  EXPECT_THAT(per_mille.form().assumed, HasSubstr("uint16, taken for per mille"));

  EXPECT_THAT(values<std::uint8_t>(MapInput(file_of<std::uint8_t>({40, 255}, with_nodata(255)), MapKind::confidence)), ElementsAre(40, 0));
}

TEST(MapInput, WhatIsNoConfidenceIsRefusedWithItsPlace) {
  const auto refusal = [](const std::string& file) {
    return testing::message_of([&] { values<std::uint8_t>(MapInput(file, MapKind::confidence)); });
  };
  EXPECT_THAT(refusal(file_of<std::uint8_t>({40, 200})),
              AllOf(HasSubstr("map.tif"), HasSubstr("got 200 at column 1, row 0"), HasSubstr("gdal_translate -scale 0 255 0 100")));
  EXPECT_THAT(refusal(file_of<float>({0.2f, 30000.5f})), HasSubstr("got 30000.5 at column 1"));
  EXPECT_THAT(refusal(file_of<float>({0.2f, -1.0f})), AllOf(HasSubstr("got -1 at column 1"), HasSubstr("gdal_edit.py -a_nodata")));
  EXPECT_THAT(refusal(file_of<std::uint16_t>({10, 5000})), HasSubstr("got 5000"));
}

TEST(MapInput, ClassesOfAnyTypeUpTo65535) {
  const MapInput narrow(file_of<std::uint8_t>({0, 1, 255}), MapKind::classes);
  EXPECT_THAT(values<std::uint16_t>(narrow), ElementsAre(0, 1, 255));
  EXPECT_EQ(class_type(narrow.form().highest), PixelType::u8);

  const MapInput wide(file_of<std::uint16_t>({0, 255, 256, 65535}), MapKind::classes);
  EXPECT_THAT(values<std::uint16_t>(wide), ElementsAre(0, 255, 256, 65535));
  EXPECT_EQ(wide.form().highest, 65535);
  EXPECT_EQ(class_type(wide.form().highest), PixelType::u16);
  EXPECT_EQ(wide.form().assumed, "");

  const MapInput real(file_of<float>({1.0f, kNan, 41.0f}), MapKind::classes);  // as OTB may write them
  EXPECT_THAT(values<std::uint16_t>(real), ElementsAre(1, 0, 41));
  EXPECT_EQ(class_type(real.form().highest), PixelType::u8);
  EXPECT_THAT(real.form().assumed, HasSubstr("taken for class codes"));

  EXPECT_THAT(values<std::uint16_t>(MapInput(file_of<std::uint8_t>({255, 7}, with_nodata(255)), MapKind::classes)), ElementsAre(0, 7));
  EXPECT_THAT(values<std::uint16_t>(MapInput(file_of<std::int16_t>({-1, 7}, with_nodata(-1)), MapKind::classes)), ElementsAre(0, 7));

  for (const std::int32_t hole : {2147483647, -2147483647, -99999999})  // which a float does not hold exactly
    EXPECT_THAT(values<std::uint16_t>(MapInput(file_of<std::int32_t>({hole, 7}, with_nodata(hole)), MapKind::classes)), ElementsAre(0, 7));

  const auto refusal = [](const std::string& file) { return testing::message_of([&] { MapInput(file, MapKind::classes); }); };
  EXPECT_THAT(refusal(file_of<float>({1.0f, 0.45f})), AllOf(HasSubstr("got 0.45 at column 1"), HasSubstr("a confidence?")));
  EXPECT_THAT(refusal(file_of<std::int32_t>({1, 70000})), HasSubstr("codes 0 to 65535, got 70000"));
  EXPECT_THAT(refusal(file_of<std::int16_t>({1, -1})), HasSubstr("gdal_edit.py -a_nodata"));
}

TEST(MapInput, WhatAnAlphaBandHidesIsNoData) {
  const std::string file = testing::temp_dir() + "/alpha.tif";
  const Grid grid{"EPSG:2154", 500000, 6500000, 10, 10, 3, 1};
  RasterWriter writer(file, grid, PixelType::u8, 2, {});
  const std::vector<std::uint8_t> codes{7, 7, 9}, alpha{255, 0, 255};
  writer.write(grid.whole(), 0, codes.data());
  writer.write(grid.whole(), 1, alpha.data());
  writer.commit();
  EXPECT_THAT(testing::message_of([&] { MapInput(file, MapKind::classes); }), HasSubstr("one band, got 2 bands"));
  GDALDatasetH opened = GDALOpen(file.c_str(), GA_Update);
  GDALSetRasterColorInterpretation(GDALGetRasterBand(opened, 2), GCI_AlphaBand);
  GDALClose(opened);
  const MapInput map(file, MapKind::classes);
  EXPECT_THAT(values<std::uint16_t>(map), ElementsAre(7, 0, 9));
  EXPECT_THAT(map.form().assumed, HasSubstr("what its mask hides is no data"));
}

TEST(MapInput, ValidityAbove255Is255) {
  const MapInput map(file_of<std::uint16_t>({3, 300}), MapKind::validity);
  EXPECT_THAT(values<std::uint8_t>(map), ElementsAre(3, 255));
  EXPECT_THAT(map.form().assumed, HasSubstr("those above 255 for 255"));
}

}  // namespace
}  // namespace millesime
