// Images that are read behind masks.

#include "pipeline/imagery/tile_reader.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/ops/prepare.h"
#include "pipeline/io/sensor.h"
#include "tests/support/muscate_product.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using testing::MuscateProduct;
using Masked = SeriesReader::Masked;

// 192 x 128 pixels in blocks of 32 (of which the 20 m band has 3 x 2), on three dates: the west half is cloudy, all is, nothing is.
SourceCensus half_cloudy_world() {
  const std::string root = testing::temp_dir();
  std::mt19937 random(3);
  for (const char* date : {"20180511", "20180601", "20180611"}) {
    MuscateProduct product;
    product.date = date, product.block = 32;
    product.grid.cols = 192, product.grid.rows = 128;
    product.bands = {"B2", "B5"};
    product.value = [&](const std::string&, int, int) { return static_cast<std::int16_t>(random() % 9 == 0 ? -10000 : random() % 4000); };
    const int clouds = product.date == "20180511" ? 96 : product.date == "20180601" ? 192 : 0;
    product.mask = [clouds](const std::string& mask, int col, int row) {
      return static_cast<std::uint8_t>(mask == "CLM" ? col < clouds : mask == "SAT" && col == 150 && row == 7);
    };
    testing::write_product(root, product);
  }
  return make_sensor("sentinel2_theia")
      ->take_census(root, "T31TCJ", {"B2", "B5"}, Date::from_ymd(2018, 1, 1), Date::from_ymd(2018, 12, 31));
}

struct Prepared {
  std::vector<float> values;
  std::vector<std::uint8_t> valid;
  bool operator==(const Prepared&) const = default;
};

Prepared prepared(const Series& series, Resampling method) {
  const HostSeries host(series);
  const auto numbers = static_cast<std::size_t>(series.window.pixels()) * series.dates.size();
  Prepared result{std::vector<float>(numbers * series.bands.size()), std::vector<std::uint8_t>(numbers)};
  PrepareRawArgs args;
  args.series = host.view(), args.resampling = method, args.values = result.values.data(), args.valid = result.valid.data();
  prepare_raw(Device{}, args);
  return result;
}

TEST(TileReader, BlocksThatMasksHideAreNotDecompressedAndNothingElseChanges) {
  const SourceCensus census = half_cloudy_world();
  constexpr int kMasks = 3 * 3 * 24, kClear = 24 + 6;
  constexpr int kHalf = 12 + 4;  // of the 20 m band the middle column of blocks is under both halves
  for (const auto& [pixels, threads, halo] : {std::tuple(1, 1, 0), std::tuple(30000, 2, 0), std::tuple(1, 2, 4)}) {
    const SeriesReader all(census, {"B2", "B5"}, threads, halo), seen(census, {"B2", "B5"}, threads, halo);
    for (const Window& inner : all.windows(pixels, 1000000)) {
      const Window window =
          Window{inner.col - halo, inner.row - halo, inner.width + 2 * halo, inner.height + 2 * halo}.intersect(census.grid.whole());
      const Series plain = all.read(window), masked = seen.read(window, Masked::skip);
      EXPECT_EQ(masked.masks, plain.masks);
      for (const Resampling method : {Resampling::nearest, Resampling::bilinear, Resampling::cubic})
        EXPECT_EQ(prepared(masked, method), prepared(plain, method)) << to_text(window);
    }
    EXPECT_EQ(all.decompressions(), kMasks + 3 * kClear) << pixels << " px, halo " << halo;
    EXPECT_EQ(seen.decompressions(), kMasks + kClear + kHalf) << pixels << " px, halo " << halo;
  }
}

}  // namespace
}  // namespace millesime
