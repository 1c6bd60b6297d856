#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <random>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/series_reader.h"
#include "tests/support/message_of.h"
#include "tests/support/muscate_product.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using testing::message_of;
namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MuscateProduct;
using testing::Storage;
using testing::temp_dir;
using testing::write_product;

SourceCensus census_of(const std::string& root, const std::vector<std::string>& bands) {
  return make_sensor("sentinel2_theia")->take_census(root, "T31TCJ", bands, Date::from_ymd(2018, 1, 1), Date::from_ymd(2018, 12, 31));
}

// Value of a group pixel that encodes its position in its file.
std::int16_t position(const std::string&, int col, int row) { return static_cast<std::int16_t>(100 * row + col); }

TEST(SeriesReader, GivesEveryBandInItsResolution) {
  const std::string root = temp_dir();
  for (const char* date : {"20180601", "20180511"}) {
    MuscateProduct product;
    product.date = date;
    product.value = position;
    product.mask = [](const std::string& mask, int col, int) { return static_cast<std::uint8_t>(mask == "CLM" ? col : 0); };
    write_product(root, product);
  }
  const SeriesReader reader(census_of(root, {"B5", "B2", "B11", "B3"}), {"B5", "B2", "B11"});
  const Window window{10, 8, 6, 5};
  const Series series = reader.read(window);
  EXPECT_EQ(series.window, window);
  EXPECT_THAT(series.bands, ElementsAre("B5", "B2", "B11"));
  EXPECT_EQ(series.dates[0].iso(), "2018-05-11");
  EXPECT_EQ(series.n_dates(), 2);
  EXPECT_EQ(series.n_masks(), 3);
  EXPECT_EQ(series.mask_rules[0][0], 0);
  EXPECT_EQ(series.mask_rules[0][1], 1);
  EXPECT_EQ(series.masks[0], 10);  // CLM, first pixel
  EXPECT_EQ(series.masks.size(), 2u * 3 * 30);

  ASSERT_EQ(series.groups.size(), 2u);
  const BandGroup& coarse = series.groups[0];
  const BandGroup& fine = series.groups[1];
  EXPECT_THAT(coarse.bands, ElementsAre(0, 2));
  EXPECT_THAT(fine.bands, ElementsAre(1));
  EXPECT_EQ(fine.col_scale, 1);
  EXPECT_EQ(fine.col_offset, 0);
  EXPECT_EQ(fine.samples[0], 100 * 8 + 10);
  EXPECT_EQ(coarse.col_scale, 0.5);
  // The centre of 10 m pixel c lies at 20 m position c / 2 - 1 / 4; the group starts two pixels before the first that is needed.
  const int first_col = coarse.samples[0] % 100, first_row = coarse.samples[0] / 100;
  EXPECT_EQ(first_col, 4 - 2);
  EXPECT_EQ(first_row, 3 - 2);
  EXPECT_EQ(coarse.col_offset, 10 * 0.5 - 0.25 - first_col);
  EXPECT_EQ(coarse.row_offset, 8 * 0.5 - 0.25 - first_row);
  EXPECT_GE(reader.bytes_per_pixel(), 2 * (3 + 2 + 1));
}

