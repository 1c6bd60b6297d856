#include "pipeline/stages/nomenclature_convert.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "pipeline/io/raster_file.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string map_of(const std::vector<std::uint8_t>& codes) {
  LabelMap map(Grid{"EPSG:2154", 500000, 6500000, 10, 10, static_cast<int>(codes.size()), 1});
  map.samples = codes;
  const std::string path = testing::temp_dir() + "/map.tif";
  write_raster(path, map, RasterOptions{.nodata = 0, .nomenclature = nullptr, .band_names = {}});
  return path;
}

TEST(NomenclatureConvert, MapsCodesAndCountsThem) {
  const std::string output = testing::temp_dir() + "/out.tif";
  const auto counts = convert_map(map_of({0, 1, 5, 6, 8, 23}), Nomenclature::load("oso23"), Nomenclature::load("oso17"), output);
  EXPECT_THAT(RasterReader(output).read_all<std::int32_t>().samples, ElementsAre(0, 41, 12, 12, 11, 51));
  EXPECT_EQ(counts["before"]["6"], 1);
  EXPECT_EQ(counts["after"]["12"], 2);
  EXPECT_EQ(counts["pixels"], 6);
}

TEST(NomenclatureConvert, UnknownCodesAreListedAndNothingIsWritten) {
  const std::string output = testing::temp_dir() + "/out.tif";
  try {
    convert_map(map_of({1, 99, 99, 200}), Nomenclature::load("oso23"), Nomenclature::load("oso17"), output);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("2 codes that the nomenclature oso23 does not have: 99 (2 px), 200 (1 px)"));
  }
  EXPECT_FALSE(std::filesystem::exists(output));
}

}  // namespace
}  // namespace millesime
