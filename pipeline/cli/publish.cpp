#include "pipeline/stages/publish.h"

#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/json_text.h"

namespace millesime {

void add_publish(CLI::App& app, Program& program) {
  add_command<PublishCommand>(app, program,
                              {"publish",
                               "Make products, styles, a STAC item and a report from a map",
                               {"folder"},
                               {"millesime publish map --nomenclature oso23 --year 2021",
                                "millesime publish map --nomenclature classes.toml --year 2021 -o products"},
                               Needs::progress},
                              [](PublishCommand& command, const Context& context) {
                                std::cout << json_text(publish(command, context), 1) << "\n";
                                return 0;
                              });
}

}  // namespace millesime
