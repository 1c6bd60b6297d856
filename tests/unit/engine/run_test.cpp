// Length: every rule of the engine is shown on the same small production.

#include "pipeline/engine/run.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <new>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/base/device_error.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/interruption.h"
#include "pipeline/core/silent_progress.h"
#include "pipeline/engine/lock.h"
#include "pipeline/engine/status.h"
#include "pipeline/stages/layout.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Recorder : public RunObserver {
 public:
  void unit_starts(const Unit& unit, const std::string& why) override { started.push_back(unit.name()), reasons.push_back(why); }
  void unit_done(const Unit&, double, const nlohmann::json&) override {}
  void unit_taken(const Unit& unit, const std::string& edition) override { taken.push_back(edition + ": " + unit.name()); }
  void unit_failed(const Unit&, const std::string& message) override { failures.push_back(message); }
  void stage_up_to_date(const Stage&, std::size_t) override {}
  std::vector<std::string> started, reasons, failures, taken;
};

// Two stages: `upper` writes each tile's source text in capitals; `join` joins the tiles.
class RunTest : public ::testing::Test {
 protected:
  RunTest() {
    folder = testing::temp_dir();
    config.year = 2021;
    config.output = folder + "/out";
    config.tiles.names = {"A", "B"};
    for (const auto& tile : config.tiles.names) source(tile, "text of " + tile);
    context.progress = &progress;
  }

  std::string source_file(const std::string& tile) const { return folder + "/" + tile + ".txt"; }
  void source(const std::string& tile, const std::string& text) const { write_text(source_file(tile), text); }
  std::string upper_file(const std::string& tile) const { return Layout(config).stage("upper") + "/" + tile + ".txt"; }
  std::string joined_file() const { return Layout(config).stage("join") + "/all.txt"; }

  std::vector<Stage> stages() {
    Stage upper{.name = "upper", .summary = "", .reads = "", .writes = "", .revision = revision, .papers = {}, .plan = {}};
    upper.of_any_edition = true;
    upper.plan = [this](const Config& c) {
      std::vector<Unit> units;
      for (const auto& tile : c.tiles.names) {
        Unit unit;
        unit.stage = "upper", unit.key = unit.tile = tile;
        unit.inputs = {source_file(tile)}, unit.outputs = {upper_file(tile)}, unit.config_keys = {"time"};
        unit.run = [this, tile](const Context&) {
          ++computed;
          if (tile == failing) throw UserError("tile " + tile + " cannot be read");
          if (tile == breaking && failure) failure();
          std::string text = read_text(source_file(tile));
          for (char& c2 : text) c2 = static_cast<char>(std::toupper(c2));
          if (die) ::raise(SIGKILL);
          if (hold) hold();
          write_text(upper_file(tile), text);
          return nlohmann::json{{"characters", text.size()}};
        };
        units.push_back(std::move(unit));
      }
      return std::optional(units);
    };
    Stage join{.name = "join", .summary = "", .reads = "", .writes = "", .revision = 1, .papers = {}, .plan = {}};
    join.plan = [this](const Config& c) {
      Unit unit;
      unit.stage = "join", unit.key = "all", unit.outputs = {joined_file()};
      for (const auto& tile : c.tiles.names) unit.inputs.push_back(upper_file(tile));
      unit.run = [this, inputs = unit.inputs](const Context&) {
        std::string text;
        for (const auto& input : inputs) text += read_text(input) + "\n";
        write_text(joined_file(), text);
        return nlohmann::json::object();
      };
      return std::optional(std::vector<Unit>{unit});
    };
    return {upper, join};
  }

  std::vector<std::string> run_all(const Selection& selection = {}) {
    Recorder recorder;
    outcome = run(stages(), config, selection, context, recorder);
    reasons = recorder.reasons, taken = recorder.taken;
    return recorder.started;
  }

  std::string folder, failing, breaking;
  std::function<void()> failure;  // what happens at `breaking`
  int revision = 1;
  std::atomic<int> computed = 0;  // of `upper`
  bool die = false;
  std::function<void()> hold;
  Config config;
  SilentProgress progress;
  Context context;
  RunOutcome outcome;
  std::vector<std::string> reasons, taken;
};