// The same reflectances in whatever type and encoding a file may hold them.
TEST(SeriesReader, BringsEveryPixelTypeToTheUnit) {
  const auto samples_of = [](const std::optional<testing::StoredAs>& storage) {
    const std::string root = temp_dir();
    fs::remove_all(root + "/T31TCJ");
    MuscateProduct product;
    product.bands = {"B2", "B5"};
    product.value = [](const std::string&, int col, int row) {
      return static_cast<std::int16_t>((col + row) % 5 == 0 ? -10000 : 37 * col + 113 * row);
    };
    const std::string folder = write_product(root, product);
    if (storage) testing::store_bands(folder, *storage);
    const Series series = SeriesReader(census_of(root, {"B2", "B5"}), {"B2", "B5"}).read(product.grid.whole());
    std::vector<std::int16_t> all;
    for (const BandGroup& group : series.groups) all.insert(all.end(), group.samples.begin(), group.samples.end());
    return all;
  };
  const double nan = std::nan("");
  const auto with_nodata = [](double nodata, double factor = 1, double offset = 0) {
    return [=](std::int16_t v) { return v == -10000 ? nodata : v * factor + offset; };
  };
  const std::vector<std::int16_t> expected = samples_of(std::nullopt);
  EXPECT_GT(std::ranges::count(expected, kNodata), 50);
  for (const testing::StoredAs& storage : {testing::StoredAs{"Float32", with_nodata(-10000), -10000},
                                           {"Float32", with_nodata(nan), nan},
                                           {"Float32", with_nodata(nan), std::nullopt},
                                           {"Float64", with_nodata(-9999), -9999},
                                           {"Float32", with_nodata(-1, 0.0001), -1, 10000},
                                           {"Float32", with_nodata(nan, 0.01), std::nullopt, 100},
                                           {"Int16", with_nodata(-10000), std::nullopt},
                                           {"Int16", with_nodata(-32768), -32768},
                                           {"Int16", with_nodata(-10000), -10000, 0.0001},
                                           {"UInt16", with_nodata(65535), 65535},
                                           {"UInt16", with_nodata(0, 1, 1000), 0, 0.0001, -0.1},
                                           {"Int32", with_nodata(-2147483648.0), -2147483648.0},
                                           {"Int32", with_nodata(-2147483648.0), std::nullopt}})
    EXPECT_EQ(samples_of(storage), expected) << storage.type << ", scale " << storage.scale << ", no data " << storage.nodata.value_or(0);
}

// Real products: pixels of 9.9948 x 9.9974 m, and 50 x 50 pixels of 20 m under 100 x 101 of 10 m.
TEST(SeriesReader, TakesTheGeometryFromTheFiles) {
  const std::string root = temp_dir();
  MuscateProduct product;
  product.grid = {"EPSG:32633", 465181.052231820416637, 5080254.633496410213411, 9.994792220071540, 9.997448467363668, 100, 101};
  product.value = position;
  write_product(root, product);
  const SeriesReader reader(census_of(root, {"B2", "B12"}), {"B2", "B12"});
  const Series last = reader.read({98, 100, 2, 1});
  const BandGroup& coarse = last.groups.at(1);
  EXPECT_EQ(coarse.col_scale, 0.5);
  EXPECT_EQ(coarse.samples.back(), 100 * 49 + 49);
  EXPECT_EQ(coarse.row_offset + coarse.samples[0] / 100, 100 * 0.5 - 0.25);  // 49.75, beyond the last pixel
}

TEST(SeriesReader, WindowsAgreeWithTheWhole) {
  const std::string root = temp_dir();
  std::mt19937 random(7);
  MuscateProduct product;
  product.grid.cols = 61;
  product.grid.rows = 47;
  for (const char* time : {"105804-037", "110000-000", "111111-111"}) {
    product.time = time;
    product.value = [&](const std::string&, int, int) { return static_cast<std::int16_t>(random() % 4 == 0 ? -10000 : random() % 1000); };
    product.mask = [&](const std::string&, int, int) { return static_cast<std::uint8_t>(random() % 3 == 0); };
    write_product(root, product);
  }
  const SourceCensus reader_census = census_of(root, {"B2", "B5"});
  const SeriesReader reader(reader_census, {"B2", "B5"});
  const Series whole = reader.read(reader.grid().whole());
  const SeriesReader masks_reader(reader_census, {});
  const std::vector<std::uint8_t> coverage = masks_reader.coverage(masks_reader.read(reader.grid().whole()));
  for (const Window& window : split(reader.grid().whole(), 13, 11, 1)) {
    const Series part = reader.read(window);
    const std::vector<std::uint8_t> part_coverage = masks_reader.coverage(masks_reader.read(window));
    std::size_t i = 0;
    for (int row = window.row; row < window.row + window.height; ++row)
      for (int col = window.col; col < window.col + window.width; ++col, ++i) {
        const auto pixel = static_cast<std::size_t>(row * 61 + col);
        ASSERT_EQ(part.groups[0].samples[i], whole.groups[0].samples[pixel]);
        ASSERT_EQ(part_coverage[i], coverage[pixel]);
        for (std::size_t plane = 0; plane < 3; ++plane)
          ASSERT_EQ(part.masks[plane * static_cast<std::size_t>(window.pixels()) + i], whole.masks[plane * 61 * 47 + pixel]);
      }
    const BandGroup& group = part.groups[1];
    const int first_col = static_cast<int>(window.col * 0.5 - 0.25 - group.col_offset),
              first_row = static_cast<int>(window.row * 0.5 - 0.25 - group.row_offset);
    for (int row = 0; row < group.rows; ++row)
      for (int col = 0; col < group.cols; ++col)
        ASSERT_EQ(group.samples[static_cast<std::size_t>(row * group.cols + col)],
                  whole.groups[1].samples[static_cast<std::size_t>((first_row + row) * 30 + first_col + col)]);
  }
}

