#include <cstdio>
#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/engine/run.h"

namespace millesime {
namespace {

struct RunCommand {
  std::string config;
  std::vector<std::string> assignments, tiles;
  std::string from, to, output;
  bool force = false, dry_run = false, json = false, skip_damaged = false;
  Resources resources;
};

class TextObserver : public RunObserver {
 public:
  void unit_starts(const Unit& unit, const std::string& why) override {
    std::fprintf(stderr, "%s  (%s)\n", unit.name().c_str(), why.c_str());
  }
  void unit_done(const Unit&, double seconds, const nlohmann::json& counts) override {
    // Nested counts (per class, per date) are for the manifest; a line shows the plain ones.
    std::vector<std::string> parts;
    for (const auto& [key, value] : counts.items())
      if (value.is_number() || value.is_string())
        parts.push_back(key + " " + (value.is_string() ? value.get<std::string>() : value.dump()));
    std::fprintf(stderr, "  done in %.1f s%s%s\n", seconds, parts.empty() ? "" : ": ", join_list(parts, ", ").c_str());
  }
  void unit_failed(const Unit&, const std::string& message) override { std::fprintf(stderr, "  FAILED: %s\n", message.c_str()); }
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
  void stage_up_to_date(const Stage& stage, std::size_t units) override {
    print({{"event", "up to date"}, {"stage", stage.name}, {"units", units}});
  }

 private:
  static void print(const nlohmann::json& event) { std::cout << event.dump() << std::endl; }
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
  if (!command.output.empty()) command.assignments.push_back("output=" + command.output);
  if (command.skip_damaged) command.assignments.push_back("sensors.sentinel2_theia.skip_damaged=true");
  const Config config = Config::load(command.config, command.assignments);
  const Selection selection{command.tiles, command.from, command.to, command.force};
  if (command.dry_run) {
    print_plan(make_plan(stage_list(), config, selection), command.json);
    return 0;
  }
  command.resources.quiet = command.resources.quiet || command.json;
  const Context context = command.resources.context(&config);
  TextObserver text;
  JsonObserver json;
  RunObserver& observer = command.json ? static_cast<RunObserver&>(json) : text;
  const RunOutcome outcome = run(stage_list(), config, selection, context, observer);
  const Layout layout(config);
  if (outcome.complete()) {
    if (!command.json)
      std::fprintf(stderr, "%d unit%s run, %d up to date; products in %s\n", outcome.ran, outcome.ran == 1 ? "" : "s", outcome.up_to_date,
                   layout.root.c_str());
    return 0;
  }
  std::string message = "the run is not complete";
  for (const auto& failure : outcome.failed) message += "\n  failed: " + failure.unit + ": " + failure.message;
  for (const auto& unit : outcome.blocked) message += "\n  not run, because something it needs failed: " + unit;
  throw UserError(message + "\nwhat was finished is kept; mend the cause and run the same command again");
}

}  // namespace

void add_run(CLI::App& app, Invocation& invocation) {
  auto* sub = app.add_subcommand("run", "Run the whole chain, or a part of it");
  auto command = std::make_shared<RunCommand>();
  sub->add_option("config", command->config, "configuration of the production (TOML)")->required()->type_name("CONFIG");
  sub->add_option("--tiles", command->tiles, "only these tiles; the map is mended where they lie")->delimiter(',')->type_name("TILES");
  sub->add_option("--from", command->from, "first stage to run")->type_name("STAGE");
  sub->add_option("--to", command->to, "last stage to run")->type_name("STAGE");
  sub->add_option("--out", command->output, "folder of the products, instead of the configuration's")->type_name("DIR");
  sub->add_option("--set", command->assignments, "set an option of the configuration, key=value; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  sub->add_flag("--skip-damaged", command->skip_damaged, "leave out products that cannot be read, and record them");
  sub->add_flag("--force", command->force, "run what is up to date too");
  sub->add_flag("--dry-run", command->dry_run, "print the plan and why each unit would run, and stop");
  sub->add_flag("--json", command->json, "events, or the plan, as JSON on standard output");
  command->resources.add_to(*sub);
  add_examples(*sub, {"millesime run france.toml", "millesime run france.toml --dry-run", "millesime run france.toml --tiles T31TCJ",
                      "millesime run france.toml --set model.name=random_forest --out out-forest"});
  sub->callback([&invocation, command] { invocation.action = [command] { return execute(*command); }; });
}

void add_status(CLI::App& app, Invocation& invocation) {
  struct StatusCommand {
    std::string config;
    std::vector<std::string> assignments;
    bool json = false, verify = false;
  };
  auto* sub = app.add_subcommand("status", "What of a production is done, failed or still to run");
  auto command = std::make_shared<StatusCommand>();
  sub->add_option("config", command->config, "configuration of the production (TOML)")->required()->type_name("CONFIG");
  sub->add_option("--set", command->assignments, "set an option of the configuration, key=value; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  sub->add_flag("--json", command->json, "as JSON");
  sub->add_flag("--verify", command->verify, "read every finished product and compare it with its checksum");
  add_examples(*sub, {"millesime status france.toml", "millesime status france.toml --json"});
  sub->callback([&invocation, command] {
    invocation.action = [command] {
      const auto units = status(stage_list(), Config::load(command->config, command->assignments), command->verify);
      bool damaged = false;
      nlohmann::json list = nlohmann::json::array();
      for (const auto& unit : units) {
        damaged = damaged || unit.state == "damaged";
        list.push_back({{"stage", unit.stage}, {"unit", unit.key}, {"state", unit.state}, {"detail", unit.detail}});
        if (!command->json)
          std::printf("%-8s %-28s %s\n", unit.state.c_str(), (unit.stage + (unit.key.empty() ? "" : "/" + unit.key)).c_str(),
                      unit.detail.c_str());
      }
      if (command->json) std::cout << list.dump(1) << "\n";
      return damaged ? kExitUserError : 0;
    };
  });
}

}  // namespace millesime
