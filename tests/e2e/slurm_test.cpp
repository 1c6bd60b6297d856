// The same plan as jobs of a real Slurm with two nodes on this machine.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "tests/support/program.h"
#include "tests/support/slurm_cluster.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_program;
using testing::SlurmCluster;

constexpr int kPatience = 300;                         // s for a small production
const std::string kOddName = "it's 100%a \"mended\"";  // of an output folder: quotes, and what Slurm replaces in names of logs

// A world of two tiles with regions, so that models and sheets are known only while it runs.
class SlurmTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!SlurmCluster::missing().empty()) return;
    world = (fs::temp_directory_path() / ("millesime-slurm-" + std::to_string(::getpid()))).string();
    fs::remove_all(world);
    const auto simulated = run_program({"simulate", "-o", world, "--tiles", "2", "--size", "64", "--dates", "8", "--seed", "5", "--quiet"});
    ASSERT_EQ(simulated.code, 0) << simulated.err;
    const auto local = run_program(command("run", "local"));
    ASSERT_EQ(local.code, 0) << local.err;
    cluster = new SlurmCluster(world + "/slurm");
  }
  static void TearDownTestSuite() {
    delete cluster;
    cluster = nullptr;
    if (!world.empty()) fs::remove_all(world);
  }
  void SetUp() override {
    if (const auto missing = SlurmCluster::missing(); !missing.empty()) GTEST_SKIP() << missing;
  }

  static std::vector<std::string> command(const std::string& verb, const std::string& out, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{verb,    world + "/config.toml",     "--out", world + "/" + out,
                                   "--set", "model.name=random_forest", "--set", "train.trees=5"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static std::vector<std::string> tiles() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(world + "/l2a")) names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
  }
  static std::map<std::string, std::string> products(const std::string& out) {
    std::map<std::string, std::string> sums;
    for (const auto& entry : fs::directory_iterator(world + "/" + out + "/2021"))
      if (entry.is_regular_file()) sums[entry.path().filename()] = xxh3_of_file(entry.path());
    return sums;
  }
  static std::string everything_said(const std::string& out) {
    std::string text = run_program(command("status", out)).out + cluster->queue();
    const std::string logs = world + "/" + out + "/2021/work/slurm/logs";
    if (fs::exists(logs))
      for (const auto& entry : fs::directory_iterator(logs)) text += entry.path().filename().string() + ":\n" + read_text(entry.path());
    return text;
  }
  static nlohmann::json submit(const std::string& out) {
    const auto sent = run_program(command("submit", out, {"--json"}));
    EXPECT_EQ(sent.code, 0) << sent.err;
    return nlohmann::json::parse(sent.out, nullptr, false);
  }
  static int tasks_in(const nlohmann::json& submission, const std::string& stage) {
    int tasks = 0;
    for (const auto& job : submission.at("sent"))
      if (job.at("stage") == stage) tasks += job.at("tasks").get<int>();
    return tasks;
  }

  static inline std::string world;
  static inline SlurmCluster* cluster = nullptr;
};

TEST_F(SlurmTest, JobsGiveTheSameBytesAsALocalRun) {
  const auto first = submit("jobs");
  EXPECT_EQ(tasks_in(first, "catalog"), 2);
  EXPECT_EQ(tasks_in(first, "sample"), 2);
  EXPECT_EQ(tasks_in(first, "plan"), 1) << "the regions with samples are not known yet";
  const auto again = submit("jobs");
  EXPECT_TRUE(again.at("sent").empty()) << again.dump(1);
  ASSERT_TRUE(cluster->wait_until_idle(kPatience)) << everything_said("jobs");
  EXPECT_EQ(products("jobs"), products("local")) << everything_said("jobs");
  const auto state = run_program(command("status", "jobs"));
  EXPECT_THAT(state.out, Not(HasSubstr("to run"))) << everything_said("jobs");
  EXPECT_THAT(state.out, Not(HasSubstr("failed"))) << everything_said("jobs");
  EXPECT_TRUE(submit("jobs").at("sent").empty());
  const auto local = run_program(command("run", "jobs"));
  EXPECT_THAT(local.err, HasSubstr("0 units run")) << local.err;
}

TEST_F(SlurmTest, AFailedTileIsListedWithItsLogAndOnlyWhatIsMissingIsSentAgain) {
  const std::string product = fs::directory_iterator(world + "/l2a/" + tiles().back())->path();
  std::string band;
  for (const auto& entry : fs::directory_iterator(product))
    if (entry.path().filename().string().ends_with("_B4.tif")) band = entry.path();
  ASSERT_FALSE(band.empty());
  const std::string whole = read_text(band);
  { std::ofstream(band, std::ios::binary) << whole.substr(0, whole.size() / 2); }
  submit(kOddName);
  ASSERT_TRUE(cluster->wait_until_idle(kPatience)) << everything_said(kOddName);
  const auto state = run_program(command("status", kOddName)).out;
  EXPECT_THAT(state, HasSubstr("failed   catalog/" + tiles().back()));
  EXPECT_THAT(state, HasSubstr("work/slurm/logs/catalog_")) << "the log of the failed unit";
  EXPECT_THAT(state, HasSubstr("done     footprint/" + tiles().front())) << "the other tile went on";

  write_text(band, whole);
  EXPECT_EQ(tasks_in(submit(kOddName), "catalog"), 1);
  ASSERT_TRUE(cluster->wait_until_idle(kPatience)) << everything_said(kOddName);
  EXPECT_EQ(products(kOddName), products("local")) << everything_said(kOddName);
}

TEST_F(SlurmTest, ANodeThatDiesInTheMiddleDoesNoHarm) {
  submit("killed");
  const auto started = std::chrono::steady_clock::now();
  while (cluster->queue().find("millesime-sample RUNNING n1") == std::string::npos &&
         std::chrono::steady_clock::now() - started < std::chrono::seconds(kPatience))
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ASSERT_THAT(cluster->queue(), HasSubstr("RUNNING n1")) << everything_said("killed");
  cluster->kill_node(0);
  ASSERT_TRUE(cluster->wait_until_idle(kPatience)) << everything_said("killed");
  if (!submit("killed").at("sent").empty()) {
    ASSERT_TRUE(cluster->wait_until_idle(kPatience)) << everything_said("killed");
  }
  EXPECT_EQ(products("killed"), products("local")) << everything_said("killed");
  for (const auto& entry : fs::recursive_directory_iterator(world + "/killed"))
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr(".partial-")));
  cluster->start_node(0);
}

}  // namespace
}  // namespace millesime