TEST_F(RunTest, RunsEverythingOnceAndThenNothing) {
  EXPECT_THAT(run_all(), ElementsAre("upper/A", "upper/B", "join/all"));
  EXPECT_EQ(read_text(joined_file()), "TEXT OF A\nTEXT OF B\n");
  EXPECT_THAT(run_all(), IsEmpty());
  EXPECT_EQ(outcome.up_to_date, 3);
}

TEST_F(RunTest, AChangedInputRerunsExactlyWhatDependsOnIt) {
  run_all();
  source("B", "another text");
  EXPECT_THAT(run_all(), ElementsAre("upper/B", "join/all"));
  EXPECT_THAT(reasons[0], HasSubstr("B.txt changed"));
}

// Editions of a year: what agrees is taken, and its manifest holds in its new place.
TEST_F(RunTest, AnEditionTakesWhatAnotherMadeOfTheSameInputs) {
  run_all();
  EXPECT_EQ(computed, 2);
  config.period.until = "2021-06-30";
  run_all();
  EXPECT_EQ(computed, 2);
  EXPECT_THAT(taken, ElementsAre("2021: upper/A", "2021: upper/B"));
  EXPECT_EQ(outcome.ran, 1) << "join names its edition";
  EXPECT_EQ(outcome.taken, 2);
  EXPECT_EQ(read_text(joined_file()), "TEXT OF A\nTEXT OF B\n");
  const Manifest manifest = read_manifest(Layout(config).manifest("upper", "A"));
  EXPECT_EQ(manifest.outputs.front().path, "work/upper/A.txt");
  EXPECT_EQ(manifest.counts.at("characters"), 9);
  EXPECT_THAT(run_all(), IsEmpty());
  EXPECT_EQ(outcome.up_to_date, 3);

  config.period.until = "2021-05-31";
  source("B", "another text");
  run_all();
  EXPECT_EQ(computed, 3) << "only what differs";
  EXPECT_THAT(taken, ElementsAre("2021: upper/A"));
  config.period.until = "2021-04-30";
  write_text(folder + "/out/2021/work/upper/A.txt", "by another program");
  run_all();
  EXPECT_EQ(computed, 3);
  EXPECT_THAT(taken, ElementsAre("2021-05: upper/A", "2021-05: upper/B")) << "never what another program changed";
  EXPECT_EQ(read_text(upper_file("A")), "TEXT OF A");
  run_all({.force = true});
  EXPECT_EQ(computed, 5);
  EXPECT_EQ(outcome.taken, 0);
}

TEST_F(RunTest, AnInputWithNewTimeButTheSameContentRerunsNothing) {
  run_all();
  source("B", "text of B");
  EXPECT_THAT(run_all(), IsEmpty());
}

TEST_F(RunTest, AResultThatComesOutTheSameStopsTheChain) {
  run_all();
  source("B", "TEXT of B");  // the same in capitals
  EXPECT_THAT(run_all(), ElementsAre("upper/B"));
}

TEST_F(RunTest, AChangedOptionRerunsTheUnitsItShapes) {
  run_all();
  config.time.step_days = 5;
  config.mosaic.resolution = 20;
  EXPECT_THAT(run_all(), ElementsAre("upper/A", "upper/B"));
  EXPECT_THAT(reasons[0], HasSubstr("time.step_days: 10 -> 5"));
}

TEST_F(RunTest, AReasonNamesTheKeyThatChangedAndNotTheWholeOfALongText) {
  std::string classes = R"({"name":"oso23","classes":[{"code":1,"name":"Rice"})";
  for (int code = 2; code < 200; ++code) classes += R"(,{"code":)" + std::to_string(code) + R"(,"name":"class"})";
  classes += "]}";
  const auto with_fact = [&](const std::string& fact) {
    auto list = stages();
    list[0].plan = [plan = list[0].plan, fact](const Config& c) {
      auto units = plan(c);
      for (Unit& unit : *units) unit.facts = {fact};
      return units;
    };
    return list;
  };
  const auto reason_after = [&](const std::string& before, const std::string& after) {
    Recorder recorder;
    run(with_fact(before), config, {}, context, recorder);
    return make_plan(with_fact(after), config, {}).front().units.front().why;
  };
  std::string renamed = classes;
  renamed.replace(renamed.find("Rice"), 4, "Paddy");
  EXPECT_EQ(reason_after("classes = " + classes, "classes = " + renamed), "classes: classes 0 name: \"Rice\" -> \"Paddy\"");
  EXPECT_EQ(reason_after("grid = small", "grid = large"), "grid: small -> large");
  const std::string long_text(500, 'x');
  const std::string reason = reason_after("list = " + long_text + "a", "list = " + long_text + "b");
  EXPECT_EQ(reason, "list: ... a -> ... b");
}

