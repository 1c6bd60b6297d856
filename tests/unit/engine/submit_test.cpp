#include "pipeline/engine/submit.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/engine/status.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// While it exists, programs are looked for in this folder alone.
class Path {
 public:
  explicit Path(const std::string& folder) : before_(std::getenv("PATH")) { ::setenv("PATH", folder.c_str(), 1); }
  ~Path() { ::setenv("PATH", before_.c_str(), 1); }
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

 private:
  std::string before_;
};

// The units of these stages: `first` has one a tile; `second` has sheets and a map that consists of them, and knows its units
// only if the file "known" exists.
class SubmitTest : public ::testing::Test {
 protected:
  SubmitTest() {
    folder = testing::temp_dir();
    config.year = 2021;
    config.output = folder + "/out";
    config.tiles.names = {"A", "B", "it's"};
    Stage first{.name = "first", .summary = "", .reads = "", .writes = "", .revision = 1, .papers = {}, .plan = {}};
    first.plan = [this](const Config& c) {
      std::vector<Unit> units;
      for (const auto& tile : c.tiles.names) units.push_back(unit("first", tile, {}));
      return std::optional(units);
    };
    Stage second{.name = "second", .summary = "", .reads = "", .writes = "", .revision = 1, .papers = {}, .plan = {}};
    second.plan = [this](const Config&) -> std::optional<std::vector<Unit>> {
      if (!std::filesystem::exists(folder + "/known")) return std::nullopt;
      return std::vector<Unit>{unit("second", "sheet1", {"first/A"}), unit("second", "sheet2", {"first/B"}),
                               unit("second", "map", {"second/sheet1", "second/sheet2"})};
    };
    stages = {first, second};
    call = {.program = "/opt/millesime", .config = "/data/c.toml", .folder = "/data", .arguments = {"--set", "a=b c"}, .site = ""};
  }
  std::string file(const std::string& name) const { return folder + "/" + name; }
  Unit unit(const std::string& stage, const std::string& key, const std::vector<std::string>& inputs) const {
    Unit made;
    made.stage = stage, made.key = key;
    for (const auto& input : inputs) made.inputs.push_back(file(input));
    made.outputs = {file(stage + "/" + key)};
    return made;
  }
  std::vector<StageJobs> plan(const Selection& selection = {}, const SentTasks& in_queue = {}, const std::string& site = "") {
    return plan_jobs(stages, config, selection, Site::load(site, stages), call, in_queue);
  }

  std::string folder;
  Config config;
  std::vector<Stage> stages;
  ClusterCall call;
};

TEST_F(SubmitTest, AnArrayAStageAndATaskAUnit) {
  write_text(file("known"), "");
  const auto jobs = plan();
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_THAT(jobs[0].units, ElementsAre("first/A", "first/B", "first/it's"));
  ASSERT_EQ(jobs[0].waves.size(), 1u);
  const std::string script = job_script(jobs[0].waves[0].at(0));
  EXPECT_THAT(script, HasSubstr("#SBATCH --array=0-2\n"));
  EXPECT_THAT(script, HasSubstr("  1) exec '/opt/millesime' 'run' '/data/c.toml' '--unit' 'first/B' '--threads' '1' '--set' 'a=b c' ;;\n"));
  EXPECT_THAT(script, HasSubstr("'first/it'\\''s'"));
  ClusterJob odd = jobs[0].waves[0].at(0);
  odd.folder = "/data/a\nrm -rf b";  // a second line would be a command
  try {
    job_script(odd);
    ADD_FAILURE() << "accepted";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("a line break"));
  }
}

