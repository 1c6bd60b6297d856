// The whole chain on a simulated world, compared with its truth.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_program;

constexpr const char* kProducts[] = {"OCS_2021.tif", "OCS_2021_confidence.tif", "OCS_2021_validity.tif"};

// One world of two tiles in two UTM zones, mapped once with a forest; used by most tests.
class ChainTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    world = (fs::temp_directory_path() / ("millesime-chain-" + std::to_string(::getpid()))).string();
    fs::remove_all(world);
    const auto simulated =
        run_program({"simulate", "-o", world, "--tiles", "2", "--size", "128", "--dates", "14", "--seed", "3", "--quiet"});
    ASSERT_EQ(simulated.code, 0) << simulated.err;
    const auto mapped = run_program(command("out"));
    ASSERT_EQ(mapped.code, 0) << mapped.err;
  }
  static void TearDownTestSuite() { fs::remove_all(world); }

  static std::string config() { return world + "/config.toml"; }
  static std::string product(const std::string& out, const std::string& name) { return world + "/" + out + "/2021/" + name; }
  static std::vector<std::string> command(const std::string& out, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"run",   config(),        "--out", world + "/" + out, "--set", "model.name=random_forest",
                                       "--set", "train.trees=30"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  static void copy(const std::string& from, const std::string& to) {
    fs::remove_all(world + "/" + to);
    fs::copy(world + "/" + from, world + "/" + to, fs::copy_options::recursive);
  }
  static std::map<std::string, std::string> checksums(const std::string& out) {
    std::map<std::string, std::string> sums;
    for (const char* name : kProducts) sums[name] = xxh3_of_file(product(out, name));
    return sums;
  }
  static double agreement_with_truth(const std::string& map_file) {
    const RasterReader map(map_file), truth(world + "/truth/truth.tif");
    const auto mapped = map.read_all<std::uint8_t>();
    const auto real = truth.read_all<std::uint8_t>();
    std::int64_t agree = 0, total = 0;
    for (int row = 0; row < mapped.grid.rows; ++row)
      for (int col = 0; col < mapped.grid.cols; ++col) {
        const Point centre = mapped.grid.centre(col, row);
        const int c = static_cast<int>(std::floor(real.grid.col(centre.x))), r = static_cast<int>(std::floor(real.grid.row(centre.y)));
        if (!real.grid.whole().contains(c, r) || !real.at(c, r) || !mapped.at(col, row)) continue;
        ++total;
        agree += real.at(c, r) == mapped.at(col, row);
      }
    EXPECT_GT(total, 20000);
    return static_cast<double>(agree) / static_cast<double>(total);
  }

  static inline std::string world;
};

TEST_F(ChainTest, TheMapAgreesWithTheTruth) {
  // 0.757 of 23 classes, with 45 % clouds and wrong labels; the most frequent class alone would reach 0.09, a sixth of the trees 0.724.
  const double agreement = agreement_with_truth(product("out", "OCS_2021.tif"));
  EXPECT_GT(agreement, 0.74);
  EXPECT_LT(agreement, 0.97) << "the world has become too easy to tell models apart";
  const auto accuracy = nlohmann::json::parse(read_text(world + "/out/2021/accuracy.json"));
  EXPECT_NEAR(accuracy.at("final_map").at("overall_accuracy").get<double>(), agreement - 0.1,
              0.04);  // labels of the reference are wrong, too
  EXPECT_THAT(read_text(world + "/out/2021/RESULTS.txt"), HasSubstr("KAPPA"));
}

TEST_F(ChainTest, TheProductsAreThere) {
  const RasterReader map(product("out", "OCS_2021.tif")), confidence(product("out", "OCS_2021_confidence.tif")),
      validity(product("out", "OCS_2021_validity.tif"));
  EXPECT_EQ(map.grid().crs, "EPSG:2154");
  EXPECT_EQ(map.grid().pixel_width, 10);
  EXPECT_TRUE(map.grid().same_as(confidence.grid()));
  EXPECT_TRUE(map.grid().same_as(validity.grid()));
  EXPECT_LE(std::ranges::max(confidence.read_all<std::uint8_t>().samples), 100);
  EXPECT_LE(std::ranges::max(validity.read_all<std::uint8_t>().samples), 14);
  for (const char* name : {"OCS_2021.qml", "report.html", "work/effective.toml"}) EXPECT_TRUE(fs::exists(product("out", name))) << name;
}

