// Blocks read past libtiff are bit for bit those of GDAL, in every layout; what is not plain is left to GDAL.

#include "pipeline/io/internal/tiff_blocks.h"

#include <filesystem>
#include <fstream>
#include <random>

#include <cpl_string.h>
#include <gdal.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using Options = std::vector<std::string>;

constexpr int kCols = 83, kRows = 45;  // not whole blocks, and not whole registers

// An image with small differences between neighbours, and jumps beyond the range of the type.
std::string make_image(const std::string& name, GDALDataType type, const Options& options, int bands = 1) {
  GDALAllRegister();
  const std::string file = testing::temp_dir() + "/" + name + ".tif";
  GDALDatasetH memory = GDALCreate(GDALGetDriverByName("MEM"), "", kCols, kRows, bands, type, nullptr);
  std::mt19937 random(7);
  for (int band = 1; band <= bands; ++band)
    for (int row = 0; row < kRows; ++row) {
      std::vector<double> values(kCols);
      for (int col = 0; col < kCols; ++col)
        values[static_cast<std::size_t>(col)] = random() % 9 == 0
                                                    ? (random() % 2 ? -10000 : 32767)
                                                    : 1000 + col * 7 + static_cast<int>(random() % 50) + (type == GDT_Float32 ? 0.37 : 0);
      EXPECT_EQ(GDALRasterIO(GDALGetRasterBand(memory, band), GF_Write, 0, row, kCols, 1, values.data(), kCols, 1, GDT_Float64, 0, 0),
                CE_None);
    }
  CPLStringList list;
  for (const std::string& option : options) list.AddString(option.c_str());
  GDALClose(GDALCreateCopy(GDALGetDriverByName("GTiff"), file.c_str(), memory, FALSE, list.List(), nullptr, nullptr));
  GDALClose(memory);
  return file;
}

struct Image {
  explicit Image(const std::string& file) : dataset(GDALOpen(file.c_str(), GA_ReadOnly)) {
    band = GDALGetRasterBand(dataset, 1);
    GDALGetBlockSize(band, &width, &height);
    bytes = GDALGetDataTypeSizeBytes(GDALGetRasterDataType(band));
    plain = TiffBlocks::open(file, kCols, kRows, width, height, bytes);
  }
  ~Image() { GDALClose(dataset); }
  GDALDatasetH dataset;
  GDALRasterBandH band;
  int width = 0, height = 0, bytes = 1;
  std::unique_ptr<TiffBlocks> plain;
};

// Compares the pixels of every block that lie in the image; returns how many blocks were read past GDAL.
int compare(const std::string& file) {
  Image image(file);
  if (!image.plain) return 0;
  int n = 0;
  for (int row = 0; row * image.height < kRows; ++row)
    for (int col = 0; col * image.width < kCols; ++col) {
      std::vector<char> expected(static_cast<std::size_t>(image.width * image.height * image.bytes)), found(expected.size());
      EXPECT_EQ(GDALReadBlock(image.band, col, row, expected.data()), CE_None);
      if (!image.plain->read(col, row, found.data())) continue;
      ++n;
      const auto inside = static_cast<std::size_t>(std::min(image.width, kCols - col * image.width) * image.bytes);
      for (int line = 0; line < std::min(image.height, kRows - row * image.height); ++line) {
        const auto at = static_cast<std::size_t>(line * image.width * image.bytes);
        EXPECT_EQ(std::string(expected.data() + at, inside), std::string(found.data() + at, inside))
            << file << " block " << col << " " << row;
      }
    }
  return n;
}

