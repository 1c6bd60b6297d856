#include "pipeline/stages/stack.h"

#include <iostream>

#include "pipeline/cli/command.h"

namespace millesime {

void add_stack(CLI::App& app, Invocation& invocation) {
  struct Command : StackOptions {
    std::string config;
    std::vector<std::string> assignments;
    Options declare() {
      Options options = StackOptions::declare();
      options.add("config", &config, "configuration of the production (TOML)").path().required();
      options.add("set", &assignments, "set an option of the configuration, key=value");
      return options;
    }
  };
  add_declared<Command>(
      app, invocation,
      {"stack",
       "Write a tile's analysis-ready series as a data cube (Zarr or COG)",
       {"config"},
       {"millesime stack france.toml --tiles T31TCJ", "millesime stack france.toml --tiles T31TCJ --features --format cog -o cubes"}},
      [](Command& command, const Context& context) {
        std::cout << stack(Config::load(command.config, command.assignments), command, context).dump(1) << "\n";
        return 0;
      });
}

}  // namespace millesime
