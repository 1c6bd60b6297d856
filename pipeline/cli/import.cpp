#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/configure/iota2_import.h"

namespace millesime {

void add_import(CLI::App& app, Program& program) {
  add_command<ImportCommand>(app, program,
                             {.name = "import",
                              .summary = "An iota2 configuration as one of this program, with what became of each key",
                              .positional = {"config"},
                              .examples = {"millesime import i2_config.cfg -o france-2021.toml --year 2021"},
                              .needs = Needs::nothing},
                             [](ImportCommand& command, const Context&) {
                               const ImportedConfig imported = import_iota2(command);
                               write_import(command, imported);
                               std::cout << to_text(imported);
                               return 0;
                             });
}

}  // namespace millesime