TEST(TiffBlocks, AreThoseOfGdalInEveryPlainLayout) {
  const std::vector<Options> compressions = {{},
                                             {"COMPRESS=DEFLATE"},
                                             {"COMPRESS=DEFLATE", "PREDICTOR=2"},
                                             {"COMPRESS=ZSTD"},
                                             {"COMPRESS=ZSTD", "PREDICTOR=2"},
                                             {"COMPRESS=DEFLATE", "PREDICTOR=3"}};
  const std::vector<std::pair<Options, int>> shapes = {
      {{"TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=16"}, 9}, {{"BLOCKYSIZE=7"}, 7}, {{"BLOCKYSIZE=1"}, kRows}};
  const std::vector<Options> orders = {{"ENDIANNESS=LITTLE"}, {"ENDIANNESS=BIG"}, {"BIGTIFF=YES"}, {"BIGTIFF=YES", "ENDIANNESS=BIG"}};
  int number = 0;
  for (const GDALDataType type : {GDT_Byte, GDT_UInt16, GDT_Int16, GDT_Float32})
    for (const Options& compression : compressions)
      for (const auto& [shape, blocks] : shapes)
        for (const Options& order : orders) {
          if (type != GDT_Float32 && compression == compressions.back()) continue;  // the predictor of floats
          Options all = compression;
          all.insert(all.end(), shape.begin(), shape.end());
          all.insert(all.end(), order.begin(), order.end());
          const std::string file = make_image("plain" + std::to_string(number++), type, all);
          EXPECT_EQ(compare(file), blocks) << file << " "
                                           << CPLSPrintf("%s %s %s", shape[0].c_str(), order[0].c_str(),
                                                         compression.empty() ? "" : compression.back().c_str());
          std::filesystem::remove(file);
        }
}

TEST(TiffBlocks, LeaveToGdalWhatIsNotPlain) {
  const Options tiled = {"TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=16"};
  const auto with = [&](const Options& more) {
    Options all = tiled;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  EXPECT_FALSE(Image(make_image("lzw", GDT_Int16, with({"COMPRESS=LZW"}))).plain);
  EXPECT_FALSE(Image(make_image("packbits", GDT_Byte, with({"COMPRESS=PACKBITS"}))).plain);
  EXPECT_FALSE(Image(make_image("double", GDT_Float64, with({"COMPRESS=DEFLATE", "PREDICTOR=3"}))).plain);
  EXPECT_FALSE(Image(make_image("half", GDT_Float32, with({"NBITS=16"}))).plain);
  EXPECT_FALSE(Image(make_image("wide", GDT_Int32, with({"COMPRESS=DEFLATE"}))).plain);
  EXPECT_FALSE(Image(make_image("bits", GDT_UInt16, with({"NBITS=12"}))).plain);
  EXPECT_FALSE(Image(make_image("bands", GDT_Int16, with({"INTERLEAVE=PIXEL"}), 2)).plain);
  EXPECT_FALSE(TiffBlocks::open("/vsizip/{a.zip}/b.tif", kCols, kRows, 32, 16, 2));
  EXPECT_FALSE(TiffBlocks::open(testing::temp_dir(), kCols, kRows, 32, 16, 2));
  const std::string file = make_image("shape", GDT_Int16, with({"COMPRESS=DEFLATE"}));
  EXPECT_TRUE(TiffBlocks::open(file, kCols, kRows, 32, 16, 2));
  EXPECT_FALSE(TiffBlocks::open(file, kCols, kRows, 16, 16, 2));
  EXPECT_FALSE(TiffBlocks::open(file, kCols + 1, kRows, 32, 16, 2));
  EXPECT_FALSE(TiffBlocks::open(file, kCols, kRows, 32, 16, 1));
}

// Every byte of a small file changed in turn, and every length: a block is refused or read, and nothing worse happens.
TEST(TiffBlocks, OfDamagedFilesAreRefused) {
  const std::string file =
      make_image("damaged", GDT_Int16, {"TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=16", "COMPRESS=DEFLATE", "PREDICTOR=2"});
  const std::string whole = read_text(file);
  std::vector<char> block(32 * 16 * 2);
  const auto read_all = [&](const std::string& bytes) {
    { std::ofstream(file, std::ios::binary) << bytes; }
    int n = 0;
    if (const auto plain = TiffBlocks::open(file, kCols, kRows, 32, 16, 2))
      for (int i = 0; i < 9; ++i) n += plain->read(i % 3, i / 3, block.data());
    return n;
  };
  EXPECT_EQ(read_all(whole), 9);
  const std::size_t step = whole.size() / 400 + 1;
  for (std::size_t at = 0; at < whole.size(); at += at < 400 ? 1 : step) {
    std::string other = whole;
    other[at] = static_cast<char>(other[at] ^ 0xFF);
    EXPECT_LE(read_all(other), 9);
  }
  for (std::size_t length = 0; length < whole.size(); length += step) EXPECT_LT(read_all(whole.substr(0, length)), 9) << length;
}

}  // namespace
}  // namespace millesime