TEST_F(RunTest, WhatAStageNeedsIsAskedForWhereThatStageIsChosen) {
  auto list = stages();
  list[1].check = [](const Config&) { throw UserError("join needs a reference"); };
  Recorder recorder;
  EXPECT_THROW(run(list, config, {}, context, recorder), UserError);
  EXPECT_THAT(recorder.started, IsEmpty());  // before anything runs
  Selection upper;
  upper.to = "upper";
  EXPECT_TRUE(run(list, config, upper, context, recorder).complete());
  const auto states = status(list, config, false);
  ASSERT_EQ(states.size(), 3U);
  EXPECT_EQ(states[0].state, "done");
  EXPECT_EQ(states[2].state, "unknown");
  EXPECT_EQ(states[2].detail, "join needs a reference");
}

TEST_F(RunTest, TheEffectiveConfigurationHoldsTheExogenousRasters) {
  config.exogenous = {{"climate", "/data/climate.tif"}, {"soil", "/data/soil.tif"}};
  run_all();
  const std::string file = Layout(config).work() + "/effective.toml";
  EXPECT_THAT(read_text(file), HasSubstr("[[exogenous]]\nname = \"climate\"\npath = \"/data/climate.tif\"\n"));
  config.sources.front().root = folder;
  write_text(folder + "/again.toml", config.to_toml());
  const Config again = Config::load(folder + "/again.toml", {});
  ASSERT_EQ(again.exogenous.size(), 2U);
  EXPECT_EQ(again.exogenous[1].name, "soil");
  EXPECT_EQ(again.exogenous[1].path, "/data/soil.tif");
}

TEST_F(RunTest, ANewRevisionOfAStageRerunsIt) {
  run_all();
  revision = 2;
  EXPECT_THAT(run_all(), ElementsAre("upper/A", "upper/B"));
}

TEST_F(RunTest, AnOutputThatWasRemovedOrChangedIsMadeAgain) {
  run_all();
  fs::remove(upper_file("A"));
  EXPECT_THAT(run_all(), ElementsAre("upper/A"));
  write_text(upper_file("A"), "tampered");
  EXPECT_THAT(run_all(), ElementsAre("upper/A"));
  EXPECT_EQ(read_text(joined_file()), "TEXT OF A\nTEXT OF B\n");
}

TEST_F(RunTest, AFailedTileLetsTheOthersGoOnAndBlocksWhatNeedsIt) {
  failing = "A";
  EXPECT_THAT(run_all(), ElementsAre("upper/A", "upper/B"));
  ASSERT_EQ(outcome.failed.size(), 1u);
  EXPECT_EQ(outcome.failed[0].message, "tile A cannot be read");
  EXPECT_THAT(outcome.blocked, ElementsAre("join/all"));
  const auto units = status(stages(), config, false);
  EXPECT_EQ(units[0].state, "failed");
  EXPECT_THAT(units[0].detail, HasSubstr("cannot be read"));
  EXPECT_EQ(units[1].state, "done");
  failing.clear();
  EXPECT_THAT(run_all(), ElementsAre("upper/A", "join/all"));
  EXPECT_TRUE(outcome.complete());
}