TEST(SeriesReader, TheSecondPassFillsWhereTheFirstHasNoImage) {
  const std::string root = temp_dir();
  MuscateProduct west, east;  // the first covers columns 0..11, the second 8..23
  west.value = [](const std::string& band, int col, int) {
    return static_cast<std::int16_t>(col < (testing::is_10m(band) ? 12 : 6) ? 1 : -10000);
  };
  west.mask = [](const std::string& mask, int col, int) {
    return static_cast<std::uint8_t>(mask == "EDG" ? col >= 12 : mask == "CLM" ? 4 : 0);
  };
  east.time = "111111-111";
  east.value = [](const std::string&, int, int) { return std::int16_t{2}; };
  east.mask = [](const std::string& mask, int col, int) {
    return static_cast<std::uint8_t>(mask == "EDG" ? col < 8 : mask == "CLM" ? 8 : 0);
  };
  write_product(root, west);
  write_product(root, east);
  const SourceCensus both = census_of(root, {"B2", "B5"});
  const SeriesReader reader(both, {"B2", "B5"});
  const Series series = reader.read(reader.grid().whole());
  ASSERT_EQ(series.n_dates(), 1);
  EXPECT_EQ(series.groups[0].samples[11], 1);
  EXPECT_EQ(series.groups[0].samples[12], 2);
  EXPECT_EQ(series.groups[1].samples[5], 1);
  EXPECT_EQ(series.groups[1].samples[6], 2);
  EXPECT_EQ(series.masks[11], 4);
  EXPECT_EQ(series.masks[12], 8);
  const std::size_t edge = 2 * 24 * 20;
  EXPECT_EQ(series.masks[edge + 12], 0);
  const SeriesReader masks_reader(both, {});
  const auto coverage = masks_reader.coverage(masks_reader.read(reader.grid().whole()));
  EXPECT_EQ(std::ranges::count(coverage, 1), 24 * 20);
}

TEST(SeriesReader, NamesWhatIsWrong) {
  const std::string root = temp_dir();
  const std::string folder = write_product(root, MuscateProduct());
  const SourceCensus taken = census_of(root, {"B2", "B5"});
  EXPECT_THAT(message_of([&] {
                SeriesReader(taken, {"B2", "B8"});
              }),
              HasSubstr("tile T31TCJ: band B8 is requested, but its census has B2, B5"));
  const SeriesReader reader(taken, {"B2", "B5"});
  fs::remove(folder + "/MASKS/" + MuscateProduct().name() + "_CLM_R1.tif");
  EXPECT_THAT(message_of([&] {
                reader.read({0, 0, 4, 4});
              }),
              HasSubstr("tile T31TCJ, 2018-05-11, SENTINEL2A_20180511-105804-037_L2A_T31TCJ_D_V1-7: "));
  SourceCensus empty = taken;
  empty.acquisitions.clear();
  EXPECT_THAT(message_of([&] { SeriesReader(empty, {"B2"}); }), HasSubstr("no acquisition"));
  EXPECT_THROW(reader.read({20, 0, 10, 4}), Bug);
}

