#include "pipeline/engine/status.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/engine/lock.h"
#include "pipeline/engine/submit.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

// Slurm writes the reason for ending a task to it: time limit, memory, a lost node.
std::string last_line(const std::string& file) {
  std::ifstream stream(file);
  std::string last;
  for (std::string line; std::getline(stream, line);)
    if (!trim(line).empty()) last = trim(line);
  return last;
}

// The state of submitted units on the cluster.
class ClusterView {
 public:
  explicit ClusterView(const Layout& layout) : sent_(sent_tasks(layout)) {
    if (!sent_.empty()) queue_ = tasks_in_queue();
  }

  bool was_sent(const std::string& unit) const { return sent_.contains(unit); }

  // Fills in state, detail and log of a unit that is not done.
  void describe(const std::string& unit, bool ran_before, UnitStatus& entry) const {
    const auto task = sent_.find(unit);
    if (task == sent_.end()) return;
    const auto& [job, index, log] = task->second;
    const std::string name = join_text("job ", job, "_", index);
    if (fs::exists(log)) entry.log = log;
    if (!queue_.lack.empty()) return;
    for (const auto& queued : queue_.tasks)
      if (queued.job == job && queued.index == index) {
        entry.state = queued.node.empty() ? "queued" : "running";
        entry.detail = queued.node.empty() ? name : name + " on " + queued.node;
        return;
      }
    if (entry.state == "failed" || ran_before) return;
    const std::string last = entry.log.empty() ? "" : last_line(log);
    if (last.starts_with("millesime: ended on request") ||
        last.find(" CANCELLED ") != std::string::npos) {  // scancel, or its time was over
      entry.detail = name + " was stopped, and goes on when it is submitted again: " + last;
      return;
    }
    if (entry.log.empty()) {  // as all that wait behind a task that is stopped: nobody tried the unit
      entry.detail = name + " ended before it started (scancel, or the cluster refused it), and goes on when it is submitted again";
      return;
    }
    entry.state = "failed";
    entry.detail = name + " ended without a result: " + last;
  }

 private:
  SentTasks sent_;
  ClusterQueue queue_;
};

// The first output that differs from its checksum, or "". One may lie above the edition, where the manifest's path does not tell its place.
std::string damaged_output(const Unit& unit, const Manifest& known) {
  for (std::size_t i = 0; i < std::min(unit.outputs.size(), known.outputs.size()); ++i)
    if (xxh3_of_file(unit.outputs[i]) != known.outputs[i].xxh3) return known.outputs[i].path;
  return "";
}

// The first stage for which the configuration lacks something, and what.
std::pair<std::size_t, std::string> first_without_its_needs(const std::vector<Stage>& stages, const Config& config) {
  for (std::size_t i = 0; i < stages.size(); ++i) {
    try {
      if (stages[i].check) stages[i].check(config);
    } catch (const UserError& error) {
      return {i, error.what()};
    }
  }
  return {stages.size(), ""};
}

}  // namespace

std::vector<UnitStatus> status(const std::vector<Stage>& stages, const Config& config, bool verify) {
  const Layout layout(config);
  const ClusterView cluster(layout);
  std::vector<UnitStatus> list;
  const auto [n_ready, lack] = first_without_its_needs(stages, config);
  Selection ready;
  if (n_ready > 0) ready.to = stages[n_ready - 1].name;
  for (const auto& planned : n_ready > 0 ? make_plan(stages, config, ready) : std::vector<PlannedStage>{}) {
    if (!planned.known) {
      UnitStatus entry{planned.stage->name, "", "unknown", "its units are known once the stages before it have run", ""};
      cluster.describe(join_text(kPlanJob, "/") + planned.stage->name, false, entry);
      list.push_back(std::move(entry));
    }
    // Nothing of the stage was sent: the job that should have submitted it says why.
    const auto to_run = [](const PlannedUnit& p) { return !p.why.empty(); };
    const auto ran = [&](const PlannedUnit& p) {
      return cluster.was_sent(p.unit.name()) || (to_run(p) && known_manifest(layout, p.unit).has_value());
    };
    if (const auto job = join_text(kPlanJob, "/", planned.stage->name);
        cluster.was_sent(job) && std::ranges::any_of(planned.units, to_run) && std::ranges::none_of(planned.units, ran)) {
      UnitStatus entry{kPlanJob, planned.stage->name, "", "", ""};
      cluster.describe(job, false, entry);
      if (!entry.state.empty()) list.push_back(std::move(entry));
    }
    for (const auto& [unit, why, needs, kept] : planned.units) {
      UnitStatus entry{unit.stage, unit.key, why.empty() ? "done" : "to run", why, ""};
      const auto known = known_manifest(layout, unit);
      if (!why.empty()) {
        const std::string failure = layout.failure(unit.stage, unit.key);
        if (fs::exists(failure)) entry.state = "failed", entry.detail = trim(read_text(failure));
        cluster.describe(unit.name(), known.has_value(), entry);
        if (entry.state != "running")
          if (const auto holder = holder_of(layout.lock(unit.stage, unit.key)); !holder.empty())
            entry.state = "running", entry.detail = holder;
      } else if (const auto damaged = verify && known ? damaged_output(unit, *known) : ""; !damaged.empty()) {
        entry.state = "damaged", entry.detail = damaged + ": its content differs from its checksum; remove it and run again";
      }
      list.push_back(std::move(entry));
    }
  }
  for (std::size_t i = n_ready; i < stages.size(); ++i) list.push_back({stages[i].name, "", "unknown", lack, ""});
  return list;
}

}  // namespace millesime
