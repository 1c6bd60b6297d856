// A world seen by several sensors: a model that learned from all of them maps them, and radar helps where clouds hide the ground.

#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::run_program;

class SourcesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    world = (fs::temp_directory_path() / ("millesime-sources-" + std::to_string(::getpid()))).string();
    fs::remove_all(world);
    const auto simulated = run_program({"simulate", "-o", world, "--tiles", "1", "--size", "96", "--dates", "12", "--seed", "3",
                                        "--cloud-share", "0.8", "--plain", "--quiet", "--sensors",
                                        "sentinel2_theia,sentinel2_l3a,sentinel2_sen2cor,landsat_c2,sentinel1_s1tiling,temperature_daily"});
    ASSERT_EQ(simulated.code, 0) << simulated.err;
  }
  static void TearDownTestSuite() { fs::remove_all(world); }

  static std::string source(const std::string& name, const std::string& sensor, const std::string& root, const std::string& more = "") {
    return "[[source]]\nname = \"" + name + "\"\nsensor = \"" + sensor + "\"\nroot = \"" + root + "\"\n" + more;
  }
  static std::string radar() {
    return source("ascending", "sentinel1_s1tiling", "s1", "variant = \"ASC\"\n") +
           source("descending", "sentinel1_s1tiling", "s1", "variant = \"DES\"\n");
  }
  // A configuration in the world's folder.
  static std::string configuration(const std::string& name, const std::string& sources, const std::string& more = "step_days = 20\n") {
    const std::string file = world + "/" + name + ".toml";
    write_text(file, "year = 2021\noutput = \"" + name + "\"\n" + source("sentinel2", "sentinel2_theia", "l2a") + sources +
                         "[reference]\npath = \"reference.shp\"\nclass_field = \"CODE\"\n[model]\nname = \"random_forest\"\nsources = "
                         "[\"all\"]\n[train]\ntrees = 40\n[time]\n" +
                         more);
    return file;
  }
  static double agreement_with_truth(const std::string& name, const std::string& tile = "T31TCJ", std::int64_t least = 5000) {
    const auto mapped = RasterReader(world + "/" + name + "/2021/work/classify/" + tile + "_class_seed_0.tif").read_all<std::uint8_t>();
    const auto truth = RasterReader(world + "/truth/T31TCJ.tif").read_all<std::uint8_t>();
    EXPECT_EQ(mapped.grid.crs, truth.grid.crs);
    std::int64_t agree = 0, total = 0;
    for (std::size_t i = 0; i < truth.samples.size(); ++i) {
      const auto cols = static_cast<std::size_t>(truth.grid.cols);
      const Point at = truth.grid.centre(static_cast<int>(i % cols), static_cast<int>(i / cols));  // of coarser pixels, the one around it
      const auto col = static_cast<int>(std::floor(mapped.grid.col(at.x))), row = static_cast<int>(std::floor(mapped.grid.row(at.y)));
      if (!mapped.grid.whole().contains(col, row)) continue;
      const std::uint8_t found = mapped.at(col, row);
      if (truth.samples[i] && found) ++total, agree += truth.samples[i] == found;
    }
    EXPECT_GT(total, least);
    return static_cast<double>(agree) / static_cast<double>(std::max<std::int64_t>(1, total));
  }

  static inline std::string world;
};