TEST_F(SubmitTest, FoldersThatSlurmWouldReadAsAPatternAreTakenAsTheyAre) {
  ClusterJob job{.name = "millesime-first", .tasks = {"true"}, .folder = "/data/100%a", .log = "out/logs/first_%A_%a.log", .resources = {}};
  EXPECT_THAT(job_script(job), HasSubstr("--output='/data/100%%a/out/logs/first_%A_%a.log'\n"));
  job.log = "/50%/first_%A_%a.log";
  EXPECT_THAT(job_script(job), HasSubstr("--output='/50%%/first_%A_%a.log'\n"));
  const auto refused = [&] {
    try {
      job_script(job);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  job.folder = "/data/a\\b";  // is gone to
  EXPECT_THAT(refused(), HasSubstr("/data/a\\b: Slurm does not take names with a \\"));
  job.folder = "/data", job.log = "a\\b/first_%A_%a.log";
  EXPECT_THAT(refused(), HasSubstr("/data/a\\b/first_%A_%a.log: Slurm does not take names with a \\"));
}

TEST_F(SubmitTest, WhatIsMadeOfOtherUnitsOfItsStageComesAfterThem) {
  write_text(file("known"), "");
  const auto jobs = plan();
  ASSERT_EQ(jobs[1].waves.size(), 2u);
  EXPECT_EQ(jobs[1].waves[0].at(0).tasks.size(), 2u);
  EXPECT_THAT(jobs[1].waves[1].at(0).tasks.at(0), HasSubstr("second/map"));
}

TEST_F(SubmitTest, UnknownUnitsAreLeftToAJobThatSubmitsThem) {
  const auto jobs = plan();
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[1].stage, "plan");
  EXPECT_THAT(jobs[1].waves.at(0).at(0).tasks, ElementsAre(HasSubstr("'submit' '/data/c.toml' '--from' 'second'")));
}

TEST_F(SubmitTest, UnitsThatMayChangeWithAResultAreUnknownToo) {
  write_text(file("known"), "");
  stages[1].units_from = {"first"};
  EXPECT_EQ(plan().back().stage, "plan");
  EXPECT_EQ(plan({.tiles = {}, .from = "second", .to = "", .force = false}).back().stage, "second") << "nothing of first is under way";
}

TEST_F(SubmitTest, TheJobThatSubmitsTheRestDoesNotGoRoundInCircles) {
  EXPECT_THROW(plan({.tiles = {}, .from = "second", .to = "", .force = false}), UserError);
}

TEST_F(SubmitTest, WhatWaitsOrRunsIsNotSentAgain) {
  const SentTasks queue{{"first/A", {"7", 0, ""}}, {"first/B", {"7", 1, ""}}, {"plan/second", {"8", 0, ""}}};
  const auto jobs = plan({}, queue);
  EXPECT_THAT(jobs[0].units, ElementsAre("first/it's"));
  EXPECT_THAT(jobs[0].in_queue, ElementsAre("7"));
  EXPECT_THAT(jobs[1].units, IsEmpty());
  EXPECT_THAT(jobs[1].in_queue, ElementsAre("8"));
}

TEST_F(SubmitTest, WhatBuildsOnAFailureIsNotSent) {
  write_text(file("known"), "");
  const auto jobs = plan({.tiles = {}, .from = "second", .to = "", .force = false});
  EXPECT_THAT(jobs[0].units, IsEmpty());  // a map without a tile of the configuration is made with --partial only
  EXPECT_THAT(jobs[0].blocked, ElementsAre(HasSubstr("second/sheet1, because it depends on first/A"), HasSubstr("second/sheet2"),
                                           HasSubstr("second/map, because it depends on first/A")));
}

TEST_F(SubmitTest, ASiteSaysWhatTasksAskFor) {
  write_text(file("site.toml"),
             "program = \"/shared/millesime\"\nlargest_array = 2\n[stages]\npartition = \"cpu\"\nmemory = \"10GiB\"\ncpus = 4\n"
             "prologue = [\"module load gdal\"]\n[stages.first]\npartition = \"gpu\"\ngpus = 1\nat_once = 3\n"
             "options = [\"--constraint=a100\"]\nlauncher = \"apptainer exec image.sif\"\n");
  const Site site = Site::load(file("site.toml"), stages);
  EXPECT_EQ(site.stages.at("first").cpus, 4) << "taken from [stages]";
  EXPECT_EQ(site.stages.at("second").partition, "cpu");
  EXPECT_EQ(site.stages.at("plan").gpus, 0);
  const auto jobs = plan({}, {}, file("site.toml"));
  ASSERT_EQ(jobs[0].waves.at(0).size(), 2u) << "three units in arrays of two";
  const std::string script = job_script(jobs[0].waves[0][0]);
  for (const char* line :
       {"--array=0-1%3\n", "--partition=gpu\n", "--mem=10240M\n", "--cpus-per-task=4\n", "--gres=gpu:1\n", "--constraint=a100\n",
        "\nmodule load gdal\n", "apptainer exec image.sif '/shared/millesime' 'run'", "'--threads' '4' '--memory' '9216MiB'"})
    EXPECT_THAT(script, HasSubstr(line));
  EXPECT_THAT(script, Not(HasSubstr("--account")));
}

TEST_F(SubmitTest, TheJobThatSubmitsRunsOutsideOfTheContainer) {
  const auto plan_of = [&](const std::string& text) {
    write_text(file("site.toml"), text);
    return plan({}, {}, file("site.toml")).back().waves.at(0).at(0).tasks.at(0);
  };
  const std::string container = "program = \"millesime\"\n[stages]\nlauncher = \"apptainer exec image.sif\"\n";
  EXPECT_THAT(plan_of(container), StartsWith("'/opt/millesime' 'submit'")) << "the program that submits now";
  EXPECT_THAT(plan_of(container + "[stages.plan]\nlauncher = \"apptainer exec --bind /etc/slurm image.sif\"\n"),
              StartsWith("apptainer exec --bind /etc/slurm image.sif 'millesime' 'submit'"));
  EXPECT_THAT(plan_of("program = \"/shared/millesime\"\n"), StartsWith("'/shared/millesime' 'submit'"));
}

TEST_F(SubmitTest, WhereSlurmIsNotTheMessageSaysSo) {
  std::filesystem::create_directories(file("out/2021/work/slurm"));
  write_text(file("out/2021/work/slurm/tasks.json"), R"({"first/A": {"job": "7", "index": 0, "log": ""}})");
  const Path none(folder);
  try {
    tasks_under_way(Layout(config));
    ADD_FAILURE() << "accepted";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("squeue is not in the PATH"));
  }
}

