#include "pipeline/io/raster_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include <cpl_string.h>
#include <gdal.h>
#include <gdal_priv.h>
#include <gdal_rat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/sha256.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using testing::message_of;
namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::temp_dir;

Grid utm(int cols, int rows) { return {"EPSG:32631", 300000, 4900020, 10, 10, cols, rows}; }

template <class T>
Raster<T> noise(const Grid& grid, int seed) {
  Raster<T> raster(grid);
  std::mt19937 random(static_cast<unsigned>(seed));
  for (T& sample : raster.samples) sample = static_cast<T>(random() % 24);
  return raster;
}

template <class T>
void write_part(RasterWriter& writer, const Raster<T>& raster, const Window& window, int band) {
  std::vector<T> samples;
  for (int row = window.row; row < window.row + window.height; ++row)
    for (int col = window.col; col < window.col + window.width; ++col) samples.push_back(raster.at(col, row));
  writer.write(window, band, samples.data());
}

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

Nomenclature three_classes() {
  Nomenclature nomenclature;
  nomenclature.name = "three";
  nomenclature.classes = {{1, "bâti dense", "dense built-up", {255, 0, 255}, "", 0},
                          {5, "colza", "rapeseed", {255, 255, 0}, "", 0},
                          {23, "glaciers", "glaciers", {166, 230, 204}, "", 0}};
  return nomenclature;
}

TEST(RasterFile, KeepsEveryTypeAndItsGrid) {
  const std::string file = temp_dir() + "/values.tif";
  const Grid grid{"EPSG:32633", 465181.0522, 5080254.6335, 9.994792220071540, 9.997448467363668, 100, 101};
  const auto check = [&]<class T>(T low, T high) {
    Raster<T> raster = noise<T>(grid, 3);
    raster.at(0, 0) = low;
    raster.at(99, 100) = high;
    RasterOptions options;
    options.nodata = 7;
    write_raster(file, raster, options);
    const RasterReader reader(file);
    EXPECT_EQ(reader.grid().crs, "EPSG:32633");
    EXPECT_TRUE(reader.grid().same_as(grid)) << to_text(reader.grid());
    EXPECT_EQ(reader.info().nodata, 7);
    EXPECT_EQ(reader.read_all<T>().samples, raster.samples);
  };
  check(std::uint8_t{0}, std::uint8_t{255});
  check(std::uint16_t{0}, std::uint16_t{65535});
  check(std::int16_t{-32768}, std::int16_t{32767});
  check(std::int32_t{-2147483647}, std::int32_t{2147483647});
  check(-1.5f, 1e30f);
}

TEST(RasterFile, ReadsWindowsAndSaturates) {
  const std::string file = temp_dir() + "/values.tif";
  Raster<std::int16_t> raster = noise<std::int16_t>(utm(70, 40), 1);
  raster.at(60, 30) = -10000;
  raster.at(61, 30) = 3000;
  write_raster(file, raster, {});
  std::vector<std::uint8_t> window(4 * 3);
  RasterReader(file).read({60, 30, 4, 3}, 0, window.data());
  EXPECT_EQ(window[0], 0);
  EXPECT_EQ(window[1], 255);
  EXPECT_EQ(window[11], raster.at(63, 32));
  EXPECT_THROW(RasterReader(file).read({68, 0, 4, 3}, 0, window.data()), Bug);
}

TEST(RasterFile, BytesDoNotDependOnTheOrderOfWindows) {
  const std::string folder = temp_dir();
  const Grid grid = utm(203, 150);
  const std::vector<Raster<std::uint16_t>> bands = {noise<std::uint16_t>(grid, 1), noise<std::uint16_t>(grid, 2),
                                                    noise<std::uint16_t>(grid, 3)};
  RasterOptions options;
  options.block = 32;
  std::string expected;
  for (int attempt = 0; attempt < 6; ++attempt) {
    const int width = attempt == 0 ? 203 : 17 + 9 * attempt, height = attempt == 0 ? 32 : 40 - 5 * attempt;
    std::vector<std::pair<Window, int>> work;
    for (const Window& window : split(grid.whole(), width, height, 1))
      for (int band = 0; band < 3; ++band) work.emplace_back(window, band);
    std::mt19937 random(static_cast<unsigned>(attempt));
    if (attempt > 0) std::ranges::shuffle(work, random);
    const std::string file = folder + "/order.tif";
    RasterWriter writer(file, grid, PixelType::u16, 3, options);
    for (const auto& [window, band] : work) write_part(writer, bands[static_cast<std::size_t>(band)], window, band);
    writer.commit();
    for (int band = 0; band < 3; ++band)
      EXPECT_EQ(RasterReader(file).read_all<std::uint16_t>(band).samples, bands[static_cast<std::size_t>(band)].samples);
    if (attempt == 0) expected = read_text(file);
    EXPECT_TRUE(read_text(file) == expected) << "attempt " << attempt;
  }
}

