#include "pipeline/engine/submit.h"

#include <cstdio>
#include <filesystem>
#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

struct SubmitCommand {
  ProductionFlags production;
  std::vector<std::string> tiles;
  std::string from, to, site;
  bool partial = false, dry_run = false, json = false;

  Options declare() {
    Options o;
    production.declare(o);
    o.add("site", &site, "resources of the tasks: a name in configs/sites, or a file").names("site");
    o.add("tiles", &tiles, "only these tiles; the map is updated where they are").names("tile");
    o.add("from", &from, "first stage to submit").names("stage");
    o.add("to", &to, "last stage to submit").names("stage");
    o.add("partial", &partial,
          "with --tiles: a map of these and of the tiles that have one, without the others, which the report names, instead of none");
    o.add("dry_run", &dry_run, "only print the scripts");
    o.add("json", &json, "print the submitted jobs as JSON");
    return o;
  }
};

ClusterCall call_of(const SubmitCommand& command) {
  namespace fs = std::filesystem;
  ClusterCall call{.program = fs::read_symlink("/proc/self/exe"),
                   .config = fs::absolute(command.production.file).lexically_normal(),
                   .folder = fs::current_path(),
                   .arguments = command.production.as_arguments(),
                   .site = command.site};
  if (command.partial) call.arguments.emplace_back("--partial");
  if (!command.tiles.empty()) call.arguments.insert(call.arguments.end(), {"--tiles", join_list(command.tiles, ",")});
  return call;
}

// What would be sent, and the scripts.
void print_scripts(const std::vector<StageJobs>& plan) {
  std::size_t tasks = 0;
  std::string before;
  for (const auto& stage : plan) {
    for (const auto& wave : stage.waves) {
      for (const auto& job : wave) {
        std::printf("# %s: %s%s\n%s\n", stage.stage.c_str(), counted(job.tasks.size(), "task").c_str(),
                    before.empty() ? "" : (", when " + before + " has ended").c_str(), job_script(job).c_str());
        tasks += job.tasks.size();
      }
      before = stage.stage;
    }
    for (const auto& unit : stage.blocked) std::printf("# not sent: %s\n", unit.c_str());
    if (!stage.in_queue.empty()) before = stage.stage;
  }
  std::printf("# %s\n", counted(tasks, "task").c_str());
}

nlohmann::json to_json(const std::vector<StageJobs>& plan) {
  nlohmann::json stages = nlohmann::json::array();
  for (const auto& stage : plan) {
    nlohmann::json jobs = nlohmann::json::array();
    for (const auto& wave : stage.waves)
      for (const auto& job : wave) jobs.push_back({{"tasks", job.tasks.size()}, {"script", job_script(job)}});
    stages.push_back({{"stage", stage.stage}, {"jobs", jobs}, {"not_sent", stage.blocked}});
  }
  return stages;
}

void print_submission(const Submission& submission, bool json) {
  nlohmann::json sent = nlohmann::json::array();
  for (const auto& job : submission.sent) {
    sent.push_back({{"stage", job.stage}, {"job", job.job}, {"tasks", job.tasks}, {"after", job.after}, {"script", job.script}});
    if (!json)
      std::printf("%-12s job %-10s %11s%s\n", job.stage.c_str(), job.job.c_str(), counted(job.tasks, "task").c_str(),
                  job.after.empty() ? "" : (" after " + join_list(job.after, ", ")).c_str());
  }
  if (json) {
    const nlohmann::json document{{"sent", sent}, {"in_queue", submission.units_in_queue}, {"blocked", submission.blocked}};
    std::cout << json_text(document, 1) << "\n";
    return;
  }
  if (!submission.units_in_queue.empty())
    std::printf("%s in the queue or running already\n", counted(submission.units_in_queue.size(), "unit").c_str());
  for (const auto& unit : submission.blocked) std::printf("not sent: %s\n", unit.c_str());
  if (submission.sent.empty()) std::printf("nothing to send\n");
}

int execute(const SubmitCommand& command) {
  const Config config = command.production.load();
  if (command.partial && command.tiles.empty())
    throw UserError(
        "submit --partial: expected --tiles beside it, the tiles to be mapped: no task of a cluster knows which of the others will fail; "
        "those that `millesime status` shows as failed are left out by naming the others");
  const Selection selection{command.tiles, command.from, command.to, false, command.partial};
  const Site site = Site::load(command.site, stage_list());
  const ClusterCall call = call_of(command);
  if (command.dry_run) {
    const auto plan = plan_jobs(stage_list(), config, selection, site, call, tasks_under_way(Layout(config)));
    if (command.json)
      std::printf("%s\n", json_text(to_json(plan), 1).c_str());
    else
      print_scripts(plan);
  } else {
    print_submission(submit(stage_list(), config, selection, site, call), command.json);
  }
  return 0;
}

}  // namespace

void add_submit(CLI::App& app, Program& program) {
  add_command<SubmitCommand>(
      app, program,
      {.name = "submit",
       .summary = "Submit what is not up to date to a Slurm cluster, one task for each work unit",
       .positional = {"config"},
       .examples = {"millesime submit france.toml --site mysite.toml --dry-run", "millesime submit france.toml --site mysite.toml",
                    "millesime submit france.toml --site mysite.toml     # again: sends only what is missing"},
       .needs = Needs::nothing},
      [](SubmitCommand& command, const Context&) {
        warn(command.production.unread_options());
        return execute(command);
      });
}

}  // namespace millesime