TEST(SeriesReader, NoticesAFileThatWasReplaced) {
  const std::string root = temp_dir();
  const MuscateProduct product;
  write_product(root, product);
  const SourceCensus taken = census_of(root, {"B2", "B5"});
  require_unchanged(taken);
  const std::string band = taken.files.front().path;
  const auto time = fs::last_write_time(band);
  fs::last_write_time(band, time + std::chrono::nanoseconds(1000));
  EXPECT_THAT(message_of([&] { require_unchanged(taken); }), HasSubstr(band + " was replaced or removed since the census"));
  fs::last_write_time(band, time);
  require_unchanged(taken);
  fs::remove(band);
  EXPECT_THAT(message_of([&] { require_unchanged(taken); }), HasSubstr(band));
}

// Every way in which files may be stored: tile, strips, JPEG 2000, in a zip; blocks of other shapes in the 20 m bands, none that fits the
// tile.
struct Layout {
  const char* name;
  Storage storage;
  int block;
  bool zipped;
};

class SeriesReaderLayout : public ::testing::TestWithParam<Layout> {};

std::string world_of(const Layout& layout, int passes) {
  const std::string root = temp_dir();
  std::mt19937 random(11);
  MuscateProduct product;
  product.grid.cols = 141, product.grid.rows = 90;
  product.bands = {"B2", "B5", "B11"};
  product.storage = layout.storage, product.block = layout.block;
  product.value = [&](const std::string&, int, int) { return static_cast<std::int16_t>(random() % 9 == 0 ? -10000 : random() % 4000); };
  product.mask = [&](const std::string&, int, int) { return static_cast<std::uint8_t>(random() % 4 == 0); };
  for (const char* date : {"20180511", "20180601"})
    for (int pass = 0; pass < passes; ++pass) {
      product.date = date, product.time = pass == 0 ? "105804-037" : "111111-111";
      const std::string folder = write_product(root, product);
      if (layout.zipped) testing::zip_product(folder);
    }
  return root;
}

std::int64_t blocks_of(const SourceCensus& taken) {
  std::int64_t blocks = 0;
  for (const Acquisition& acquisition : taken.acquisitions)
    for (const Product& pass : acquisition.passes)
      for (const auto& [name, layer] : pass.layers) {
        const RasterInfo info = RasterReader(pass.file_of(layer)).info();
        blocks += std::int64_t{(info.grid.cols + info.block_width - 1) / info.block_width} *
                  ((info.grid.rows + info.block_height - 1) / info.block_height);
      }
  return blocks;
}

TEST_P(SeriesReaderLayout, NoBlockIsDecompressedTwice) {
  const std::vector<std::string> bands = {"B2", "B5", "B11"};
  for (const int passes : {1, 2}) {
    const SourceCensus taken = census_of(world_of(GetParam(), passes), bands);
    const std::int64_t blocks = blocks_of(taken);
    for (const auto& [pixels, threads] : {std::pair(1, 1), std::pair(12000, 2)}) {
      const SeriesReader reader(taken, bands, threads);
      const auto windows = reader.windows(pixels, 1000000);
      EXPECT_EQ(reader.rereading(windows.front()), "");
      std::int64_t covered = 0;
      for (const Window& window : windows) {
        reader.read(window);
        covered += window.pixels();
      }
      EXPECT_EQ(covered, reader.grid().pixels());
      EXPECT_EQ(reader.decompressions(), blocks) << pixels << " px, " << threads << " threads, " << passes << " passes";
      EXPECT_EQ(reader.decompressed_again(), "");
    }
  }
}

TEST_P(SeriesReaderLayout, AnyOrderOfWindowsGivesTheSame) {
  const std::vector<std::string> bands = {"B2", "B5", "B11"};
  const SourceCensus taken = census_of(world_of(GetParam(), 2), bands);
  const SeriesReader in_order(taken, bands, 2), shuffled(taken, bands);
  auto windows = in_order.windows(5000, 5000);
  std::map<std::pair<int, int>, Series> expected;
  for (const Window& window : windows) expected[{window.row, window.col}] = in_order.read(window);
  std::shuffle(windows.begin(), windows.end(), std::mt19937(3));
  for (const Window& window : windows) {
    const Series found = shuffled.read(window), &same = expected.at({window.row, window.col});
    ASSERT_EQ(found.masks, same.masks);
    for (std::size_t g = 0; g < found.groups.size(); ++g) ASSERT_EQ(found.groups[g].samples, same.groups[g].samples);
  }
}