// More blocks wait than fit into memory.
TEST(RasterFile, UsesAScratchFileForWhatWaits) {
  const std::string folder = temp_dir();
  const Grid grid = utm(5000, 4000);  // 80 MB of int32
  Raster<std::int32_t> raster(grid);
  for (std::size_t i = 0; i < raster.samples.size(); ++i) raster.samples[i] = static_cast<std::int32_t>(i / 64);
  write_raster(folder + "/straight.tif", raster, {});
  RasterWriter writer(folder + "/reversed.tif", grid, PixelType::i32, 1, {});
  std::vector<Window> windows = split(grid.whole(), 700, 600, 1);
  std::ranges::reverse(windows);
  for (const Window& window : windows) write_part(writer, raster, window, 0);
  writer.commit();
  EXPECT_TRUE(read_text(folder + "/straight.tif") == read_text(folder + "/reversed.tif"));
  EXPECT_THAT(files_in(folder), ::testing::ElementsAre("reversed.tif", "straight.tif"));
}

TEST(RasterFile, FillsWhatIsNeverWritten) {
  const std::string file = temp_dir() + "/gaps.tif";
  RasterOptions options;
  options.nodata = -10000;
  options.block = 16;
  RasterWriter writer(file, utm(40, 40), PixelType::i16, 1, options);
  const std::int16_t value = 5;
  writer.write({20, 20, 1, 1}, 0, &value);
  writer.commit();
  const auto raster = RasterReader(file).read_all<std::int16_t>();
  EXPECT_EQ(raster.at(20, 20), 5);
  EXPECT_EQ(raster.at(19, 20), -10000);
  EXPECT_EQ(raster.at(39, 39), -10000);
}

TEST(RasterFile, RefusesAPixelTwice) {
  RasterWriter writer(temp_dir() + "/twice.tif", utm(40, 40), PixelType::i16, 1, {});
  const std::int16_t value = 5;
  writer.write({20, 20, 1, 1}, 0, &value);
  std::vector<std::int16_t> all(1600);
  EXPECT_THROW(writer.write({0, 0, 40, 40}, 0, all.data()), Bug);
}

TEST(RasterFile, UncommittedLeavesNothing) {
  const std::string folder = temp_dir();
  {
    RasterWriter writer(folder + "/never.tif", utm(40, 40), PixelType::u8, 1, {});
    std::vector<std::uint8_t> some(40 * 16);
    writer.write({0, 0, 40, 16}, 0, some.data());
  }
  EXPECT_THAT(files_in(folder), ::testing::IsEmpty());
}

TEST(RasterFile, FullDiskKeepsTheOldFile) {
  const std::string folder = temp_dir(), file = folder + "/map.tif";
  Raster<std::uint8_t> raster(utm(600, 600));
  write_raster(file, raster, {});
  const std::string before = read_text(file);
  std::mt19937 random(1);
  for (auto& sample : raster.samples) sample = static_cast<std::uint8_t>(random());
  for (const rlim_t limit : {rlim_t{100}, rlim_t{5000}, rlim_t{150000}, rlim_t{300000}}) {
    std::string message, cog_message;
    {
      const testing::FileSizeLimit full(limit);
      message = message_of([&] { write_raster(file, raster, {}); });
      cog_message = message_of([&] { write_cog(file, folder + "/cog.tif", {}); });
    }
    EXPECT_THAT(message, HasSubstr("map.tif: cannot be written; is the disk full?")) << limit;
    if (limit == 100) {
      EXPECT_THAT(cog_message, HasSubstr("cog.tif: cannot be written; is the disk full?"));
    }
    EXPECT_TRUE(read_text(file) == before);
    fs::remove(folder + "/cog.tif");
    EXPECT_THAT(files_in(folder), ::testing::ElementsAre("map.tif"));
  }
}

TEST(RasterFile, AByteThatChangedOnItsWayIsFoundAndTheOldFileStays) {
  const std::string folder = temp_dir(), path = folder + "/map.tif";
  write_text(path, "the old file");
  RasterOptions options;
  options.compression = "NONE";
  options.block = 128;
  RasterWriter writer(path, utm(1024, 512), PixelType::u8, 1, options);
  writer.write({0, 0, 1024, 512}, 0, std::vector<std::uint8_t>(1024 * 512, 7).data());
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename() == "map.tif") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100000);
    file.put(8);
  }
  EXPECT_THAT(message_of([&] { writer.commit(); }),
              ::testing::AllOf(HasSubstr("map.tif: band 1, window"), HasSubstr("the data read back differ from the written data")));
  EXPECT_EQ(read_text(path), "the old file");
}