TEST_F(RunTest, AUnitThatFailsByWhateverExceptionIsRecordedAndTheOthersGoOn) {
  struct Case {
    std::function<void()> failure;
    std::string message;
  };
  const std::vector<Case> cases = {{[] { throw std::bad_alloc(); }, "out of memory; give a smaller --memory"},
                                   {[] { throw DeviceError("cuda:0: kernel failed"); }, "cuda:0: kernel failed"},
                                   {[] { throw OutOfDeviceMemory("cuda:0: no memory"); }, "cuda:0: no memory"},
                                   {[] { throw fs::filesystem_error("status", std::error_code()); }, "unexpected error: "},
                                   {[] { throw std::out_of_range("map::at"); }, "unexpected error: map::at"},
                                   {[] { throw 7; }, "of an unknown kind"}};
  for (std::size_t i = 0; i < cases.size(); ++i)
    for (const int jobs : {1, 2}) {
      config.output = folder + "/out" + std::to_string(i) + std::to_string(jobs);
      breaking = "A", failure = cases[i].failure;
      Recorder recorder;
      outcome = run(stages(), config, {}, context, recorder, jobs);
      ASSERT_EQ(outcome.failed.size(), 1u) << cases[i].message;
      EXPECT_EQ(outcome.failed[0].unit, "upper/A");
      EXPECT_THAT(outcome.failed[0].message, HasSubstr(cases[i].message));
      EXPECT_THAT(read_text(Layout(config).failure("upper", "A")), HasSubstr(cases[i].message));
      EXPECT_TRUE(fs::exists(upper_file("B"))) << cases[i].message;
      EXPECT_THAT(outcome.blocked, ElementsAre("join/all"));
    }
}

TEST_F(RunTest, AFailureIsOfTheLastAttempt) {
  failing = "A";
  run_all();
  ASSERT_EQ(status(stages(), config, false)[0].state, "failed");
  failing.clear(), breaking = "A";
  failure = [] { throw Interrupted(); };
  EXPECT_THROW(run_all(), Interrupted);
  EXPECT_EQ(status(stages(), config, false)[0].state, "to run");
}

TEST_F(RunTest, WhatIsAtWorkIsListedAsRunning) {
  std::vector<UnitStatus> during;
  hold = [&] { during = status(stages(), config, false); };
  run_all({.tiles = {"A"}, .from = "", .to = "upper", .force = false});
  ASSERT_FALSE(during.empty());
  EXPECT_EQ(during[0].state, "running");
  EXPECT_THAT(during[0].detail, HasSubstr("process " + std::to_string(::getpid())));
  EXPECT_EQ(during[1].state, "to run");
  EXPECT_EQ(status(stages(), config, false)[0].state, "done");
}

TEST_F(RunTest, ALostDeviceOrAFaultOfTheProgramEndsTheRunAndIsRecorded) {
  breaking = "A", failure = [] { throw DeviceLost("cuda:0 is gone"); };
  EXPECT_THROW(run_all(), DeviceLost);
  EXPECT_THAT(read_text(Layout(config).failure("upper", "A")), HasSubstr("cuda:0 is gone"));
  EXPECT_FALSE(fs::exists(upper_file("B")));
  failure = [] { MILLESIME_CHECK(1 + 1 == 3, "arithmetic"); };
  EXPECT_THROW(run_all(), Bug);
  EXPECT_THAT(read_text(Layout(config).failure("upper", "A")), HasSubstr("please report this"));
  Recorder recorder;
  EXPECT_THROW(run_unit(stages(), config, {}, "upper/A", context, recorder), Bug);
  failure = [] { throw std::bad_alloc(); };
  EXPECT_THROW(run_unit(stages(), config, {}, "upper/A", context, recorder), std::bad_alloc);
  EXPECT_THAT(read_text(Layout(config).failure("upper", "A")), HasSubstr("out of memory"));
}

TEST_F(RunTest, ATileOfTheConfigurationWithoutAMapMakesTheRunIncomplete) {
  run_all();
  fs::remove(Layout(config).manifest("upper", "B"));  // killed while it was made anew: the files are there, nothing answers for them
  source("A", "new a");
  EXPECT_THAT(run_all({.tiles = {"A"}}), ElementsAre("upper/A"));
  EXPECT_FALSE(outcome.complete());
  EXPECT_THAT(outcome.blocked, ElementsAre("join/all"));
  EXPECT_THAT(outcome.lacking, ElementsAre("upper/B"));
  EXPECT_EQ(read_text(joined_file()), "TEXT OF A\nTEXT OF B\n") << "the old map stays";
  const auto plan = make_plan(stages(), config, {.tiles = {"A"}});
  EXPECT_EQ(plan[1].units[0].needs, "upper/B");
  // From a later stage on it is no other.
  EXPECT_THAT(run_all({.from = "join"}), IsEmpty());
  EXPECT_THAT(outcome.lacking, ElementsAre("upper/B"));
  EXPECT_THAT(run_all(), ElementsAre("upper/B", "join/all"));
  EXPECT_EQ(read_text(joined_file()), "NEW A\nTEXT OF B\n");
}

