// Files on other grids than the tile, window by window.

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/series_reader.h"
#include "tests/support/muscate_product.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using testing::MuscateProduct;
using testing::temp_dir;
using testing::write_product;

// The file of B2 lies on pixels that do not begin where the tile's do, or in the neighbouring UTM zone, where it is turned by 3 degrees.
TEST(SeriesReader, NoBlockOfAFileOnAnotherGridIsDecompressedTwice) {
  for (const bool other_zone : {false, true}) {
    const std::string root = temp_dir();
    MuscateProduct product;
    product.grid = {"EPSG:32631", 300000, 4900020, 10, 10, 300, 200};
    product.bands = {"B2"}, product.block = 32;
    write_product(root, product);
    SourceCensus taken =
        make_sensor("sentinel2_theia")->take_census(root, "T31TCJ", {"B2"}, Date::from_ymd(2018, 1, 1), Date::from_ymd(2018, 12, 31));
    const CoordinateTransform to_zone("EPSG:32631", "EPSG:32630");
    const Box box = other_zone ? to_zone(product.grid.extent()) : Box{299930, 4897990, 303030, 4900070};
    const int size = other_zone ? 7 : 10;  // m
    const Grid grid{other_zone ? "EPSG:32630" : "EPSG:32631",
                    box.min_x,
                    box.max_y,
                    double(size),
                    double(size),
                    static_cast<int>((box.max_x - box.min_x) / size),
                    static_cast<int>((box.max_y - box.min_y) / size)};
    Raster<std::int16_t> image(grid);
    for (std::size_t i = 0; i < image.samples.size(); ++i) image.samples[i] = static_cast<std::int16_t>(i * 2654435761U % 9000);
    Product& pass = taken.acquisitions.front().passes.front();
    Layer& layer = pass.layers.at("B2");
    layer.grid = grid;
    RasterOptions options;
    options.block = 16;
    write_raster(pass.file_of(layer), image, options);
    const auto read = [&](std::int64_t pixels, std::int64_t bytes, std::int64_t& decompressed) {
      SeriesReader reader(taken, {"B2"}, 1);
      reader.keep_within(bytes);
      std::vector<std::int16_t> tile(static_cast<std::size_t>(product.grid.pixels()));
      for (const Window& window : reader.windows(pixels, pixels)) {
        const Series series = reader.read(window);
        for (int row = 0; row < window.height; ++row)
          std::copy_n(series.groups[0].samples.data() + std::int64_t{row} * window.width, window.width,
                      tile.data() + std::int64_t{window.row + row} * product.grid.cols + window.col);
      }
      decompressed = reader.decompressions();
      return tile;
    };
    std::int64_t once = 0, kept = 0, again = 0;
    const auto whole = read(product.grid.pixels(), 1 << 20, once);
    for (const std::int64_t pixels : {1024, 4096, 20000}) {
      EXPECT_EQ(read(pixels, 1 << 20, kept), whole) << pixels;
      // Blocks in the corners of a turned file are of the window that is the whole tile only.
      EXPECT_LE(kept, once) << pixels << (other_zone ? " px, other zone" : " px, shifted");
      EXPECT_GT(kept, once * 8 / 10) << pixels;
      EXPECT_EQ(read(pixels, 0, again), whole) << pixels;
      EXPECT_GT(again, once) << pixels;  // without memory for them
    }
  }
}

}  // namespace
}  // namespace millesime
