#include "pipeline/engine/status.h"

#include <cstdio>
#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"

namespace millesime {
namespace {

struct StatusCommand {
  ProductionFlags production;
  bool json = false, verify = false;

  Options declare() {
    Options o;
    production.declare(o);
    o.add("json", &json, "as JSON");
    o.add("verify", &verify, "read every finished product and compare it with its checksum");
    return o;
  }
};

int execute(const StatusCommand& command) {
  bool damaged = false;
  nlohmann::json list = nlohmann::json::array();
  for (const auto& unit : status(stage_list(), command.production.load(), command.verify)) {
    damaged = damaged || unit.state == "damaged";
    list.push_back({{"stage", unit.stage}, {"unit", unit.key}, {"state", unit.state}, {"detail", unit.detail}, {"log", unit.log}});
    if (command.json) continue;
    const std::string name = unit.stage + (unit.key.empty() ? "" : "/" + unit.key);
    std::printf("%-8s %-28s %s\n", unit.state.c_str(), name.c_str(), unit.detail.c_str());
    if (unit.state == "failed" && !unit.log.empty()) std::printf("%-8s %-28s log: %s\n", "", "", unit.log.c_str());
  }
  if (command.json) std::cout << json_text(list, 1) << "\n";
  return damaged ? kExitUserError : 0;
}

}  // namespace

void add_status(CLI::App& app, Program& program) {
  add_command<StatusCommand>(
      app, program,
      {.name = "status",
       .summary = "Units of a production that are done, running, failed or to run",
       .positional = {"config"},
       .examples = {"millesime status france.toml", "millesime status france.toml --verify", "millesime status france.toml --json"},
       .needs = Needs::nothing},
      [](StatusCommand& command, const Context&) { return execute(command); });
}

}  // namespace millesime