TEST_F(RunTest, APartialMapIsOneThatWasAskedFor) {
  EXPECT_THAT(run_all({.tiles = {"A"}}), ElementsAre("upper/A"));
  EXPECT_THAT(outcome.lacking, ElementsAre("upper/B"));
  EXPECT_THAT(run_all({.tiles = {"A"}, .partial = true}), ElementsAre("join/all"));
  EXPECT_TRUE(outcome.complete());
  EXPECT_EQ(read_text(joined_file()), "TEXT OF A\n");
  failing = "B";
  source("A", "new a");
  EXPECT_THAT(run_all({.partial = true}), ElementsAre("upper/A", "upper/B", "join/all"));
  EXPECT_FALSE(outcome.complete()) << "a tile failed";
  EXPECT_EQ(read_text(joined_file()), "NEW A\n");
}

TEST_F(RunTest, ATileThatWasTakenOutOfTheConfigurationStaysOut) {
  write_text(Layout(config).manifest("classify", "B"), "{}");
  run_all();
  config.tiles.names = {"A"};
  source("A", "new a");
  EXPECT_THAT(run_all({.tiles = {"A"}}), ElementsAre("upper/A", "join/all"));
  EXPECT_TRUE(outcome.complete());
  EXPECT_EQ(read_text(joined_file()), "NEW A\n");
  EXPECT_THROW(run_all({.tiles = {"B"}}), UserError);
}

TEST_F(RunTest, SelectsStagesAndTiles) {
  EXPECT_THAT(run_all({.tiles = {}, .from = "", .to = "upper", .force = false}), ElementsAre("upper/A", "upper/B"));
  EXPECT_THAT(run_all({.tiles = {}, .from = "join", .to = "", .force = false}), ElementsAre("join/all"));
  source("A", "new a"), source("B", "new b");
  EXPECT_THAT(run_all({.tiles = {"A"}, .from = "", .to = "upper", .force = false}), ElementsAre("upper/A"));
  EXPECT_THAT(run_all({.tiles = {}, .from = "", .to = "", .force = true}), ElementsAre("upper/A", "upper/B", "join/all"));
  EXPECT_THROW(run_all({.tiles = {}, .from = "uper", .to = "", .force = false}), UserError);
  EXPECT_THROW(run_all({.tiles = {}, .from = "join", .to = "upper", .force = false}), UserError);
  EXPECT_THROW(run_all({.tiles = {"C"}, .from = "", .to = "", .force = false}), UserError);
}

TEST_F(RunTest, ThePlanShowsWhatFollowsFromWhatWillRun) {
  run_all();
  source("A", "changed");
  const auto plan = make_plan(stages(), config, {});
  EXPECT_THAT(plan[0].units[0].why, HasSubstr("changed"));
  EXPECT_EQ(plan[0].units[1].why, "");
  EXPECT_THAT(plan[1].units[0].why, HasSubstr("will be made again"));
}

