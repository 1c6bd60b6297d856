#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/text.h"
#include "pipeline/engine/plan.h"
#include "pipeline/engine/progress.h"
#include "pipeline/engine/run.h"

namespace millesime {
namespace {

struct RunCommand {
  ProductionFlags production;
  std::vector<std::string> tiles;
  std::string from, to, unit;
  int jobs = 0;
  bool force = false, partial = false, dry_run = false, json = false;

  Options declare() {
    Options o;
    production.declare(o);
    o.add("tiles", &tiles, "run only these tiles again; the map is updated where they are, and keeps the others").names("tile");
    o.add("from", &from, "first stage to run").names("stage");
    o.add("to", &to, "last stage to run").names("stage");
    o.add("unit", &unit, "only this unit, by its name in `millesime status`; for tasks of a cluster");
    o.add("force", &force, "also run what is up to date");
    o.add("partial", &partial,
          "a map without the tiles that have none or fail, which the report names, instead of none; the exit code tells of a failure all "
          "the same");
    o.add("dry_run", &dry_run, "only print the plan, and why each unit would run");
    o.add("json", &json, "events, or the plan, as JSON on standard output");
    o.add("jobs", &jobs, "units that run concurrently, each with its share of threads and memory; 0: chosen").range(0, 1024);
    return o;
  }
};

class TextObserver : public RunObserver {
 public:
  explicit TextObserver(bool quiet) : quiet_(quiet), clear_(::isatty(STDERR_FILENO) == 1 ? "\r\033[K" : "") {}
  void unit_starts(const Unit& unit, const std::string& why) override { say(join_text(unit.name(), "  (", why, ")")); }
  void unit_done(const Unit& unit, double seconds, const nlohmann::json& counts) override {
    // Nested counts (per class, per date) are only in the manifest; a line shows the others.
    const auto number = [](const nlohmann::json& value) {
      constexpr int kDigits = 4;
      if (!value.is_number_float()) return json_text(value);
      return std::isnan(value.get<double>()) ? std::string("not known") : fixed(value.get<double>(), kDigits);
    };
    std::vector<std::string> parts;
    for (const auto& [key, value] : counts.items())
      if (value.is_number() || value.is_string())
        parts.push_back(key + " " + (value.is_string() ? value.get<std::string>() : number(value)));
    say(join_text("  ", unit.name(), " done in ", fixed(seconds, 1), " s", parts.empty() ? "" : ": ", join_list(parts, ", ")));
  }
  void unit_taken(const Unit& unit, const std::string& edition) override {
    say(join_text("  ", unit.name(), " taken from the edition ", edition, ", which made the same"));
  }
  void unit_kept(const Unit& unit, const std::string& why) override {
    say(join_text(unit.name(), ": kept as it is with --tiles (", why, ")"));
  }
  void unit_failed(const Unit& unit, const std::string& message) override {
    std::fprintf(stderr, "%s  %s FAILED: %s\n", clear_, unit.name().c_str(), message.c_str());
  }
  void stage_goes_on(const Stage& stage, std::size_t done, std::size_t units, double seconds_left) override {
    if (seconds_left >= 1)
      say(join_text("  ", stage.name, ": ", done, " of ", units, " units, about ", duration_text(seconds_left), " left"));
  }
  void stage_up_to_date(const Stage& stage, std::size_t units) override {
    say(join_text(stage.name, ": ", counted(units, "unit"), " up to date"));
  }

 private:
  void say(const std::string& line) const {
    if (!quiet_) std::fprintf(stderr, "%s%s\n", clear_, line.c_str());
  }

