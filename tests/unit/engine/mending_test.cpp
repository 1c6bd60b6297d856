// `--tiles` keeps what models learned from, and the models.

#include "pipeline/engine/mending.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/engine/run.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Lines : public RunObserver {
 public:
  void unit_starts(const Unit& unit, const std::string&) override { started.push_back(unit.name()); }
  void unit_done(const Unit&, double, const nlohmann::json&) override {}
  void unit_failed(const Unit&, const std::string&) override {}
  void stage_up_to_date(const Stage&, std::size_t) override {}
  void unit_kept(const Unit& unit, const std::string& why) override { kept.push_back(unit.name() + ": " + why); }
  std::vector<std::string> started, kept;
};

// Samples of each tile from its file, a model of all samples, a map of each tile.
class MendingTest : public ::testing::Test {
 protected:
  MendingTest() {
    folder = testing::temp_dir();
    config.output = folder + "/out", config.year = 2021;
    config.tiles.names = {"A", "B"};
    for (const auto& tile : config.tiles.names) image(tile, "first");
    context.progress = &progress;
  }

  void image(const std::string& tile, const std::string& text) const { write_text(folder + "/" + tile + ".txt", text); }

  std::vector<Stage> stages() {
    const auto unit_of = [](const std::string& stage, const std::string& tile, std::vector<std::string> inputs, const std::string& output,
                            std::vector<std::string> keys) {
      Unit unit;
      unit.stage = stage, unit.key = tile.empty() ? "all" : tile, unit.tile = tile;
      unit.inputs = std::move(inputs), unit.outputs = {output}, unit.config_keys = std::move(keys);
      unit.run = [inputs = unit.inputs, output](const Context&) {
        std::string text;
        for (const auto& input : inputs) text += read_text(input);
        write_text(output, text);
        return nlohmann::json::object();
      };
      return unit;
    };
    const auto stage = [](const std::string& name, bool is_kept, auto plan) {
      Stage made{.name = name, .summary = "", .reads = "", .writes = "", .revision = 1, .papers = {}, .plan = {}};
      made.kept_when_mending = is_kept;
      made.plan = [plan](const Config& c) { return std::optional(plan(c)); };
      return made;
    };
    const std::string out = folder + "/";
    Stage sample = stage("sample", true, [=](const Config& c) {
      std::vector<Unit> units;
      for (const auto& tile : c.tiles.names)
        units.push_back(unit_of("sample", tile, {out + tile + ".txt"}, out + tile + ".samples", {"reference.random_seed"}));
      return units;
    });
    Stage join = stage("join", false, [=](const Config& c) {
      std::vector<std::string> maps;
      for (const auto& tile : c.tiles.names) maps.push_back(out + tile + ".map");
      return std::vector<Unit>{unit_of("join", "", maps, out + "country", {})};
    });
    join.joins = {"map"};
    sample.kept_while = [this](const Config&) { return have_models; };
    return {sample,
            stage("train", true,
                  [=](const Config&) {
                    return std::vector<Unit>{unit_of("train", "", {out + "A.samples", out + "B.samples"}, out + "model", {"train.trees"})};
                  }),
            stage("map", false,
                  [=, this](const Config& c) {
                    std::vector<Unit> units;
                    for (const auto& tile : c.tiles.names) {
                      units.push_back(unit_of("map", tile, {out + tile + ".txt", out + model}, out + tile + ".map", {"classify.smooth"}));
                      if (!excluded.empty()) units.back().facts = {"exclude = " + excluded};
                    }
                    return units;
                  }),
            join};
  }

  std::vector<std::string> run_all(const Selection& selection = {}) {
    Lines lines;
    outcome = run(stages(), config, selection, context, lines);
    kept = lines.kept;
    return lines.started;
  }

  std::string folder, model = "model", excluded;  // the file that maps are made with, and a box that they leave out
  bool have_models = true;
  Config config;
  testing::SilentProgress progress;
  Context context;
  RunOutcome outcome;
  std::vector<std::string> kept;
};