TEST_F(RunTest, AKilledRunLeavesTheOldProductAndTheNextRunGoesOn) {
  run_all();
  const std::string before = read_text(joined_file());
  source("A", "new a");
  const pid_t child = ::fork();
  if (child == 0) {
    die = true;
    run_all();
    ::_exit(1);
  }
  int wait_status = 0;
  ASSERT_EQ(::waitpid(child, &wait_status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(wait_status));
  EXPECT_EQ(read_text(upper_file("A")), "TEXT OF A");
  EXPECT_EQ(read_text(joined_file()), before);
  EXPECT_THAT(run_all(), ElementsAre("upper/A", "join/all"));
  EXPECT_EQ(read_text(joined_file()), "NEW A\nTEXT OF B\n");
}

TEST_F(RunTest, ADamagedManifestIsNoWitness) {
  run_all();
  write_text(Layout(config).manifest("upper", "A"), "{ not json");
  EXPECT_THAT(run_all(), ElementsAre("upper/A"));
}

TEST_F(RunTest, VerifyFindsAFlippedByteThatSizeAndTimeDoNotShow) {
  run_all();
  const auto time = fs::last_write_time(upper_file("A"));
  std::string text = read_text(upper_file("A"));
  text[0] ^= 1;
  write_text(upper_file("A"), text);
  fs::last_write_time(upper_file("A"), time);
  EXPECT_EQ(status(stages(), config, false)[0].state, "done");
  EXPECT_EQ(status(stages(), config, true)[0].state, "damaged");
}

TEST_F(RunTest, UnitsThatRunSideBySideGiveTheSame) {
  std::atomic<int> at_work{0}, most{0};
  hold = [&] {
    const int now = ++at_work;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    ::usleep(200000);
    --at_work;
  };
  context.threads = 2;
  Recorder recorder;
  outcome = run(stages(), config, {}, context, recorder, 2);
  EXPECT_EQ(most, 2);
  EXPECT_EQ(outcome.ran, 3);
  EXPECT_EQ(recorder.started.back(), "join/all");
  EXPECT_EQ(read_text(joined_file()), "TEXT OF A\nTEXT OF B\n");
}

TEST_F(RunTest, AFailureSideBySideLetsTheOthersGoOn) {
  failing = "A";
  Recorder recorder;
  outcome = run(stages(), config, {}, context, recorder, 2);
  ASSERT_EQ(outcome.failed.size(), 1u);
  EXPECT_EQ(outcome.failed[0].unit, "upper/A");
  EXPECT_TRUE(fs::exists(upper_file("B")));
  EXPECT_THAT(outcome.blocked, ElementsAre("join/all"));
}

TEST_F(RunTest, AFailureThatCannotBeRecordedIsStillReported) {
  for (const int jobs : {1, 2}) {
    failing = "A";
    config.output = folder + "/unrecorded" + std::to_string(jobs);
    fs::create_directories(Layout(config).failure("upper", "A") + "/in the way");  // as a full disk refuses the file
    Recorder recorder;
    outcome = run(stages(), config, {}, context, recorder, jobs);
    ASSERT_EQ(outcome.failed.size(), 1u);
    EXPECT_EQ(outcome.failed[0].message, "tile A cannot be read");
    EXPECT_TRUE(fs::exists(upper_file("B")));
  }
}

TEST(UnitsSideBySide, AreAsManyAsThreadsAndMemoryAllow) {
  Stage stage{.name = "s", .summary = "", .reads = "", .writes = "", .revision = 1, .papers = {}, .plan = {}};
  Context context;
  context.threads = 4, context.memory_bytes = 3 * kUnitMemory;
  EXPECT_EQ(units_side_by_side(stage, 10, 0, context), 3);
  EXPECT_EQ(units_side_by_side(stage, 2, 0, context), 2);
  EXPECT_EQ(units_side_by_side(stage, 10, 7, context), 7) << "asked for";
  context.memory_bytes = kUnitMemory / 2;
  EXPECT_EQ(units_side_by_side(stage, 10, 0, context), 1);
  context.memory_bytes = 100 * kUnitMemory;
  EXPECT_EQ(units_side_by_side(stage, 10, 0, context), 4);
  EXPECT_EQ(units_side_by_side(stage, 10, 0, context, 40 * kUnitMemory), 2) << "units that need much";
  EXPECT_EQ(units_side_by_side(stage, 10, 7, context, 40 * kUnitMemory), 2);
  stage.side_by_side = false;
  EXPECT_EQ(units_side_by_side(stage, 10, 7, context), 1);
}

TEST(UnitsSideBySide, AreSpreadOverTheGpusOfANode) {
  const Stage stage{.name = "s", .summary = "", .reads = "", .writes = "", .revision = 1, .papers = {}, .plan = {}};
  Context node;
  node.device = {Device::Kind::cuda, 0};
  node.devices = 4, node.threads = 10, node.memory_bytes = 100 * kUnitMemory;
  EXPECT_EQ(units_side_by_side(stage, 10, 0, node), 4);
  std::vector<std::string> devices;
  int threads = 0;
  for (int job = 0; job < 6; ++job) {
    const Context share = share_of(node, job, 6);
    devices.push_back(share.device.text());
    threads += share.threads;
    EXPECT_EQ(share.devices, 1);
  }
  EXPECT_THAT(devices, ElementsAre("cuda:0", "cuda:1", "cuda:2", "cuda:3", "cuda:0", "cuda:1"));
  EXPECT_EQ(threads, 10);
  node.device.index = 2, node.devices = 1;  // --device cuda:2
  EXPECT_EQ(units_side_by_side(stage, 10, 0, node), 1);
  EXPECT_EQ(share_of(node, 3, 4).device.text(), "cuda:2");
  node.device = {};
  EXPECT_EQ(share_of(node, 3, 4).device.text(), "cpu");
}

TEST_F(RunTest, OneUnitRunsAloneAndEndsAtOnceWhenItIsUpToDate) {
  Recorder recorder;
  EXPECT_EQ(run_unit(stages(), config, {}, "upper/A", context, recorder).ran, 1);
  EXPECT_EQ(run_unit(stages(), config, {}, "upper/A", context, recorder).up_to_date, 1);
  EXPECT_THAT(recorder.started, ElementsAre("upper/A"));
  EXPECT_FALSE(fs::exists(upper_file("B")));
  EXPECT_THROW(run_unit(stages(), config, {}, "upper/C", context, recorder), UserError);
  EXPECT_THROW(run_unit(stages(), config, {}, "upper", context, recorder), UserError);
  EXPECT_THROW(run_unit(stages(), config, {}, "../A", context, recorder), UserError);
}

TEST_F(RunTest, OneUnitDoesNotBuildOnWhatIsNotFinished) {
  Recorder recorder;
  run_unit(stages(), config, {}, "upper/A", context, recorder);
  try {
    run_unit(stages(), config, {}, "join/all", context, recorder);
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("join/all: not run, because it depends on upper/B"));
  }
  const auto units = status(stages(), config, false);
  EXPECT_EQ(units.back().state, "failed");
  EXPECT_THAT(units.back().detail, HasSubstr("upper/B"));
  run_unit(stages(), config, {}, "upper/B", context, recorder);
  EXPECT_EQ(run_unit(stages(), config, {}, "join/all", context, recorder).ran, 1);
  EXPECT_EQ(status(stages(), config, false).back().state, "done");
}

