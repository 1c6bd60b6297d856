#include "pipeline/engine/machine.h"

#include <limits>

#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/engine/progress.h"
#include "pipeline/engine/time_left.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

TEST(Machine, ReadsAmountsOfMemoryAsPeopleWriteThem) {
  EXPECT_EQ(parse_memory("8GiB", "--memory"), std::int64_t{8} << 30);
  EXPECT_EQ(parse_memory(" 512 MiB", "--memory"), std::int64_t{512} << 20);
  EXPECT_EQ(parse_memory("1.5g", "--memory"), std::int64_t{3} << 29);
  EXPECT_EQ(parse_memory("67108864", "--memory"), std::int64_t{64} << 20);
  for (const char* bad : {"", "much", "8 GiBB", "-1G", "1k", "nan", "1e300"}) EXPECT_THROW(parse_memory(bad, "--memory"), UserError) << bad;
}

TEST(Machine, SomethingCanBeUsed) {
  EXPECT_GE(usable_threads(), 1);
  EXPECT_GT(usable_memory_bytes(), std::int64_t{64} << 20);
}

TEST(Machine, AnyGroupAboveTheProcessLimitsItsMemory) {
  const std::string folder = testing::temp_dir();
  const auto file = [&](const std::string& name, const std::string& text) { write_text(folder + "/" + name, text); };
  file("v2", "0::/slurm/job_7/step_0\n");
  EXPECT_EQ(cgroup_memory_left(folder + "/v2", folder), std::numeric_limits<std::int64_t>::max());
  file("slurm/job_7/step_0/memory.max", "max\n");
  file("slurm/job_7/memory.max", "4000\n"), file("slurm/job_7/memory.current", "1000\n");
  file("slurm/memory.max", "9000\n"), file("slurm/memory.current", "2000\n");
  EXPECT_EQ(cgroup_memory_left(folder + "/v2", folder), 3000);
  file("v1", "3:cpu,cpuacct:/other\n5:memory:/slurm/job_8\n");
  file("memory/slurm/job_8/memory.limit_in_bytes", "500\n"), file("memory/slurm/job_8/memory.usage_in_bytes", "700\n");
  EXPECT_EQ(cgroup_memory_left(folder + "/v1", folder), 0);
  file("memory/slurm/job_8/memory.usage_in_bytes", "100\n");
  EXPECT_EQ(cgroup_memory_left(folder + "/v1", folder), 400);
}

TEST(Progress, SaysWhatBoundsIt) {
  ProgressReport report{
      .what = "w", .unit = "px", .done = 0, .total = 200000, .seconds = 2, .read_bytes = 68000000, .effort = {1, 0.4, 0.1}};
  EXPECT_EQ(TextProgress::detail_text(report), "");
  report.done = 100000;
  EXPECT_EQ(TextProgress::detail_text(report), ", 50 kpx/s, 34 MB/s read, reading bounds it, 2 s left");
  report.effort = {0.1, 1, 0.1};
  EXPECT_EQ(JsonProgress::to_json(report).at("bound_by"), "computing");
  EXPECT_EQ(JsonProgress::to_json(report).at("seconds_left"), 2.0);
  report.effort = {};
  EXPECT_EQ(TextProgress::detail_text(report), ", 50 kpx/s, 2 s left") << "no loop over windows";
  EXPECT_FALSE(JsonProgress::to_json(report).contains("bound_by"));
}

// The progress of two concurrent units.
class Shown : public Progress {
 public:
  void start(const std::string& text, std::int64_t n, const std::string&) override { what = text, total += n; }
  void extend(std::int64_t more) override { total += more; }
  void advance(std::int64_t n) override { done += n; }
  void note(const std::string&) override {}
  void finish() override { ++finished; }
  std::string what;
  std::int64_t total = 0, done = 0;
  int finished = 0;
};

TEST(Progress, OfUnitsSideBySideAddsUp) {
  Shown shown;
  {
    JointProgress joint("both", shown);
    const auto a = joint.part(), b = joint.part(), c = joint.part();
    a->start("a", 10, "px"), b->start("b", 30, "px"), c->start("c", 7, "tiles");
    a->advance(10), a->finish(), b->advance(5), c->advance(7);
    EXPECT_EQ(shown.finished, 0);
  }
  EXPECT_EQ(shown.what, "both");
  EXPECT_EQ(shown.total, 40);
  EXPECT_EQ(shown.done, 15);
  EXPECT_EQ(shown.finished, 1);
}

TEST(TimeLeft, IsThatOfTheUnitsBeforeLessWhatThoseAtWorkHaveWorked) {
  const TimeLeft::Time start;
  const auto at = [&](int seconds) { return start + std::chrono::seconds(seconds); };
  TimeLeft two;  // side by side
  two.begins(0, at(0)), two.begins(1, at(0));
  EXPECT_EQ(two.seconds(2, 2, at(5)), 0) << "nothing has ended";
  two.ends(0, at(10));
  EXPECT_EQ(two.seconds(2, 2, at(10)), 0) << "the other began with it";
  two.begins(2, at(10));
  EXPECT_EQ(two.seconds(6, 2, at(10)), (5 * 10 - 10) / 2);
  EXPECT_EQ(two.seconds(6, 2, at(14)), (5 * 10 - 10 - 4) / 2);
  EXPECT_EQ(two.ended(), 1u);
}

}  // namespace
}  // namespace millesime
