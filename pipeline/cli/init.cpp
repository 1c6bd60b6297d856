#include "pipeline/configure/init.h"

#include <iostream>

#include "pipeline/cli/command.h"

namespace millesime {

void add_init(CLI::App& app, Program& program) {
  add_command<InitCommand>(app, program,
                           {.name = "init",
                            .summary = "Look at what lies in a folder and write a configuration that runs",
                            .positional = {"root"},
                            .examples = {"millesime init /data/france -o france-2021.toml"},
                            .needs = Needs::nothing},
                           [](InitCommand& command, const Context&) {
                             const FirstConfig first = first_config(command);
                             write_first_config(command, first);
                             for (const std::string& line : first.found) std::cout << "found    " << line << "\n";
                             for (const std::string& line : first.assumed) std::cout << "assumed  " << line << "\n";
                             std::cout << "\nnext     millesime run " << command.output << " --dry-run\n";
                             return 0;
                           });
}

}  // namespace millesime
