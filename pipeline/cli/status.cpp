#include <cstdio>
#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/error.h"
#include "pipeline/engine/status.h"

namespace millesime {

void add_status(CLI::App& app, Invocation& invocation) {
  struct StatusCommand {
    ProductionFlags production;
    bool json = false, verify = false;
  };
  auto* sub = app.add_subcommand("status", "Units of a production that are done, running, failed or to run");
  auto command = std::make_shared<StatusCommand>();
  command->production.add_to(*sub);
  sub->add_flag("--json", command->json, "as JSON");
  sub->add_flag("--verify", command->verify, "read every finished product and compare it with its checksum");
  add_examples(*sub, {"millesime status france.toml", "millesime status france.toml --verify", "millesime status france.toml --json"});
  sub->callback([&invocation, command] {
    invocation.action = [command] {
      const auto units = status(stage_list(), command->production.load(), command->verify);
      bool damaged = false;
      nlohmann::json list = nlohmann::json::array();
      for (const auto& unit : units) {
        damaged = damaged || unit.state == "damaged";
        list.push_back({{"stage", unit.stage}, {"unit", unit.key}, {"state", unit.state}, {"detail", unit.detail}, {"log", unit.log}});
        if (command->json) continue;
        const std::string name = unit.stage + (unit.key.empty() ? "" : "/" + unit.key);
        std::printf("%-8s %-28s %s\n", unit.state.c_str(), name.c_str(), unit.detail.c_str());
        if (unit.state == "failed" && !unit.log.empty()) std::printf("%-8s %-28s log: %s\n", "", "", unit.log.c_str());
      }
      if (command->json) std::cout << list.dump(1) << "\n";
      return damaged ? kExitUserError : 0;
    };
  });
}

}  // namespace millesime