TEST_F(SubmitTest, AJobThatSubmitsNothingIsListed) {
  std::filesystem::create_directories(file("out/2021/work/slurm/logs"));
  write_text(file("plan.log"), "millesime: squeue is not in the PATH\n");
  write_text(file("out/2021/work/slurm/tasks.json"), R"({"plan/second": {"job": "8", "index": 0, "log": ")" + file("plan.log") + "\"}}");
  write_text(file("squeue"), "#!/bin/sh\n");  // a queue without tasks
  std::filesystem::permissions(file("squeue"), std::filesystem::perms::owner_all);
  write_text(file("known"), "");  // the units of second are known, and none of them was sent
  const Path fake(folder);
  const auto job = [&] {
    const auto list = status(stages, config, false);
    const auto found = std::ranges::find(list, "plan", &UnitStatus::stage);
    return found == list.end() ? UnitStatus{} : *found;
  };
  EXPECT_EQ(job().key, "second");
  EXPECT_EQ(job().state, "failed");
  EXPECT_THAT(job().detail, HasSubstr("squeue is not in the PATH"));
  write_text(file("out/2021/work/slurm/tasks.json"),
             R"({"plan/second": {"job": "8", "index": 0, "log": ""}, "second/map": {"job": "9", "index": 0, "log": ""}})");
  EXPECT_EQ(job().state, "") << "it has sent something";
}