TEST_F(RunTest, OneUnitRemovesWhatAKilledTaskLeftOfItAndNothingElse) {
  Recorder recorder;
  const std::string folder_of_stage = Layout(config).stage("upper");
  const std::string own = folder_of_stage + "/.partial-12-0-A.txt", other = folder_of_stage + "/.partial-12-0-B-A.txt";
  write_text(own, ""), write_text(other, "");
  run_unit(stages(), config, {}, "upper/A", context, recorder);
  EXPECT_FALSE(fs::exists(own));
  EXPECT_TRUE(fs::exists(other));
}

TEST_F(RunTest, AUnitThatIsStartedTwiceRunsOnce) {
  const std::string began = folder + "/began";
  hold = [&] {
    write_text(began, "");
    ::usleep(300000);
  };
  const pid_t child = ::fork();
  if (child == 0) {
    Recorder recorder;
    run_unit(stages(), config, {}, "upper/A", context, recorder);
    ::_exit(recorder.started.size() == 1 ? 0 : 1);
  }
  while (!fs::exists(began)) ::usleep(1000);
  hold = nullptr;
  Recorder recorder;
  EXPECT_EQ(run_unit(stages(), config, {}, "upper/A", context, recorder).up_to_date, 1);
  int wait_status = 0;
  ASSERT_EQ(::waitpid(child, &wait_status, 0), child);
  EXPECT_EQ(wait_status, 0);
}

TEST_F(RunTest, ARunAloneIsRefusedWhileTasksOfAClusterWork) {
  const OutputLock task(Layout(config).work(), Sharing::with_other_tasks);
  const OutputLock another_task(Layout(config).work(), Sharing::with_other_tasks);
  try {
    run_all();
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("tasks of a cluster"));
  }
}

TEST_F(RunTest, ASecondRunOnTheSameOutputIsToldWhoHoldsIt) {
  const OutputLock lock(Layout(config).work());
  try {
    run_all();
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("in use by another run: process " + std::to_string(::getpid())));
  }
}

TEST_F(RunTest, AnOutputFolderThatCannotBeMadeIsNamed) {
  write_text(folder + "/file", "");
  config.output = folder + "/file";
  try {
    run_all();
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr(folder + "/file"));
  }
}

}  // namespace
}  // namespace millesime
