// The coordinates of pixels as static inputs: of samples and of windows, in any zone and window.

#include "pipeline/imagery/coordinate_reader.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/coordinate_inputs.h"

namespace millesime {
namespace {

const std::size_t kInputs = coordinate_inputs().size();

std::vector<float> inputs_at(float longitude, float latitude) {
  std::vector<float> inputs(kInputs);
  coordinates_at(longitude, latitude, inputs.data());
  return inputs;
}

std::vector<float> window_of(const Grid& tile, const Window& window) {
  std::vector<float> values(static_cast<std::size_t>(window.pixels()) * (kInputs + 1), -7);  // one static input before them
  CoordinateReader(tile).read(window, values.data(), kInputs + 1, 1);
  return values;
}

// 50 km of it, so that the curvature of the projection counts.
const Grid kWideTile{"EPSG:32631", 300000, 4900020, 10, 10, 5000, 5000};

TEST(Coordinates, OfAWindowAreThoseOfItsPixels) {
  const CoordinateTransform to_degrees("EPSG:32631", "EPSG:4326");
  for (const Window& window : {Window{0, 0, 40, 30}, Window{4990, 4983, 10, 17}, Window{1234, 777, 1, 1}}) {
    const auto values = window_of(kWideTile, window);
    for (int row = 0; row < window.height; ++row)
      for (int col = 0; col < window.width; ++col) {
        const float* at = values.data() + static_cast<std::size_t>(row * window.width + col) * (kInputs + 1);
        ASSERT_EQ(at[0], -7);
        const Point place = to_degrees(kWideTile.centre(window.col + col, window.row + row));
        const auto expected = inputs_at(static_cast<float>(place.x), static_cast<float>(place.y));
        for (std::size_t i = 0; i < kInputs; ++i) ASSERT_NEAR(at[1 + i], expected[i], 1e-5) << coordinate_inputs()[i];
      }
  }
}

TEST(Coordinates, DoNotDependOnWindows) {
  const auto whole = window_of(kWideTile, {100, 100, 50, 40}), part = window_of(kWideTile, {117, 103, 9, 5});
  for (std::size_t row = 0; row < 5; ++row)
    for (std::size_t i = 0; i < 9 * (kInputs + 1); ++i)
      ASSERT_EQ(part[row * 9 * (kInputs + 1) + i], whole[((row + 3) * 50 + 17) * (kInputs + 1) + i]);
}

TEST(Coordinates, OfOnePlaceAreTheSameInTwoZones) {
  const Point place{6, 45};  // between zones 31 and 32
  std::vector<std::vector<float>> seen;
  for (const char* zone : {"EPSG:32631", "EPSG:32632"}) {
    const Point there = CoordinateTransform("EPSG:4326", zone)(place);
    const Grid tile{zone, there.x - 3005, there.y + 3005, 10, 10, 600, 600};  // its centre is that of pixel 300, 300
    seen.push_back(window_of(tile, {300, 300, 1, 1}));
  }
  for (std::size_t i = 0; i <= kInputs; ++i) EXPECT_NEAR(seen[0][i], seen[1][i], 1e-5);
  EXPECT_NEAR(seen[0][1], 45, 1e-5);
}

TEST(Coordinates, OfSamplesAreThoseOfTheirPixels) {
  Samples samples;
  for (const int i : {0, 2500, 4999}) {
    const Point centre = kWideTile.centre(i, 4999 - i);
    samples.label.push_back(1), samples.x.push_back(centre.x), samples.y.push_back(centre.y);
    samples.col.push_back(i), samples.row.push_back(4999 - i);
  }
  locate(samples, kWideTile);
  ASSERT_EQ(samples.longitude.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto pixel = window_of(kWideTile, {samples.col[i], samples.row[i], 1, 1});
    const auto sample = inputs_at(samples.longitude[i], samples.latitude[i]);
    for (std::size_t k = 0; k < kInputs; ++k) EXPECT_NEAR(pixel[1 + k], sample[k], 1e-5);
  }
  Samples local = samples;
  local.longitude = {}, local.latitude = {};
  locate(local, {R"(LOCAL_CS["local",UNIT["metre",1]])", 0, 10, 1, 1, 10, 10});
  EXPECT_TRUE(local.longitude.empty()) << "a system without longitudes";
}

TEST(Coordinates, DoNotJumpAtThe180thMeridian) {
  const Grid tile{"EPSG:32660", 833000, 8000000, 10, 10, 64, 4};  // Fiji: the meridian lies within
  const auto values = window_of(tile, tile.whole());
  for (std::size_t p = 1; p < 64; ++p)
    for (std::size_t i = 0; i < kInputs; ++i)
      EXPECT_NEAR(values[p * (kInputs + 1) + 1 + i], values[(p - 1) * (kInputs + 1) + 1 + i], 5e-4) << coordinate_inputs()[i];
  const float east = std::nextafter(180.0F, 0.0F);
  for (std::size_t i = 0; i < kInputs; ++i) EXPECT_NEAR(inputs_at(east, -17)[i], inputs_at(-east, -17)[i], 1e-4);
}

}  // namespace
}  // namespace millesime
