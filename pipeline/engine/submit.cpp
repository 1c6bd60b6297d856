#include "pipeline/engine/submit.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/text.h"
#include "pipeline/engine/lock.h"
#include "pipeline/engine/machine.h"
#include "pipeline/stages/planning.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

std::string folder_of(const Layout& layout) { return layout.stage("slurm"); }
std::string ledger_file(const Layout& layout) { return folder_of(layout) + "/tasks.json"; }

void write_ledger(const Layout& layout, const SentTasks& tasks) {
  nlohmann::json document = nlohmann::json::object();
  for (const auto& [unit, task] : tasks) document[unit] = {{"job", task.job}, {"index", task.index}, {"log", task.log}};
  write_text(ledger_file(layout), json_text(document, 1) + "\n");
}

}  // namespace

SentTasks tasks_under_way(const Layout& layout) {
  const SentTasks sent = sent_tasks(layout);
  if (sent.empty()) return {};
  const ClusterQueue queue = tasks_in_queue();
  if (!queue.lack.empty())
    throw UserError(queue.lack +
                    ", so it is not known which tasks of this production are waiting or running; submit from a machine of the cluster, "
                    "outside of a container, when Slurm answers");
  SentTasks alive;
  for (const auto& [unit, task] : sent)
    for (const auto& queued : queue.tasks)
      if (queued.job == task.job && queued.index == task.index) alive[unit] = task;
  return alive;
}

namespace {

std::string command_line(const ClusterCall& call, const std::string& program, const TaskResources& resources,
                         const std::vector<std::string>& words) {
  std::vector<std::string> parts;
  if (!resources.launcher.empty()) parts.push_back(resources.launcher);
  parts.push_back(shell_quoted(program.empty() ? call.program : program));
  for (const auto& word : words) parts.push_back(shell_quoted(word));
  for (const auto& word : call.arguments) parts.push_back(shell_quoted(word));
  return join_list(parts, " ");
}

std::string run_line(const ClusterCall& call, const Site& site, const TaskResources& resources, const std::string& unit) {
  std::vector<std::string> words = {"run", call.config, "--unit", unit, "--threads", std::to_string(resources.cpus)};
  if (!resources.memory.empty()) {
    // The rest of the memory is for libraries and the program itself.
    const auto budget = parse_memory(resources.memory, "memory") / 10 * 9;
    words.insert(words.end(), {"--memory", std::to_string(budget >> 20) + "MiB"});
  }
  return command_line(call, site.program, resources, words);
}

std::string submit_line(const ClusterCall& call, const Site& site, const TaskResources& resources, const std::string& from,
                        const std::string& to) {
  std::vector<std::string> words = {"submit", call.config, "--from", from};
  if (!to.empty()) words.insert(words.end(), {"--to", to});
  if (!call.site.empty()) words.insert(words.end(), {"--site", call.site});
  // With a launcher the site's program is that of the container, where there is no Slurm: this job takes the one that submits.
  const bool outside = resources.launcher.empty() && !site.every.launcher.empty();
  return command_line(call, outside ? "" : site.program, resources, words);
}

ClusterJob job_of(const std::string& stage, const Layout& layout, const ClusterCall& call, const TaskResources& resources) {
  return {"millesime-" + stage, {}, call.folder, folder_of(layout) + "/logs/" + stage + "_%A_%a.log", resources};
}

std::string log_of(const ClusterJob& job, const std::string& number, std::size_t index) {
  std::string log = job.log;
  log.replace(log.rfind("%A"), 2, number);
  log.replace(log.rfind("%a"), 2, std::to_string(index));
  return log;
}

}  // namespace

SentTasks sent_tasks(const Layout& layout) {
  SentTasks tasks;
  if (!fs::exists(ledger_file(layout))) return tasks;
  try {
    const auto document = nlohmann::json::parse(read_text(ledger_file(layout)));
    for (const auto& [unit, task] : document.items()) tasks[unit] = {task.at("job"), task.at("index"), task.at("log")};
  } catch (const nlohmann::json::exception&) {
    throw UserError(join_text(ledger_file(layout), ": is damaged; remove it when squeue shows no task of this production any more"));
  }
  return tasks;
}

