// An embedding of 64 bands and the coordinates beside the series, from the configuration to the map: the map of a pixel is what the model
// says of the sample there.

#include <unistd.h>

#include <cmath>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/csv.h"
#include "pipeline/core/samples.h"
#include "pipeline/io/raster_file.h"
#include "tests/support/program.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::run_program;

class StaticsTest : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    world = (fs::temp_directory_path() / ("millesime-statics-" + std::to_string(::getpid()))).string();
    fs::remove_all(world);
    const auto made = run_program({"simulate", "-o", world, "--tiles", "2", "--size", "64", "--dates", "8", "--seed", "3", "--quiet"});
    ASSERT_EQ(made.code, 0) << made.err;
    write_embedding();
    std::string config = read_text(world + "/config.toml");
    config.erase(config.find("[regions]"), config.find("[[exogenous]]") - config.find("[regions]"));
    write_text(world + "/emb.toml", config + "\n[[exogenous]]\nname = \"embedding\"\npath = \"embedding.tif\"\n");
  }
  static void TearDownTestSuite() { fs::remove_all(world); }

  // Of the truth, in its system (Lambert-93), with gaps.
  static void write_embedding() {
    const auto truth = RasterReader(world + "/truth/truth.tif").read_all<std::uint8_t>();
    RasterOptions options;
    options.nodata = -128;
    RasterWriter writer(world + "/embedding.tif", truth.grid, PixelType::i16, 64, options);
    std::vector<std::int16_t> values(truth.samples.size());
    for (int band = 0; band < 64; ++band) {
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<std::int16_t>(
            truth.samples[i] == 0 || i % 97 == 0 ? -128 : std::lround(100 * std::sin((truth.samples[i] + 1.0) * (band + 1))));
      writer.write(truth.grid.whole(), band, values.data());
    }
    writer.commit();
  }

  static std::string world;
};
std::string StaticsTest::world;
INSTANTIATE_TEST_SUITE_P(Models, StaticsTest, ::testing::Values("random_forest", "ltae", "temporal_cnn"),
                         [](const auto& test) { return test.param; });

TEST_P(StaticsTest, EmbeddingsAndCoordinatesGoFromTheConfigurationToTheMap) {
  const std::string out = world + "/" + GetParam();
  const auto run = run_program({"run", world + "/emb.toml", "--out", out, "--to", "classify", "--set", "model.name=" + GetParam(), "--set",
                                "model.coordinates=true", "--set", "train.trees=20", "--set", "train.epochs=4", "--set",
                                "train.refit_polygons=0", "--set", "classify.smooth=0", "--quiet"});
  ASSERT_EQ(run.code, 0) << run.err;
  const std::string model = out + "/2021/work/train/all_seed_0.safetensors";
  EXPECT_THAT(run_program({"model", "info", model}).out, HasSubstr("embedding_1 to embedding_64, coordinates"));

  std::int64_t same = 0, all = 0;
  std::string tile;
  for (const auto& folder : fs::directory_iterator(world + "/l2a")) {
    tile = folder.path().filename().string();
    const std::string file = out + "/2021/work/sample/" + tile + ".safetensors";
    const Samples samples = read_samples(file);
    ASSERT_EQ(samples.longitude.size(), samples.label.size());
    const auto map = RasterReader(out + "/2021/work/classify/" + tile + "_class_seed_0.tif").read_all<std::uint8_t>();
    const auto predicted = run_program({"predict", "--model", model, "--samples", file, "-o", world + "/predicted.csv"});
    ASSERT_EQ(predicted.code, 0) << predicted.err;
    CsvReader table(world + "/predicted.csv");
    const auto code = static_cast<std::size_t>(table.column("predicted"));
    for (std::size_t i = 0; table.next(); ++i, ++all) same += std::to_string(map.at(samples.col[i], samples.row[i])) == table.cells()[code];
  }
  EXPECT_GT(all, 500);
  EXPECT_GE(same, all - all / 200) << "of " << all << " samples";  // but for rounding at ties

  const auto lacking = run_program({"classify", "--model", model, "--tile", world + "/l2a/" + tile, "-o", world + "/single"});
  EXPECT_EQ(lacking.code, 2);
  EXPECT_THAT(lacking.err, HasSubstr("missing: climate_1, climate_2, embedding_1 to embedding_64"));
}

}  // namespace
}  // namespace millesime