TEST_F(MendingTest, SamplesThatModelsLearnedFromAreKeptWithThem) {
  run_all();
  image("A", "second");
  EXPECT_THAT(run_all({.tiles = {"A"}}), ElementsAre("map/A", "join/all"));
  EXPECT_THAT(kept, ElementsAre("sample/A: input " + folder + "/A.txt changed"));
  EXPECT_EQ(outcome.kept, 1);
  const auto plan = make_plan(stages(), config, {.tiles = {"A"}});
  EXPECT_EQ(plan[0].units[0].why, "");
  EXPECT_THAT(plan[0].units[0].kept, HasSubstr("changed"));
  // Asked for by name, or before there is a model, they are made anew.
  EXPECT_THAT(run_all({.tiles = {"A"}, .to = "sample"}), ElementsAre("sample/A"));
  image("A", "third");
  have_models = false;
  EXPECT_THAT(run_all({.tiles = {"A"}, .to = "train"}), ElementsAre("sample/A"));
  have_models = true;
  EXPECT_THAT(run_all({.tiles = {"A"}}), ElementsAre("map/A", "join/all"));
  EXPECT_THAT(kept, ElementsAre("train/all: input " + folder + "/A.samples changed"));
  EXPECT_THAT(run_all(), ElementsAre("train/all", "map/A", "map/B", "join/all"));
}

TEST_F(MendingTest, OtherOptionsThanThoseOfWhatIsKeptAreRefused) {
  run_all();
  config.train.trees = 77;
  const Selection tile_a{.tiles = {"A"}};
  const std::string refused = testing::message_of([&] { run_all(tile_a); });
  EXPECT_THAT(refused,
              HasSubstr("--tiles A: single tiles are computed with the models that there are, and train/all was made with train.trees = "));
  EXPECT_THAT(refused, HasSubstr(", not with 77; set it back, or run without --tiles"));
  EXPECT_THAT(testing::message_of([&] { make_plan(stages(), config, tile_a); }), HasSubstr("train.trees")) << "--dry-run";
  config.train.trees = Config().train.trees;
  config.reference.random_seed = 7;
  EXPECT_THAT(testing::message_of([&] { run_all(tile_a); }), HasSubstr("sample/A was made with reference.random_seed = "));
  EXPECT_THAT(run_all({.tiles = {"A"}, .to = "sample"}), ElementsAre("sample/A"));
  EXPECT_THAT(testing::message_of([&] { run_all(tile_a); }), HasSubstr("sample/B was made with")) << "the other tile's are old";
  EXPECT_THAT(run_all(), ElementsAre("sample/B"));
}

TEST_F(MendingTest, MapsOfTwoSettingsAreNotJoined) {
  run_all();
  const std::string before = std::to_string(config.classify.smooth);
  config.classify.smooth = 0;
  const Selection tile_a{.tiles = {"A"}};
  const std::string refused = testing::message_of([&] { run_all(tile_a); });
  EXPECT_THAT(refused, HasSubstr("map/A would be made with classify.smooth = 0, and map/B was made with classify.smooth = " + before));
  EXPECT_THAT(refused, HasSubstr("set it back, or run without --tiles"));
  EXPECT_THAT(testing::message_of([&] { make_plan(stages(), config, tile_a); }), HasSubstr("two settings")) << "--dry-run";
  // What joins nothing is free; what joins it later is not.
  EXPECT_THAT(run_all({.tiles = {"A"}, .to = "map"}), ElementsAre("map/A"));
  EXPECT_THAT(testing::message_of([&] { run_all({.from = "join"}); }), HasSubstr("map/A was made with classify.smooth = 0, and map/B was"));
  EXPECT_THAT(run_all(), ElementsAre("map/B"));
}

TEST_F(MendingTest, MapsOfTwoModelsOrAreasAreNotJoined) {
  run_all();
  const auto refused = [&] { return testing::message_of([&] { run_all({.tiles = {"A"}}); }); };
  excluded = "0, 43, 1, 44";
  EXPECT_THAT(refused(), HasSubstr("map/A would be made with exclude = 0, 43, 1, 44, and map/B was made with exclude = none"));
  excluded.clear(), model = "other";
  write_text(folder + "/other", "of another year");
  EXPECT_THAT(refused(), HasSubstr("map/A would be made with input other = present, and map/B was made with input other = absent"));
  EXPECT_THAT(run_all(), ::testing::UnorderedElementsAre("map/A", "map/B", "join/all"));
  image("A", "second");
  EXPECT_THAT(run_all({.tiles = {"A"}}), ElementsAre("map/A", "join/all")) << "of one model again";
}

}  // namespace
}  // namespace millesime