TEST_F(SubmitTest, ATaskThatWasStoppedHasNotFailed) {
  std::filesystem::create_directories(file("out/2021/work/slurm/logs"));
  write_text(file("out/2021/work/slurm/tasks.json"), R"({"first/A": {"job": "7", "index": 0, "log": ")" + file("a.log") + "\"}}");
  write_text(file("squeue"), "#!/bin/sh\n");
  std::filesystem::permissions(file("squeue"), std::filesystem::perms::owner_all);
  const Path fake(folder);
  const auto state = [&](const std::string& last) {
    write_text(file("a.log"), "first/A\n" + last + "\n");
    const UnitStatus unit = status(stages, config, false).front();
    return unit.state + ", " + unit.detail;
  };
  EXPECT_THAT(state("millesime: ended on request; what is finished is kept"), StartsWith("to run, job 7_0 was stopped, and goes on"));
  EXPECT_THAT(state("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2021-05-01T10:00:00 DUE TO TIME LIMIT ***"),
              AllOf(StartsWith("to run, job 7_0 was stopped"), HasSubstr("DUE TO TIME LIMIT")));
  EXPECT_THAT(state("slurmstepd: error: Detected 1 oom_kill event"), StartsWith("failed, job 7_0 ended without a result: slurmstepd"));
  // One that waited behind it has no log.
  std::filesystem::remove(file("a.log"));
  const UnitStatus unit = status(stages, config, false).front();
  EXPECT_EQ(unit.state, "to run");
  EXPECT_THAT(unit.detail, HasSubstr("job 7_0 ended before it started"));
}

TEST_F(SubmitTest, ADamagedListOfTasksIsNamed) {
  std::filesystem::create_directories(file("out/2021/work/slurm"));
  for (const char* damaged : {"{", "[]5", R"({"first/A": 3})", R"({"first/A": {"job": 7, "index": "0", "log": ""}})"}) {
    write_text(file("out/2021/work/slurm/tasks.json"), damaged);
    try {
      sent_tasks(Layout(config));
      ADD_FAILURE() << "accepted";
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr("tasks.json: is damaged; remove it"), Not(HasSubstr("json.exception"))));
    }
  }
}

TEST_F(SubmitTest, ASiteWithASlipIsRefused) {
  const auto message = [&](const std::string& text) {
    write_text(file("site.toml"), text);
    try {
      Site::load(file("site.toml"), stages);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message("[stages]\npartitoin = \"cpu\"\n"), HasSubstr("did you mean \"stages.partition\""));
  EXPECT_THAT(message("[stages.frist]\ncpus = 2\n"), HasSubstr("stages.first.cpus"));
  EXPECT_THAT(message("bogus = 1\n"), HasSubstr("millesime config reference"));
  EXPECT_THAT(message("[stages]\nmemory = \"much\"\n"), HasSubstr("site.toml:2: stages.memory"));
  EXPECT_THAT(message("[stages.first]\nmemory = \"much\"\n"), HasSubstr("site.toml:2: stages.first.memory"));
  EXPECT_THAT(message("[stages]\ntime = \"soon\"\n"), HasSubstr("site.toml:2: stages.time: expected a time of Slurm"));
  for (const char* time : {"90", "90:00", "01:30:00", "2-12", "2-12:00", "2-12:00:00", "UNLIMITED"})
    EXPECT_EQ(message("[stages]\ntime = \"" + std::string(time) + "\"\n"), "no error");
  EXPECT_THAT(message("[stages.second]\npartition = \"a b; rm\"\n"), HasSubstr("site.toml:2: stages.second.partition: expected a name"));
  EXPECT_EQ(message("[stages]\npartition = \"a,b-2\"\n"), "no error");
  EXPECT_THAT(message("[stages]\ncpus = 0\n"), HasSubstr("1 to 1024"));
  EXPECT_THROW(Site::load("no_such_site", stages), UserError);
  const std::string here = std::filesystem::proximate(folder) / "site";
  try {
    Site::load(here, stages);
    ADD_FAILURE() << "accepted";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean --site " + here + ".toml?"));
  }
}

TEST_F(SubmitTest, TheExampleSiteIsRead) {
  const Site site = Site::load("example", stage_list());
  EXPECT_EQ(site.stages.at("classify").gpus, 1);
  EXPECT_EQ(site.stages.at("catalog").gpus, 0);
}

}  // namespace
}  // namespace millesime
