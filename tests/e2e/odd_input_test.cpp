// Names, sources and years that people have and the program must stand, on a simulated tile: the map is the one of plain names.

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/text.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::run_program;

class OddInput : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    world = (fs::temp_directory_path() / ("millesime-odd-" + std::to_string(::getpid()))).string();
    fs::remove_all(world);
    const auto made = run_program({"simulate", "-o", world, "--tiles", "1", "--size", "64", "--dates", "8", "--seed", "3", "--quiet"});
    ASSERT_EQ(made.code, 0) << made.err;
    const auto mapped = run(world, world + "/out");
    ASSERT_EQ(mapped.code, 0) << mapped.err;
    expected = xxh3_of_file(world + "/out/2021/OCS_2021.tif");
  }

  static void TearDownTestSuite() { fs::remove_all(world); }

  static testing::ProgramResult run(const std::string& folder, const std::string& out, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"run",   folder + "/config.toml", "--out", out, "--quiet", "--set", "model.name=random_forest",
                                       "--set", "train.trees=10"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }

  // The regions of the world with other names, as a layer of a GeoPackage.
  static std::string regions_named(const std::string& file, const std::string& first, const std::string& second) {
    const VectorLayer known = read_polygons(world + "/regions.gpkg", "", {"region"}, "");
    std::vector<OutputFeature> features;
    for (const Feature& feature : known.features)
      features.push_back({feature.parts, {feature.attributes.at("region") == "1" ? first : second}});
    write_polygons(file, "regions", known.crs, {"region"}, features);
    return file;
  }

  static inline std::string world, expected;
};

TEST_F(OddInput, NamesOfRegionsMayBeAnything) {
  const std::string folder = testing::temp_dir();
  int number = 0;
  for (const auto& [first, second] :
       {std::pair<std::string, std::string>{"../Alpes/Jura\n", "Forêts & <co>" + std::string(300, 'R')}, {"North", "north"}}) {
    const std::string file = regions_named(folder + "/regions" + std::to_string(++number) + ".gpkg", first, second);
    const auto mapped = run(world, folder + "/out", {"--set", "regions.path=" + file});
    ASSERT_EQ(mapped.code, 0) << mapped.err;
    // Which polygons learn depends on the name of the region, so the map is another one.
    EXPECT_TRUE(fs::exists(folder + "/out/2021/OCS_2021.tif"));
    for (const auto& entry : fs::recursive_directory_iterator(folder))  // nothing outside the output folder
      EXPECT_TRUE(entry.path().string().starts_with(folder + "/out") || entry.path().parent_path() == folder) << entry.path();
    EXPECT_FALSE(fs::exists(folder + "/out/2021/work/Alpes"));
    std::set<std::string> models;  // also where North and north are one name
    for (const auto& entry : fs::directory_iterator(folder + "/out/2021/work/train"))
      if (entry.path().extension() == ".safetensors") models.insert(lower(entry.path().filename().string()));
    EXPECT_EQ(models.size(), 2u * static_cast<std::size_t>(number));
  }
}

TEST_F(OddInput, FoldersAndFilesMayHaveLatin1Names) {
  const std::string folder = testing::temp_dir() +
                             "/donn\xE9"
                             "es",
                    out = testing::temp_dir() + "/r\xE9sultat";
  fs::create_directories(folder);
  for (const char* part : {"l2a", "config.toml", "reference.shp", "reference.shx", "reference.dbf", "reference.prj", "reference.cpg",
                           "regions.gpkg", "climate.tif"})
    if (fs::exists(world + "/" + part)) fs::copy(world + "/" + part, folder + "/" + part, fs::copy_options::recursive);
  for (const auto& tile : fs::directory_iterator(folder + "/l2a")) std::ofstream(tile.path() / "D\xE9p\xF4t Th\xE9ia.txt") << "1";
  const auto mapped = run(folder, out);
  ASSERT_EQ(mapped.code, 0) << mapped.err;
  EXPECT_EQ(xxh3_of_file(out + "/2021/OCS_2021.tif"), expected);
  const auto again = run(folder, out, {"--dry-run"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.out.find("[x]"), std::string::npos) << again.out;
  for (const char* json : {"--json", ""}) {
    std::vector<std::string> arguments{"catalog", folder + "/l2a"};
    if (*json) arguments.emplace_back(json);
    const auto listed = run_program(arguments);
    EXPECT_EQ(listed.code, 0) << listed.err;
  }
}

TEST_F(OddInput, TwoYearsInAFolderAreNotMixed) {
  const std::string folder = testing::temp_dir() + "/two", tile = "T31TCJ";
  fs::create_directories(folder);
  fs::copy(world + "/l2a/" + tile, folder + "/" + tile, fs::copy_options::recursive);
  const std::string model = [&] {
    for (const auto& entry : fs::directory_iterator(world + "/out/2021/work/train"))
      if (entry.path().extension() == ".safetensors") return entry.path().string();
    return std::string();
  }();
  const auto classify = [&](const std::string& out, std::vector<std::string> more) {
    std::vector<std::string> arguments{
        "classify", "--model", model, "--tile", folder + "/" + tile, "-o", out, "--exogenous", "climate=" + world + "/climate.tif"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  const std::string one = testing::temp_dir() + "/one", both = testing::temp_dir() + "/both";
  ASSERT_EQ(classify(one, {}).code, 0) << classify(one, {}).err;
  for (const auto& entry : fs::directory_iterator(world + "/l2a/" + tile)) {
    std::string name = entry.path().filename().string();
    if (!entry.is_directory()) continue;
    const auto at = name.find("_2021");
    ASSERT_NE(at, std::string::npos);
    const std::string product = name;
    name.replace(at, 5, "_2020");
    fs::copy(entry.path(), folder + "/" + tile + "/" + name, fs::copy_options::recursive);
    std::vector<fs::path> files;
    for (const auto& file : fs::recursive_directory_iterator(folder + "/" + tile + "/" + name))
      if (file.is_regular_file()) files.push_back(file.path());
    for (const fs::path& file : files) {
      std::string renamed = file.filename().string();
      if (const auto place = renamed.find(product); place != std::string::npos)
        fs::rename(file, file.parent_path() / renamed.replace(place, product.size(), name));
    }
  }
  for (const std::vector<std::string>& choice :
       {std::vector<std::string>{}, {"--year", "2021"}, {"--start", "2021-01-01", "--end", "2021-12-31"}}) {
    const auto mapped = classify(both, choice);
    ASSERT_EQ(mapped.code, 0) << mapped.err;
    if (choice.empty()) {
      EXPECT_THAT(mapped.err, AllOf(HasSubstr("mapped is 2021, the year of the model's samples"), HasSubstr("not read: 2020 (")));
    }
    EXPECT_EQ(xxh3_of_file(both + "/classification.tif"), xxh3_of_file(one + "/classification.tif"));
    EXPECT_EQ(xxh3_of_file(both + "/validity.tif"), xxh3_of_file(one + "/validity.tif"));
  }
}

}  // namespace
}  // namespace millesime