  bool quiet_;
  const char* clear_;  // of a terminal: the bar that is in the line
};

// One JSON document a line on standard output, for schedulers.
class JsonObserver : public RunObserver {
 public:
  void unit_starts(const Unit& unit, const std::string& why) override { print({{"event", "start"}, {"unit", unit.name()}, {"why", why}}); }
  void unit_done(const Unit& unit, double seconds, const nlohmann::json& counts) override {
    print({{"event", "done"}, {"unit", unit.name()}, {"seconds", seconds}, {"counts", counts}});
  }
  void unit_taken(const Unit& unit, const std::string& edition) override {
    print({{"event", "taken"}, {"unit", unit.name()}, {"edition", edition}});
  }
  void unit_kept(const Unit& unit, const std::string& why) override { print({{"event", "kept"}, {"unit", unit.name()}, {"why", why}}); }
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
    std::printf("%s\n", json_text(event).c_str());
    std::fflush(stdout);
  }
};

void print_plan(const std::vector<PlannedStage>& plan, bool json) {
  nlohmann::json list = nlohmann::json::array();
  int to_run = 0, up_to_date = 0, blocked = 0;
  for (const auto& stage : plan) {
    if (!json)
      std::printf("%s: %s\n    reads %s\n    writes %s\n", stage.stage->name.c_str(), stage.stage->summary.c_str(),
                  stage.stage->reads.c_str(), stage.stage->writes.c_str());
    if (!stage.known) {
      list.push_back({{"stage", stage.stage->name}, {"state", "unknown"}});
      if (!json) std::printf("[?] %-28s units are known once the stages before it have run\n", stage.stage->name.c_str());
    }
    for (const auto& [unit, why, needs, kept] : stage.units) {
      const std::string lack = needs.empty() ? "" : "cannot run: " + needs + " was never finished and is not to run now";
      const std::string& said = lack.empty() ? why : lack;
      const bool fresh = said.empty();
      const std::string as_it_is = kept.empty() ? "up to date" : "kept as it is with --tiles (" + kept + ")";
      (!lack.empty() ? blocked : fresh ? up_to_date : to_run)++;
      list.push_back({{"stage", unit.stage},
                      {"unit", unit.name()},
                      {"state", !lack.empty()  ? "blocked"
                                : !fresh       ? "to run"
                                : kept.empty() ? "up to date"
                                               : "kept"},
                      {"why", kept.empty() ? said : kept}});
      if (!json)
        std::printf("[%s] %-28s %s\n",
                    !lack.empty() ? "!"
                    : fresh       ? "="
                                  : "x",
                    unit.name().c_str(), fresh ? as_it_is.c_str() : said.c_str());
    }
  }
  if (json)
    std::cout << json_text(list, 1) << "\n";
  else
    std::printf("%d to run, %d up to date%s\n", to_run, up_to_date, blocked == 0 ? "" : join_text(", ", blocked, " blocked").c_str());
}

void keep_unit(std::vector<PlannedStage>& plan, const std::string& name) {
  for (PlannedStage& stage : plan) std::erase_if(stage.units, [&](const PlannedUnit& planned) { return planned.unit.name() != name; });
  std::erase_if(plan, [](const PlannedStage& stage) { return stage.units.empty(); });
}

int execute(Call<RunCommand>& call) {
  RunCommand& command = call.command;
  if (!command.unit.empty() && (!command.from.empty() || !command.to.empty()))
    throw UserError("--unit names one unit; expected neither --from nor --to beside it");
  const Config config = command.production.load();
  const Selection selection{command.tiles, command.from, command.to, command.force, command.partial};
  if (command.unit.empty()) warn(command.production.unread_options());
  if (command.dry_run) {
    std::vector<PlannedStage> plan = make_plan(stage_list(), config, selection);
    if (!command.unit.empty()) keep_unit(plan, unit_named(stage_list(), config, command.unit).unit.name());
    print_plan(plan, command.json);
    return 0;
  }
  JsonProgress json_progress(stdout);
  Context context = call.resources.context(&config);
  if (command.json) context.progress = &json_progress;
  TextObserver text(call.resources.quiet);
  JsonObserver json;
  RunObserver& observer = command.json ? static_cast<RunObserver&>(json) : text;
  if (!command.unit.empty()) {
    run_unit(stage_list(), config, selection, command.unit, context, observer);
    return 0;
  }
  const RunOutcome outcome = run(stage_list(), config, selection, context, observer, command.jobs);
  const Layout layout(config);
  if (outcome.complete()) {
    if (!command.json && !call.resources.quiet)
      std::fprintf(stderr, "%s run, %s%s%d up to date; products in %s\n", counted(outcome.ran, "unit").c_str(),
                   outcome.taken > 0 ? join_text(outcome.taken, " taken from other editions, ").c_str() : "",
                   outcome.kept > 0 ? join_text(outcome.kept, " kept as they were, ").c_str() : "", outcome.up_to_date,
                   layout.root.c_str());
    return 0;
  }
  std::string message = "the run is not complete";
  for (const auto& failure : outcome.failed) message += "\n  failed: " + failure.unit + ": " + failure.message;
  for (const auto& unit : outcome.lacking)
    message += "\n  never finished, and not to be run now: " + unit + "; run it too, or give --partial for a map without such tiles";
  for (const auto& unit : outcome.blocked) message += "\n  not run, because a unit that it needs is missing: " + unit;
  throw UserError(message + "\nfinished units are kept; correct the cause and run the same command again");
}

}  // namespace

void add_run(CLI::App& app, Program& program) {
  add_command<RunCommand>(app, program,
                          {"run",
                           "Run the whole chain, or a part of it",
                           {"config"},
                           {"millesime run france.toml", "millesime run france.toml --dry-run", "millesime run france.toml --tiles T31TCJ",
                            "millesime run france.toml --set model.name=random_forest --out out-forest"}},
                          execute);
}

}  // namespace millesime
