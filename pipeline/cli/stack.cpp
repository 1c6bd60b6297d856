#include "pipeline/stages/stack.h"

#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/json_text.h"
#include "pipeline/engine/lock.h"

namespace millesime {

void add_stack(CLI::App& app, Program& program) {
  struct Command : StackOptions {
    ConfigFlags production;
    Options declare() {
      Options options = StackOptions::declare();
      production.declare(options);
      return options;
    }
  };
  add_command<Command>(
      app, program,
      {"stack",
       "Write a tile's analysis-ready series as a data cube (Zarr or COG)",
       {"config"},
       {"millesime stack france.toml --tiles T31TCJ", "millesime stack france.toml --tiles T31TCJ --features --format cog -o cubes"}},
      [](Command& command, const Context& context) {
        const Config config = command.production.load();
        const OutputLock lock(folder_of_cubes(config, command));  // not that of a run, which may go on beside
        std::cout << json_text(stack(config, command, context), 1) << "\n";
        return 0;
      });
}

}  // namespace millesime