// By all calls of this process.
std::int64_t bytes_read() {
  std::ifstream counters("/proc/self/io");
  std::string name;
  for (std::int64_t value = 0; counters >> name >> value;)
    if (name == "rchar:") return value;
  return -1;
}

TEST(RasterFile, WhatWasWrittenIsReadOnceForTheComparisonAndForAllChecksums) {
  const std::string folder = temp_dir(), path = folder + "/map.tif", cog = folder + "/cog.tif";
  const Raster<std::uint8_t> map = noise<std::uint8_t>(utm(4096, 3072), 11);
  RasterWriter writer(path, map.grid, PixelType::u8, 1, {});
  writer.write(map.grid.whole(), 0, map.samples.data());
  std::int64_t before = bytes_read();
  if (before < 0) GTEST_SKIP() << "this system does not count what a process reads (/proc/self/io)";
  writer.commit();
  const Fingerprint found = fingerprint(path);
  const auto bytes = static_cast<std::int64_t>(found.bytes);
  EXPECT_GE(bytes_read() - before, bytes);
  EXPECT_LE(bytes_read() - before, bytes + bytes / 20);
  EXPECT_EQ(found.xxh3, xxh3_of_file(path));

  write_cog(path, cog, {.classes = true, .band_names = {}});
  before = bytes_read();
  const Fingerprint of_cog = fingerprint(cog);
  const ReadBackSums sums = read_back_of(cog);
  EXPECT_LE(bytes_read() - before, 4096);
  EXPECT_EQ(of_cog.xxh3, xxh3_of_file(cog));
  EXPECT_EQ(sums.sha256, sha256_of_file(cog));
}