TEST_F(ChainTest, AMapIsRegularisedAndComparedFromTheCommandLine) {
  const std::string map = product("out", "OCS_2021.tif"), smooth = world + "/smooth.tif", changes = world + "/changes";
  const auto regularised = run_program({"regularise", map, "--majority", "3", "--min-pixels", "5", "-o", smooth});
  ASSERT_EQ(regularised.code, 0) << regularised.err;
  const auto compared = run_program({"compare", map, smooth, "--map", "-o", changes, "--json"});
  ASSERT_EQ(compared.code, 0) << compared.err;
  const auto before = RasterReader(map).read_all<std::uint8_t>(), after = RasterReader(smooth).read_all<std::uint8_t>();
  std::int64_t changed = 0, compared_px = 0;
  for (std::size_t i = 0; i < before.samples.size(); ++i)
    if (before.samples[i] && after.samples[i]) ++compared_px, changed += before.samples[i] != after.samples[i];
  const double agreement = nlohmann::json::parse(compared.out).at("agreement");
  EXPECT_NEAR(agreement, 1 - static_cast<double>(changed) / static_cast<double>(compared_px), 1e-9);
  EXPECT_LT(agreement, 1);
  EXPECT_TRUE(fs::exists(changes + "/changes.tif"));

  const auto three = run_program({"compare", map, smooth, map});
  EXPECT_EQ(three.code, 2);
  EXPECT_THAT(three.err, HasSubstr(map));
}

TEST_F(ChainTest, ASecondRunDoesNothing) {
  const auto again = run_program(command("out"));
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("0 units run"));
  const auto plan = run_program(command("out", {"--dry-run"}));
  EXPECT_THAT(plan.out, HasSubstr("0 to run"));
  const auto state = run_program({"status", config(), "--set", "output=" + world + "/out", "--set", "model.name=random_forest", "--set",
                                  "train.trees=30", "--verify"});
  EXPECT_THAT(state.out, Not(HasSubstr("to run"))) << state.out;
  EXPECT_EQ(state.code, 0);
}

TEST_F(ChainTest, TheBytesDoNotDependOnThreadsOrMemory) {
  const auto trained = run_program(command("out-other", {"--threads", "1", "--memory", "416MiB", "--to", "train"}));
  ASSERT_EQ(trained.code, 0) << trained.err;
  const auto other = run_program(command("out-other", {"--threads", "1", "--memory", "64MiB"}));
  ASSERT_EQ(other.code, 0) << other.err;
  EXPECT_EQ(checksums("out-other"), checksums("out"));
}

TEST_F(ChainTest, TheBytesDoNotDependOnTheOrderOfTilesOrOnWhatRunsSideBySide) {
  std::vector<std::string> tiles;
  for (const auto& entry : fs::directory_iterator(world + "/l2a")) tiles.push_back(entry.path().filename());
  std::ranges::sort(tiles, std::greater<>());
  std::string names;
  for (const auto& tile : tiles) names += (names.empty() ? "" : ",") + tile;
  const auto other = run_program(command("out-order", {"--set", "tiles.names=" + names, "--jobs", "1"}));
  ASSERT_EQ(other.code, 0) << other.err;
  EXPECT_EQ(checksums("out-order"), checksums("out"));
  const auto beside = run_program(command("out-beside", {"--jobs", "2", "--threads", "2"}));
  ASSERT_EQ(beside.code, 0) << beside.err;
  EXPECT_EQ(checksums("out-beside"), checksums("out"));
}

TEST_F(ChainTest, TheDefaultModelGivesTheSameBytesForAnyThreadsAndWindows) {
  const std::string tile = fs::directory_iterator(world + "/l2a")->path().filename();
  const auto neural = [&](const std::string& out, const std::vector<std::string>& how) {
    std::vector<std::string> words{"run",   config(),
                                   "--out", world + "/" + out,
                                   "--set", "train.epochs=2",
                                   "--set", "tiles.names=" + tile,
                                   "--set", "sample.select=total",
                                   "--set", "sample.select_number=200"};
    words.insert(words.end(), how.begin(), how.end());
    std::vector<std::string> learning = words;
    learning.insert(learning.end(), {"--to", "train", "--memory", "416MiB"});  // the last one counts
    const auto trained = run_program(learning);
    EXPECT_EQ(trained.code, 0) << trained.err;
    EXPECT_THAT(trained.err, HasSubstr("epoch"));
    const auto result = run_program(words);
    EXPECT_EQ(result.code, 0) << result.err;
    return checksums(out);
  };
  EXPECT_EQ(neural("out-ltae-1", {"--threads", "1", "--memory", "64MiB"}), neural("out-ltae-2", {"--threads", "2"}));
}

