#include <cstdio>
#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/engine/progress.h"
#include "pipeline/engine/run.h"

namespace millesime {
namespace {

struct RunCommand {
  ProductionFlags production;
  std::vector<std::string> tiles;
  std::string from, to, unit;
  int jobs = 0;
  bool force = false, dry_run = false, json = false;
  Resources resources;
};

class TextObserver : public RunObserver {
 public:
  void unit_starts(const Unit& unit, const std::string& why) override {
    std::fprintf(stderr, "%s  (%s)\n", unit.name().c_str(), why.c_str());
  }
  void unit_done(const Unit& unit, double seconds, const nlohmann::json& counts) override {
    // Nested counts (per class, per date) are only in the manifest; a line shows the others.
    std::vector<std::string> parts;
    for (const auto& [key, value] : counts.items())
      if (value.is_number() || value.is_string())
        parts.push_back(key + " " + (value.is_string() ? value.get<std::string>() : value.dump()));
    std::fprintf(stderr, "  %s done in %.1f s%s%s\n", unit.name().c_str(), seconds, parts.empty() ? "" : ": ",
                 join_list(parts, ", ").c_str());
  }
  void unit_failed(const Unit& unit, const std::string& message) override {
    std::fprintf(stderr, "  %s FAILED: %s\n", unit.name().c_str(), message.c_str());
  }
  void stage_goes_on(const Stage& stage, std::size_t done, std::size_t units, double seconds_left) override {
    std::fprintf(stderr, "  %s: %zu of %zu units, about %s left\n", stage.name.c_str(), done, units, duration_text(seconds_left).c_str());
  }
  void stage_up_to_date(const Stage& stage, std::size_t units) override {
    std::fprintf(stderr, "%s: %zu unit%s up to date\n", stage.name.c_str(), units, units == 1 ? "" : "s");
  }
};

// One JSON document a line on standard output, for schedulers.
class JsonObserver : public RunObserver {
 public:
  void unit_starts(const Unit& unit, const std::string& why) override { print({{"event", "start"}, {"unit", unit.name()}, {"why", why}}); }
  void unit_done(const Unit& unit, double seconds, const nlohmann::json& counts) override {
    print({{"event", "done"}, {"unit", unit.name()}, {"seconds", seconds}, {"counts", counts}});
  }
  void unit_failed(const Unit& unit, const std::string& message) override {
    print({{"event", "failed"}, {"unit", unit.name()}, {"message", message}});
  }
  void stage_goes_on(const Stage& stage, std::size_t done, std::size_t units, double seconds_left) override {
    print({{"event", "stage"}, {"stage", stage.name}, {"done", done}, {"units", units}, {"seconds_left", seconds_left}});
  }
  void stage_up_to_date(const Stage& stage, std::size_t units) override {
    print({{"event", "up to date"}, {"stage", stage.name}, {"units", units}});
  }

 private:
  static void print(const nlohmann::json& event) {
    std::printf("%s\n", event.dump().c_str());
    std::fflush(stdout);
  }
};

void print_plan(const std::vector<PlannedStage>& plan, bool json) {
  nlohmann::json list = nlohmann::json::array();
  int to_run = 0, up_to_date = 0;
  for (const auto& stage : plan) {
    if (!stage.known) {
      list.push_back({{"stage", stage.stage->name}, {"state", "unknown"}});
      if (!json) std::printf("[?] %-28s units are known once the stages before it have run\n", stage.stage->name.c_str());
    }
    for (const auto& [unit, why] : stage.units) {
      (why.empty() ? up_to_date : to_run)++;
      list.push_back({{"stage", unit.stage}, {"unit", unit.name()}, {"state", why.empty() ? "up to date" : "to run"}, {"why", why}});
      if (!json) std::printf("[%s] %-28s %s\n", why.empty() ? "=" : "x", unit.name().c_str(), why.empty() ? "up to date" : why.c_str());
    }
  }
  if (json)
    std::cout << list.dump(1) << "\n";
  else
    std::printf("%d to run, %d up to date\n", to_run, up_to_date);
}

int execute(RunCommand& command) {
  const Config config = command.production.load();
  const Selection selection{command.tiles, command.from, command.to, command.force};
  if (command.dry_run) {
    print_plan(make_plan(stage_list(), config, selection), command.json);
    return 0;
  }
  JsonProgress json_progress(stdout);
  Context context = command.resources.context(&config);
  if (command.json) context.progress = &json_progress;
  TextObserver text;
  JsonObserver json;
  RunObserver& observer = command.json ? static_cast<RunObserver&>(json) : text;
  if (!command.unit.empty()) {
    run_unit(stage_list(), config, selection, command.unit, context, observer);
    return 0;
  }
  const RunOutcome outcome = run(stage_list(), config, selection, context, observer, command.jobs);
  const Layout layout(config);
  if (outcome.complete()) {
    if (!command.json)
      std::fprintf(stderr, "%d unit%s run, %d up to date; products in %s\n", outcome.ran, outcome.ran == 1 ? "" : "s", outcome.up_to_date,
                   layout.root.c_str());
    return 0;
  }
  std::string message = "the run is not complete";
  for (const auto& failure : outcome.failed) message += "\n  failed: " + failure.unit + ": " + failure.message;
  for (const auto& unit : outcome.blocked) message += "\n  not run, because a unit that it needs failed: " + unit;
  throw UserError(message + "\nfinished units are kept; correct the cause and run the same command again");
}

}  // namespace

void add_run(CLI::App& app, Invocation& invocation) {
  auto* sub = app.add_subcommand("run", "Run the whole chain, or a part of it");
  auto command = std::make_shared<RunCommand>();
  command->production.add_to(*sub);
  sub->add_option("--tiles", command->tiles, "only these tiles; the map is updated where they are")->delimiter(',')->type_name("TILES");
  sub->add_option("--from", command->from, "first stage to run")->type_name("STAGE");
  sub->add_option("--to", command->to, "last stage to run")->type_name("STAGE");
  sub->add_option("--unit", command->unit, "only this unit, by its name in `millesime status`; for tasks of a cluster")
      ->type_name("STAGE/KEY")
      ->excludes("--from", "--to");
  sub->add_flag("--force", command->force, "also run what is up to date");
  sub->add_flag("--dry-run", command->dry_run, "only print the plan, and why each unit would run");
  sub->add_flag("--json", command->json, "events, or the plan, as JSON on standard output");
  sub->add_option("--jobs", command->jobs, "units that run concurrently, each with its share of threads and memory  [default: chosen]")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  command->resources.add_to(*sub);
  add_examples(*sub, {"millesime run france.toml", "millesime run france.toml --dry-run", "millesime run france.toml --tiles T31TCJ",
                      "millesime run france.toml --set model.name=random_forest --out out-forest"});
  sub->callback([&invocation, command] { invocation.action = [command] { return execute(*command); }; });
}

}  // namespace millesime
