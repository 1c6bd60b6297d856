#include "pipeline/engine/submit.h"

#include <cstdio>
#include <filesystem>
#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

struct SubmitCommand {
  ProductionFlags production;
  std::vector<std::string> tiles;
  std::string from, to, site;
  bool dry_run = false, json = false;
};

ClusterCall call_of(const SubmitCommand& command) {
  namespace fs = std::filesystem;
  ClusterCall call{.program = fs::read_symlink("/proc/self/exe"),
                   .config = fs::absolute(command.production.file).lexically_normal(),
                   .folder = fs::current_path(),
                   .arguments = command.production.as_arguments(),
                   .site = command.site};
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
        std::printf("# %s: %zu task%s%s\n%s\n", stage.stage.c_str(), job.tasks.size(), job.tasks.size() == 1 ? "" : "s",
                    before.empty() ? "" : (", when " + before + " has ended").c_str(), job_script(job).c_str());
        tasks += job.tasks.size();
      }
      before = stage.stage;
    }
    for (const auto& unit : stage.blocked) std::printf("# not sent: %s\n", unit.c_str());
    if (!stage.in_queue.empty()) before = stage.stage;
  }
  std::printf("# %zu task%s\n", tasks, tasks == 1 ? "" : "s");
}

void print_submission(const Submission& submission, bool json) {
  nlohmann::json sent = nlohmann::json::array();
  for (const auto& job : submission.sent) {
    sent.push_back({{"stage", job.stage}, {"job", job.job}, {"tasks", job.tasks}, {"after", job.after}, {"script", job.script}});
    if (!json)
      std::printf("%-12s job %-10s %5zu task%s%s\n", job.stage.c_str(), job.job.c_str(), job.tasks, job.tasks == 1 ? "" : "s",
                  job.after.empty() ? "" : (" after " + join_list(job.after, ", ")).c_str());
  }
  if (json) {
    const nlohmann::json document{{"sent", sent}, {"in_queue", submission.units_in_queue}, {"blocked", submission.blocked}};
    std::cout << document.dump(1) << "\n";
    return;
  }
  if (!submission.units_in_queue.empty()) std::printf("%zu units wait or run already\n", submission.units_in_queue.size());
  for (const auto& unit : submission.blocked) std::printf("not sent: %s\n", unit.c_str());
  if (submission.sent.empty()) std::printf("nothing to send\n");
}

int execute(const SubmitCommand& command) {
  const Config config = command.production.load();
  const Selection selection{command.tiles, command.from, command.to, false};
  const Site site = Site::load(command.site, stage_list());
  const ClusterCall call = call_of(command);
  if (command.dry_run)
    print_scripts(plan_jobs(stage_list(), config, selection, site, call, tasks_under_way(Layout(config))));
  else
    print_submission(submit(stage_list(), config, selection, site, call), command.json);
  return 0;
}

}  // namespace

void add_submit(CLI::App& app, Invocation& invocation) {
  auto* sub = app.add_subcommand("submit", "Submit what is not up to date to a Slurm cluster, one task for each work unit");
  auto command = std::make_shared<SubmitCommand>();
  command->production.add_to(*sub);
  sub->add_option("--site", command->site, "resources of the tasks: a name in configs/sites, or a file")->type_name("SITE");
  sub->add_option("--tiles", command->tiles, "only these tiles; the map is updated where they are")->delimiter(',')->type_name("TILES");
  sub->add_option("--from", command->from, "first stage to submit")->type_name("STAGE");
  sub->add_option("--to", command->to, "last stage to submit")->type_name("STAGE");
  sub->add_flag("--dry-run", command->dry_run, "only print the scripts");
  sub->add_flag("--json", command->json, "print the submitted jobs as JSON");
  add_examples(*sub, {"millesime submit france.toml --site mysite --dry-run", "millesime submit france.toml --site mysite",
                      "millesime submit france.toml --site mysite     # again: sends only what is missing"});
  sub->callback([&invocation, command] { invocation.action = [command] { return execute(*command); }; });
}

}  // namespace millesime