TEST_F(ChainTest, KilledAtAnyMomentItGoesOnToTheSameBytes) {
  std::mt19937 random(1);
  fs::remove_all(world + "/out-killed");
  for (int i = 0; i < 4; ++i) {
    const auto killed = run_program(command("out-killed"), static_cast<int>(random() % 2500));
    if (killed.code == 0) break;
    EXPECT_EQ(killed.code, 128 + 9);
  }
  const auto finished = run_program(command("out-killed"));
  ASSERT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(checksums("out-killed"), checksums("out"));
  for (const auto& entry : fs::recursive_directory_iterator(world + "/out-killed"))
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr(".partial-")));
}

TEST_F(ChainTest, OneTileIsMendedWithoutTheRest) {
  copy("out", "out-mended");
  const std::string tile = fs::directory_iterator(world + "/l2a")->path().filename();
  const auto refused = run_program(command("out-mended", {"--tiles", tile, "--set", "classify.smooth=0"}));
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("one map of both has two settings"));
  // Its map alone, by another option, which the whole one then is not made of.
  const auto alone = run_program(command("out-mended", {"--tiles", tile, "--to", "classify", "--set", "classify.smooth=0"}));
  ASSERT_EQ(alone.code, 0) << alone.err;
  const auto mended = run_program(command("out-mended", {"--tiles", tile}));
  ASSERT_EQ(mended.code, 0) << mended.err;
  EXPECT_THAT(mended.err, HasSubstr("classify/" + tile));
  EXPECT_THAT(mended.err, Not(HasSubstr("train/all_seed_0  (")));
  for (const auto& entry : fs::directory_iterator(world + "/l2a"))
    if (entry.path().filename() != tile) {
      EXPECT_THAT(mended.err, Not(HasSubstr("classify/" + entry.path().filename().string())));
    }
  EXPECT_EQ(checksums("out-mended"), checksums("out"));
}

TEST_F(ChainTest, NoModelIsJudgedByPolygonsThatItLearnedFrom) {
  copy("out", "out-split");
  const std::string tile = fs::directory_iterator(world + "/l2a")->path().filename();
  const auto refused = run_program(command("out-split", {"--tiles", tile, "--set", "reference.random_seed=77"}));
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("was made with reference.random_seed = "));
  // Samples of another split, by hand, and the maps of the old models.
  const auto drawn = run_program(command("out-split", {"--to", "sample", "--set", "reference.random_seed=77"}));
  ASSERT_EQ(drawn.code, 0) << drawn.err;
  const auto judged = run_program(command("out-split", {"--from", "validate", "--set", "reference.random_seed=77"}));
  EXPECT_EQ(judged.code, 2);
  EXPECT_THAT(judged.err, HasSubstr("the samples of every tile were drawn anew after the models had learned"));
  // The samples of one tile alone: the others judge.
  copy("out", "out-one");
  const auto one = run_program(
      command("out-one", {"--tiles", tile, "--to", "sample", "--set", "sample.select=constant", "--set", "sample.select_number=20"}));
  ASSERT_EQ(one.code, 0) << one.err;
  const auto rest =
      run_program(command("out-one", {"--from", "validate", "--set", "sample.select=constant", "--set", "sample.select_number=20"}));
  ASSERT_EQ(rest.code, 0) << rest.err;
  EXPECT_THAT(rest.err, HasSubstr(tile + ": judges nothing, because its samples were drawn after the models had learned"));
  EXPECT_THAT(read_text(world + "/out-one/2021/accuracy.json"), HasSubstr("without those of " + tile));
}

TEST_F(ChainTest, AChangedOptionRerunsOnlyWhatDependsOnIt) {
  copy("out", "out-option");
  const auto plan = run_program(command("out-option", {"--set", "mosaic.resolution=20", "--dry-run"}));
  EXPECT_THAT(plan.out, HasSubstr("[x] mosaic/map"));
  EXPECT_THAT(plan.out, Not(HasSubstr("[x] classify/"))) << plan.out;
  const auto forest = run_program(command("out-option", {"--set", "train.min_leaf=9", "--dry-run"}));
  EXPECT_THAT(forest.out, HasSubstr("[x] train/"));
  EXPECT_THAT(forest.out, HasSubstr("[x] classify/"));
  EXPECT_THAT(forest.out, Not(HasSubstr("[x] sample/"))) << forest.out;
}