std::vector<StageJobs> plan_jobs(const std::vector<Stage>& stages, const Config& requested, const Selection& selection, const Site& site,
                                 const ClusterCall& call, const SentTasks& in_queue) {
  Config config = restricted_to(requested, selection);
  const PlanBeingMade now_planned(config);
  const Layout layout(config);
  std::vector<StageJobs> plan;
  std::set<std::string> under_way;  // stages with units that are sent or in the queue
  const auto first_sent =
      selection.from.empty() ? 0 : static_cast<std::size_t>(std::ranges::find(stages, selection.from, &Stage::name) - stages.begin());
  std::optional<EarlierUnits> before;  // of the stages that are not submitted
  for (const PlannedStage& planned : make_plan(stages, config, selection)) {
    const Stage& stage = *planned.stage;
    const bool settled =
        planned.known && std::ranges::none_of(stage.units_from, [&](const auto& earlier) { return under_way.contains(earlier); });
    const TaskResources& resources = site.stages.at(settled ? stage.name : kPlanJob);
    StageJobs now{.stage = stage.name, .units = {}, .waves = {}, .in_queue = {}, .units_in_queue = {}, .blocked = {}};
    const auto is_in_queue = [&](const std::string& unit) {
      const auto task = in_queue.find(unit);
      if (task == in_queue.end()) return false;
      if (std::ranges::find(now.in_queue, task->second.job) == now.in_queue.end()) now.in_queue.push_back(task->second.job);
      now.units_in_queue.push_back(unit);
      return true;
    };
    if (!settled) {
      const std::string name = join_text(kPlanJob, "/", stage.name);
      if (stage.name == selection.from && under_way.empty())
        throw UserError(join_text("--from ", stage.name,
                                  ": its units depend on results that an earlier stage does not have yet; "
                                  "`millesime status` says what failed"));
      now.stage = kPlanJob;
      if (!is_in_queue(name)) {
        now.units = {name};
        now.waves = {{job_of(kPlanJob, layout, call, resources)}};
        now.waves.back().back().tasks = {submit_line(call, site, resources, stage.name, selection.to)};
      }
      plan.push_back(std::move(now));
      return plan;
    }
    for (const auto& wave : in_waves(planned.units)) {
      std::vector<ClusterJob> jobs;
      for (const auto& [unit, why, needs, kept] : wave) {
        if (is_in_queue(unit.name()) || why.empty()) continue;
        // Units that failed in stages that are not submitted now would fail it, too.
        if (!needs.empty()) {
          now.blocked.push_back(unit.name() + ", because it depends on " + needs + ", which was never finished and is not to be submitted");
          continue;
        }
        if (!before) before.emplace(stages, config, selection, first_sent);
        if (const auto lack = before->unfinished_before(unit); !lack.empty()) {
          now.blocked.push_back(unit.name() + ", because it depends on " + lack);
          continue;
        }
        if (jobs.empty() || jobs.back().tasks.size() == static_cast<std::size_t>(site.largest_array))
          jobs.push_back(job_of(stage.name, layout, call, resources));
        jobs.back().tasks.push_back(run_line(call, site, resources, unit.name()));
        now.units.push_back(unit.name());
      }
      if (!jobs.empty()) now.waves.push_back(std::move(jobs));
    }
    if (!now.units.empty() || !now.units_in_queue.empty()) under_way.insert(stage.name);
    plan.push_back(std::move(now));
  }
  return plan;
}

Submission submit(const std::vector<Stage>& stages, const Config& config, const Selection& selection, const Site& site,
                  const ClusterCall& call) {
  const Layout layout(config);
  const WaitingLock lock(folder_of(layout) + "/.lock", [](const std::string&) {});
  SentTasks ledger = sent_tasks(layout);
  const auto plan = plan_jobs(stages, config, selection, site, call, tasks_under_way(layout));
  fs::create_directories(folder_of(layout) + "/logs");
  Config world = restricted_to(config, selection);
  write_text(layout.work() + "/effective.toml", world.to_toml());
  Submission submission;
  std::vector<std::string> before;
  for (const StageJobs& stage : plan) {
    std::vector<std::string> now = stage.in_queue;
    std::size_t unit = 0, scripts = 0;
    for (const auto& wave : stage.waves) {
      std::vector<std::string> numbers;
      for (const ClusterJob& job : wave) {
        const std::string script = join_text(folder_of(layout), "/", stage.stage, scripts > 0 ? join_text("-", scripts + 1) : "", ".sh");
        ++scripts;
        write_text(script, job_script(job));
        const std::string number = send_job(script, before);
        for (std::size_t i = 0; i < job.tasks.size(); ++i) {
          const std::string& name = stage.units[unit++];
          ledger[name] = {number, static_cast<int>(i), log_of(job, number, i)};
          std::error_code kept;
          fs::remove(layout.failure(stage.stage, name.substr(name.find('/') + 1)), kept);  // of an earlier attempt
        }
        write_ledger(layout, ledger);
        submission.sent.push_back({stage.stage, number, script, job.tasks.size(), before});
        numbers.push_back(number);
      }
      // Tasks of an earlier call that wait or run are counted as part of the first wave.
      if (&wave == &stage.waves.front()) numbers.insert(numbers.end(), stage.in_queue.begin(), stage.in_queue.end());
      before = now = numbers;
    }
    submission.units_in_queue.insert(submission.units_in_queue.end(), stage.units_in_queue.begin(), stage.units_in_queue.end());
    submission.blocked.insert(submission.blocked.end(), stage.blocked.begin(), stage.blocked.end());
    if (!now.empty()) before = now;
  }
  return submission;
}

}  // namespace millesime