TEST(RasterFile, NamesWhatIsWrong) {
  const std::string folder = temp_dir();
  EXPECT_THAT(message_of([&] { RasterReader(folder + "/none.tif"); }), HasSubstr("none.tif: cannot be opened as an image. GDAL says: "));
  std::ofstream(folder + "/empty.tif").close();
  EXPECT_THAT(message_of([&] { RasterReader(folder + "/empty.tif"); }), HasSubstr("empty.tif: cannot be opened"));
  write_raster(folder + "/good.tif", noise<std::uint8_t>(utm(600, 600), 1), {});
  const std::string bytes = read_text(folder + "/good.tif");
  std::ofstream(folder + "/cut.tif", std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  EXPECT_THAT(message_of([&] { RasterReader(folder + "/cut.tif").read_all<std::uint8_t>(); }), HasSubstr("cut.tif"));
  EXPECT_THAT(message_of([&] { RasterReader(folder + "/cut.tif").read_all<std::uint8_t>(); }), HasSubstr("GDAL says: "));
  GDALAllRegister();  // a variable without a place cannot be edited as a file can
  if (GDALGetDriverByName("HDF5Image") && GDALGetDriverByName("netCDF")) {
    GDALDatasetH plain = GDALCreate(GDALGetDriverByName("MEM"), "", 4, 3, 1, GDT_Float32, nullptr);
    CPLStringList options;
    options.SetNameValue("FORMAT", "NC4");
    GDALClose(GDALCreateCopy(GDALGetDriverByName("netCDF"), (folder + "/clim.h5").c_str(), plain, FALSE, options.List(), nullptr, nullptr));
    GDALClose(plain);
    EXPECT_THAT(message_of([&] { RasterReader("HDF5:\"" + folder + "/clim.h5\"://Band1"); }),
                AllOf(HasSubstr("has no georeference; use a VRT that has one"), HasSubstr("NETCDF:\"" + folder + "/clim.h5\":Band1")));
  }
  for (const char* name : {"x.jpg", "x.PNG", "x.gpkg"}) {
    EXPECT_THAT(message_of([&] { write_raster(folder + "/" + name, noise<std::uint8_t>(utm(6, 6), 1), {}); }), HasSubstr("ends in .tif"));
    EXPECT_FALSE(std::filesystem::exists(folder + "/" + name));
  }
  write_raster(folder + "/map.2021", noise<std::uint8_t>(utm(6, 6), 1), {});
  EXPECT_THAT(message_of([&] { write_raster(folder + "/good.tif/x.tif", noise<std::uint8_t>(utm(6, 6), 1), {}); }), HasSubstr("good.tif"));
}

TEST(RasterFile, DriversCanBeRestricted) {
  const std::string folder = temp_dir();
  write_raster(folder + "/real.tif", noise<std::uint8_t>(utm(20, 20), 1), {});
  write_text(folder + "/disguised.tif",
             "<VRTDataset rasterXSize=\"20\" rasterYSize=\"20\"><SRS>EPSG:32631</SRS><GeoTransform>0,10,0,0,0,-10</GeoTransform>"
             "<VRTRasterBand dataType=\"Byte\" band=\"1\"><SimpleSource><SourceFilename>" +
                 folder + "/real.tif</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>");
  EXPECT_NO_THROW(RasterReader(folder + "/disguised.tif"));
  EXPECT_THROW(RasterReader(folder + "/disguised.tif", {"GTiff"}), UserError);
}

void expect_legend(const std::string& file) {
  GDALDataset* dataset = GDALDataset::Open(file.c_str());
  ASSERT_NE(dataset, nullptr);
  GDALRasterBand* band = dataset->GetRasterBand(1);
  EXPECT_EQ(band->GetNoDataValue(), 0);
  ASSERT_NE(band->GetColorTable(), nullptr);
  EXPECT_EQ(band->GetColorTable()->GetColorEntry(5)->c2, 255);
  EXPECT_EQ(band->GetColorTable()->GetColorEntry(0)->c4, 0);
  ASSERT_NE(band->GetCategoryNames(), nullptr);
  EXPECT_STREQ(band->GetCategoryNames()[1], "bâti dense");
  EXPECT_STREQ(band->GetCategoryNames()[23], "glaciers");
  ASSERT_NE(band->GetDefaultRAT(), nullptr);
  EXPECT_EQ(band->GetDefaultRAT()->GetRowCount(), 3);
  EXPECT_EQ(band->GetDefaultRAT()->GetValueAsInt(2, 0), 23);
  EXPECT_STREQ(band->GetDefaultRAT()->GetValueAsString(1, 1), "colza");
  delete dataset;
}

TEST(RasterFile, ClassMapsCarryTheirLegend) {
  const std::string folder = temp_dir();
  const Nomenclature nomenclature = three_classes();
  RasterOptions options;
  options.nomenclature = &nomenclature;
  write_raster(folder + "/map.tif", noise<std::uint8_t>(utm(300, 200), 1), options);
  expect_legend(folder + "/map.tif");
  CogOptions cog;
  cog.nomenclature = &nomenclature;
  write_cog(folder + "/map.tif", folder + "/cog.tif", cog);
  expect_legend(folder + "/cog.tif");
  EXPECT_THAT(files_in(folder), ::testing::ElementsAre("cog.tif", "cog.tif.aux.xml", "map.tif", "map.tif.aux.xml"));
}

TEST(Cog, OverviewsByModeOrAverageAndTheSameBytes) {
  const std::string folder = temp_dir();
  Raster<std::uint8_t> raster(utm(1500, 1200));
  for (int row = 0; row < 1200; ++row)
    for (int col = 0; col < 1500; ++col) raster.at(col, row) = (col % 2 == 0 && row % 2 == 0) ? 9 : 1;  // the mode is 1, the average 3
  write_raster(folder + "/map.tif", raster, {});
  CogOptions classes;
  classes.classes = true;
  write_cog(folder + "/map.tif", folder + "/mode.tif", classes);
  write_cog(folder + "/map.tif", folder + "/again.tif", classes);
  write_cog(folder + "/map.tif", folder + "/average.tif", {});
  EXPECT_TRUE(read_text(folder + "/mode.tif") == read_text(folder + "/again.tif"));
  const auto overview = [&](const std::string& name) {
    GDALDataset* dataset = GDALDataset::Open((folder + "/" + name).c_str());
    EXPECT_STREQ(dataset->GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE"), "COG");
    GDALRasterBand* band = dataset->GetRasterBand(1);
    EXPECT_GE(band->GetOverviewCount(), 1);
    std::uint8_t value = 0;
    EXPECT_EQ(band->GetOverview(0)->RasterIO(GF_Read, 100, 100, 1, 1, &value, 1, 1, GDT_Byte, 0, 0), CE_None);
    delete dataset;
    return int{value};
  };
  EXPECT_EQ(overview("mode.tif"), 1);
  EXPECT_EQ(overview("average.tif"), 3);
  EXPECT_EQ(RasterReader(folder + "/mode.tif").read_all<std::uint8_t>().samples, raster.samples);
}

}  // namespace
}  // namespace millesime