// The regions share a border from north to south, with 90 m of it blended; beside that each has its own model.
TEST_F(ChainTest, AStageAloneGivesWhatTheChainGaveInEachRegion) {
  const VectorLayer regions = read_polygons(world + "/regions.gpkg", "", {"region"}, "EPSG:2154");
  ASSERT_EQ(regions.features.size(), 2u);
  const double border[] = {regions.features[1].extent().min_x, regions.features[0].extent().max_x};
  for (const auto& tile_folder : fs::directory_iterator(world + "/l2a")) {
    const std::string tile = tile_folder.path().filename();
    const auto chain = RasterReader(world + "/out/2021/work/classify/" + tile + "_class_seed_0.tif").read_all<std::uint8_t>();
    const CoordinateTransform to_regions(chain.grid.crs, "EPSG:2154");
    std::int64_t compared = 0, models_differ = 0;
    std::vector<std::uint8_t> alone[2];
    for (const int region : {0, 1}) {
      const std::string model = world + "/out/2021/work/train/region_" + std::to_string(region + 1) + "_seed_0.safetensors",
                        out = world + "/alone/" + tile + "-" + std::to_string(region + 1);
      const auto result = run_program({"classify", "--model", model, "--tile", tile_folder.path(), "--year", "2021", "--exogenous",
                                       "climate=" + world + "/climate.tif", "-o", out, "--quiet"});
      ASSERT_EQ(result.code, 0) << result.err;
      alone[region] = RasterReader(out + "/classification.tif").read_all<std::uint8_t>().samples;
      ASSERT_EQ(alone[region].size(), chain.samples.size());
    }
    for (int row = 0; row < chain.grid.rows; ++row)
      for (int col = 0; col < chain.grid.cols; ++col) {
        const double x = to_regions(chain.grid.centre(col, row)).x;
        if (x > border[0] - 100 && x < border[1] + 100) continue;
        const std::size_t p = static_cast<std::size_t>(row) * static_cast<std::size_t>(chain.grid.cols) + static_cast<std::size_t>(col);
        const int region = x < border[0] ? 0 : 1;
        ASSERT_EQ(chain.samples[p], alone[region][p]) << tile << ", column " << col << ", row " << row;
        ++compared;
        models_differ += alone[0][p] != alone[1][p];
      }
    EXPECT_GT(compared, 5000) << tile;
    EXPECT_GT(models_differ, compared / 20) << tile;
  }
}

TEST_F(ChainTest, AnEnsembleMapsATileAsItsMembersBlendedByHand) {
  const std::string tile = fs::directory_iterator(world + "/l2a")->path().filename();
  const std::string samples = world + "/out/2021/work/sample/" + tile + ".safetensors", folder = world + "/blend";
  const auto file = [&](const std::string& name) { return folder + "/" + name + ".safetensors"; };
  const auto must = [](const std::vector<std::string>& words) {
    const auto result = run_program(words);
    ASSERT_EQ(result.code, 0) << result.err;
  };
  must({"train", "--samples", samples, "--nomenclature", "oso23", "--model", "random_forest", "--set", "train.trees=10", "-o",
        file("forest"), "--quiet"});
  must({"train", "--samples", samples, "--nomenclature", "oso23", "--model", "ltae", "--set", "train.epochs=3", "-o", file("ltae"),
        "--quiet"});
  must({"ensemble", "--models", file("forest"), file("ltae"), "-o", file("both")});
  for (const char* name : {"forest", "ltae", "both"})
    must({"classify", "--model", file(name), "--tile", world + "/l2a/" + tile, "--year", "2021", "--exogenous",
          "climate=" + world + "/climate.tif", "--probabilities", "--smooth", "0",  // which is no linear operation
          "-o", folder + "/" + name, "--quiet"});

  const RasterReader forest(folder + "/forest/probabilities.tif"), ltae(folder + "/ltae/probabilities.tif"),
      both(folder + "/both/probabilities.tif");
  ASSERT_EQ(both.info().bands, forest.info().bands);
  const auto classes = RasterReader(folder + "/both/classification.tif").read_all<std::uint8_t>().samples;
  const auto codes =
      nlohmann::json::parse(run_program({"model", "info", file("both"), "--json"}).out).at("classes").get<std::vector<int>>();
  ASSERT_EQ(codes.size(), static_cast<std::size_t>(both.info().bands));
  std::vector<double> highest(classes.size(), -1), second(classes.size(), -1);
  std::vector<int> winner(classes.size(), 0);
  for (int band = 0; band < both.info().bands; ++band) {
    const auto a = forest.read_all<std::uint16_t>(band).samples, b = ltae.read_all<std::uint16_t>(band).samples,
               mean = both.read_all<std::uint16_t>(band).samples;
    for (std::size_t p = 0; p < mean.size(); ++p) {
      const double by_hand = (a[p] + b[p]) / 2.0;
      ASSERT_NEAR(mean[p], by_hand, 1.01) << "pixel " << p << ", class " << codes[static_cast<std::size_t>(band)];  // stored x 1000, cut
      if (by_hand > highest[p])
        second[p] = highest[p], highest[p] = by_hand, winner[p] = codes[static_cast<std::size_t>(band)];
      else
        second[p] = std::max(second[p], by_hand);
    }
  }
  std::size_t compared = 0;
  for (std::size_t p = 0; p < classes.size(); ++p)
    if (highest[p] > 0 && highest[p] - second[p] > 2) {  // no tie within what rounding does
      EXPECT_EQ(classes[p], winner[p]) << "pixel " << p;
      ++compared;
    }
  EXPECT_GT(compared, classes.size() * 9 / 10);
}