INSTANTIATE_TEST_SUITE_P(Storage, SeriesReaderLayout,
                         ::testing::Values(Layout{"tiles", Storage::tiles, 32, false}, Layout{"lines", Storage::strips, 1, false},
                                           Layout{"strips", Storage::strips, 7, false}, Layout{"whole", Storage::strips, 500, false},
                                           Layout{"zip", Storage::tiles, 16, true}, Layout{"jpeg2000", Storage::jpeg2000, 64, false},
                                           Layout{"jpeg2000_zip", Storage::jpeg2000, 128, true},
                                           Layout{"jpeg2000_one_tile", Storage::jpeg2000, 256, false}),
                         [](const auto& layout) { return layout.param.name; });

TEST(SeriesReader, SaysHowOftenBlocksAreDecompressed) {
  const std::string root = temp_dir();
  const MuscateProduct product;
  write_product(root, product);
  const SeriesReader reader(census_of(root, {"B2", "B5"}), {"B2", "B5"});
  EXPECT_EQ(reader.rereading(reader.grid().whole()), "");
  // Memory for a quarter of the only block.
  const auto windows = reader.windows(120, 120);
  EXPECT_GE(windows.size(), 4u);
  EXPECT_THAT(reader.rereading(windows.front()), HasSubstr("is decompressed"));
  for (const Window& window : windows) reader.read(window);
  EXPECT_THAT(reader.decompressed_again(), HasSubstr("were decompressed twice"));
}

TEST_P(SeriesReaderLayout, BlocksThatAreLargerThanTheMemoryAreAnErrorThatSaysHowMuchWouldDo) {
  const std::vector<std::string> bands = {"B2", "B5", "B11"};
  const SeriesReader reader(census_of(world_of(GetParam(), 1), bands), bands, 2);
  const std::int64_t per_pixel = reader.bytes_per_pixel();
  const std::string text = message_of([&] { reader.pixels_within(reader.bytes_kept(), 2, per_pixel); });
  EXPECT_THAT(text, AllOf(HasSubstr("T31TCJ"), HasSubstr("--threads"), HasSubstr("gdal_translate")));
  std::smatch wanted;
  ASSERT_TRUE(std::regex_search(text, wanted, std::regex("--memory ([0-9]+)MiB"))) << text;
  EXPECT_GE(reader.pixels_within(std::stoll(wanted[1]) << 20, 2, per_pixel), 256);
  EXPECT_EQ(reader.pixels_within(2 * (reader.bytes_kept() + 5000 * per_pixel), 2, per_pixel), 5000);
}

TEST(SeriesReader, ReadsRealProducts) {
  const std::string slovenia = testing::real_data("eolearn_s2_slovenia/derived_muscate_L1C_pixels");
  if (slovenia.empty()) GTEST_SKIP() << "the real data are absent (set MILLESIME_REAL_DATA to their folder)";
  const SourceCensus taken =
      make_sensor("sentinel2_theia")->take_census(slovenia, "T33TVL", {}, Date::from_ymd(2015, 1, 1), Date::from_ymd(2015, 12, 31));
  const SeriesReader reader(taken, taken.bands);
  const Series series = reader.read(reader.grid().whole());
  ASSERT_EQ(series.groups.size(), 2u);
  EXPECT_EQ(series.groups[0].bands.size(), 4u);
  EXPECT_EQ(series.groups[1].bands.size(), 6u);
  EXPECT_EQ(series.groups[1].cols, 50);
  EXPECT_EQ(series.groups[1].rows, 50);
  EXPECT_EQ(series.groups[1].row_scale, 0.5);
  // PROVENANCE of the data: the scenes of 31 July and 20 August are wholly cloudy, the others clear.
  const auto cloudy = [&](std::size_t date) {
    return std::count_if(series.masks.begin() + static_cast<std::ptrdiff_t>(date * 3 * 10100),
                         series.masks.begin() + static_cast<std::ptrdiff_t>(date * 3 * 10100 + 10100), [](int v) { return v != 0; });
  };
  EXPECT_EQ(cloudy(1), 10100);
  EXPECT_EQ(cloudy(2), 10100);
  EXPECT_EQ(cloudy(4), 0);
}

}  // namespace
}  // namespace millesime