TEST_F(SourcesTest, RadarBesideCloudyImagesIsBetterByThreePoints) {
  for (const auto& [name, sources] : {std::pair<std::string, std::string>{"alone", ""},
                                      {"together", radar() + source("temperature", "temperature_daily", "temperature")}}) {
    const auto mapped = run_program({"run", configuration(name, sources), "--to", "classify", "--quiet"});
    ASSERT_EQ(mapped.code, 0) << mapped.err;
  }
  const double alone = agreement_with_truth("alone"), together = agreement_with_truth("together");
  RecordProperty("alone", std::to_string(alone));
  RecordProperty("together", std::to_string(together));
  EXPECT_GT(together, alone + 0.03) << alone;

  std::string model_of_both;
  for (const auto& entry : fs::recursive_directory_iterator(world + "/together/2021/work"))
    if (entry.path().parent_path().filename() == "train" && entry.path().extension() == ".safetensors")
      model_of_both = entry.path().string();
  EXPECT_THAT(run_program({"model", "info", model_of_both, "--json"}).out, HasSubstr("VH_VV = VH - VV"));

  // A network on its own time grid for each source, a model without one of the sources, and one tile by hand.
  const std::string model = world + "/cnn.safetensors", samples = world + "/together/2021/work/sample/T31TCJ.safetensors";
  const auto trained =
      run_program({"train", "--samples", samples, "--model", "temporal_cnn", "--sources", "sentinel2,ascending", "--nomenclature", "oso23",
                   "--epochs", "2", "--parameters", "filters=8", "--step-days", "30", "-o", model, "--quiet"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  const std::vector<std::string> classify = {"classify", "--model",      model,    "--tile", world + "/l2a/T31TCJ",
                                             "-o",       world + "/map", "--quiet"};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = classify;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  const auto without = with({});
  EXPECT_EQ(without.code, 2);
  EXPECT_THAT(without.err, HasSubstr("the model also reads ascending (VV, VH), which the configuration does not have; add a [[source]]"));
  EXPECT_EQ(with({"--missing-sources"}).code, 0);
  const auto blind = RasterReader(world + "/map/classification.tif").read_all<std::uint8_t>();
  const auto seeing = with({"--also", "ascending=sentinel1_s1tiling," + world + "/s1,ASC"});
  ASSERT_EQ(seeing.code, 0) << seeing.err;
  EXPECT_NE(RasterReader(world + "/map/classification.tif").read_all<std::uint8_t>().samples, blind.samples);
  EXPECT_EQ(nlohmann::json::parse(seeing.out).at("sources").at("ascending").at("acquisitions").get<int>(), 12);
}

// The same ground in every layout: as right as THEIA's images where the pixels are as small (configs/sensors/README.md has larger worlds).
TEST_F(SourcesTest, EverySensorMakesAMapAlone) {
  std::map<std::string, double> right;
  for (const auto& [sensor, root] : {std::pair<std::string, std::string>{"sentinel2_theia", "l2a"},
                                     {"sentinel2_sen2cor", "safe"},
                                     {"sentinel2_l3a", "l3a"},
                                     {"landsat_c2", "landsat"},
                                     {"sentinel1_s1tiling", "s1"}}) {
    const std::string file = world + "/" + sensor + ".toml";
    write_text(
        file,
        "year = 2021\noutput = \"" + sensor + "\"\n" + source("only", sensor, root) +
            "[reference]\npath = \"reference.shp\"\nclass_field = \"CODE\"\n[model]\nname = \"random_forest\"\n[train]\ntrees = 40\n");
    const auto mapped = run_program({"run", file, "--to", "classify", "--quiet"});
    ASSERT_EQ(mapped.code, 0) << mapped.err;
    std::string map;
    for (const auto& entry : fs::directory_iterator(world + "/" + sensor + "/2021/work/classify"))
      if (const std::string name = entry.path().filename(); name.ends_with("_class_seed_0.tif") && (map.empty() || name < map)) map = name;
    right[sensor] = agreement_with_truth(sensor, map.substr(0, map.find("_class")), 4000);  // the radar sees half of the tile
    RecordProperty(sensor, std::to_string(right[sensor]));
  }
  EXPECT_GT(right["sentinel2_theia"], 0.5);
  EXPECT_NEAR(right["sentinel2_sen2cor"], right["sentinel2_theia"], 0.02);
  EXPECT_GT(right["sentinel2_l3a"], right["sentinel2_theia"] - 0.02);
  EXPECT_GT(right["landsat_c2"], 0.3);
  EXPECT_GT(right["sentinel1_s1tiling"], 0.3);
}

std::string weights_of(const std::string& model) {  // what follows the header of a safetensors file, which names the samples
  const std::string bytes = read_text(model);
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  return bytes.substr(sizeof header + header);
}

// Two orbits with the same bands, and numbers that are unique a row: nothing is lost in a table.
TEST_F(SourcesTest, ATableOfSamplesGivesTheSameModel) {
  const std::string file = configuration("table", radar(), "step_days = 60\n[[exogenous]]\nname = \"climate\"\npath = \"climate.tif\"\n");
  const std::string samples = world + "/samples.safetensors", table = world + "/samples.csv", back = world + "/back.safetensors";
  const auto must = [](std::vector<std::string> arguments) {
    const auto done = run_program(arguments);
    ASSERT_EQ(done.code, 0) << arguments[1] << ": " << done.err;
  };
  must({"samples", "extract", file, "-o", samples, "--quiet"});
  must({"samples", "export", samples, "-o", table});
  must({"samples", "import", table, "-o", back});
  for (const std::string& from : {samples, table, back})
    must({"train", "--samples", from, "--model", "random_forest", "--sources", "all", "--trees", "5", "--step-days", "60", "-o",
          from + ".model", "--quiet"});
  EXPECT_EQ(weights_of(table + ".model"), weights_of(samples + ".model"));
  EXPECT_EQ(weights_of(back + ".model"), weights_of(samples + ".model"));
}

TEST_F(SourcesTest, ASourceThatIsNowhereIsRefusedBeforeTraining) {
  fs::create_directories(world + "/no_radar/31TCJ");
  const auto refused = run_program({"run", configuration("nowhere", source("ascending", "sentinel1_s1tiling", "no_radar")), "--quiet"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("[[source]] ascending: expected acquisitions from 2021-01-01 to 2021-12-31 under"));
  EXPECT_THAT(refused.err, HasSubstr("found none over any tile; correct root, or leave the source out"));

  // Dates outside the period.
  std::string name;
  for (const auto& entry : fs::directory_iterator(world + "/s1/31TCJ"))
    if (const std::string found = entry.path().filename(); found.find("_ASC_") != std::string::npos) name = std::max(name, found);
  const std::size_t date = name.find("_2021") + 1;
  ASSERT_NE(date, 0U);
  for (const char* band : {"vv", "vh"}) {
    std::string from = name, to;
    from.replace(from.find("_v") + 1, 2, band);
    to = from, to.replace(date, 4, "2019");
    fs::copy_file(world + "/s1/31TCJ/" + from, world + "/no_radar/31TCJ/" + to);
  }
  const auto outside = run_program({"run", world + "/nowhere.toml", "--quiet"});
  EXPECT_EQ(outside.code, 2);
  EXPECT_THAT(outside.err, HasSubstr("found none over any tile, but products of 2019 (1 product); set year or period to these"));
}

// The parcels of a register as categories of each pixel.
TEST_F(SourcesTest, ARegisterOfParcelsIsAnInput) {
  const std::string file =
      configuration("register", "",
                    "step_days = 60\n[[exogenous]]\nname = \"parcels\"\npath = \"reference.shp\"\nfield = \"CODE\"\nkind = \"category\"\n");
  const auto mapped = run_program({"run", file, "--to", "classify", "--set", "train.trees=5", "--quiet"});
  ASSERT_EQ(mapped.code, 0) << mapped.err;
  std::string model;
  for (const auto& entry : fs::recursive_directory_iterator(world + "/register/2021/work"))
    if (entry.path().parent_path().filename() == "train" && entry.path().extension() == ".safetensors") model = entry.path().string();
  const auto info = run_program({"model", "info", model, "--json"});
  ASSERT_EQ(info.code, 0) << info.err;
  EXPECT_THAT(info.out, HasSubstr("parcels:category"));
  // The parcels are those of the reference, so the register all but gives their classes away.
  EXPECT_GT(agreement_with_truth("register"), 0.2);
}

}  // namespace
}  // namespace millesime