TEST_F(ChainTest, SeveralSeedsAreFused) {
  const auto seeds =
      run_program(command("out-seeds", {"--set", "reference.seeds=3", "--set", "train.trees=5", "--set", "classify.levels=true"}));
  ASSERT_EQ(seeds.code, 0) << seeds.err;
  const auto accuracy = nlohmann::json::parse(read_text(world + "/out-seeds/2021/accuracy.json"));
  EXPECT_EQ(accuracy.at("runs").size(), 3u);
  const auto& final_map = accuracy.at("final_map");
  EXPECT_GT(final_map.at("polygons"), 30);
  const std::string rests_on = join_text(" pixels of ", final_map.at("polygons").get<int>(), " polygons");
  EXPECT_NE(read_text(world + "/out-seeds/2021/report.html").find(rests_on), std::string::npos) << rests_on;
  EXPECT_GT(agreement_with_truth(product("out-seeds", "OCS_2021.tif")), 0.70);  // 0.714; each seed learns from half of the polygons

  // The levels that the seeds agree on are published, too.
  const Nomenclature oso = Nomenclature::load("oso23");
  const auto classes = RasterReader(product("out-seeds", "OCS_2021.tif")).read_all<std::uint8_t>().samples,
             groups = RasterReader(product("out-seeds", "OCS_2021_level1.tif")).read_all<std::uint8_t>().samples,
             deepest = RasterReader(product("out-seeds", "OCS_2021_deepest.tif")).read_all<std::uint8_t>().samples;
  std::int64_t mapped = 0, of_group = 0, known = 0;
  for (std::size_t p = 0; p < classes.size(); ++p) {
    EXPECT_EQ(groups[p] == 0, classes[p] == 0);
    EXPECT_TRUE(classes[p] != 0 || deepest[p] == 0);
    if (classes[p] == 0) continue;
    ++mapped, known += deepest[p] != 0;
    of_group += groups[p] == oso.at(*oso.index_of_code(classes[p])).parent;
  }
  EXPECT_GT(of_group, mapped * 9 / 10);
  EXPECT_GT(known, mapped / 2);
  EXPECT_LT(known, mapped) << "nowhere is the map unsure";
  const auto item = nlohmann::json::parse(read_text(product("out-seeds", "OCS_2021.json")));
  EXPECT_TRUE(item.at("assets").contains("level1") && item.at("assets").contains("deepest"));
}

TEST_F(ChainTest, OutOfEveryRegionThereIsNoClassAndTheValidityIsKnown) {
  const Grid truth = RasterReader(world + "/truth/truth.tif").grid();
  const Box all = truth.extent();
  const double middle = (all.min_x + all.max_x) / 2;
  const Polygon west{{{{all.min_x, all.min_y}, {middle, all.min_y}, {middle, all.max_y}, {all.min_x, all.max_y}, {all.min_x, all.min_y}}}};
  write_polygons(world + "/west.gpkg", "regions", truth.crs, {"region"}, {{{west}, {std::string("west")}}});
  const auto half = run_program(command("out-west", {"--set", "regions.path=" + world + "/west.gpkg", "--set", "regions.field=region",
                                                     "--set", "regions.blend_m=0", "--set", "train.trees=5"}));
  ASSERT_EQ(half.code, 0) << half.err;
  const auto map = RasterReader(product("out-west", "OCS_2021.tif")).read_all<std::uint8_t>();
  EXPECT_EQ(map.at(map.grid.cols - 20, map.grid.rows / 2), 0);
  EXPECT_GT(std::ranges::count_if(map.samples, [](int code) { return code != 0; }), 5000);
  int tiles = 0;
  for (const auto& entry : fs::directory_iterator(product("out", "work/classify"))) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with("_validity.tif")) continue;
    EXPECT_EQ(xxh3_of_file(entry.path().string()), xxh3_of_file(product("out-west", "work/classify/" + name))) << name;
    ++tiles;
  }
  EXPECT_EQ(tiles, 2);
}

}  // namespace
}  // namespace millesime
