#include "pipeline/stages/publish.h"

#include <iostream>

#include "pipeline/cli/command.h"

namespace millesime {

void add_publish(CLI::App& app, Invocation& invocation) {
  add_declared<PublishCommand>(app, invocation,
                               {"publish",
                                "Make products, styles, a STAC item and a report from a map",
                                {"folder"},
                                {"millesime publish map --nomenclature oso23 --year 2021",
                                 "millesime publish map --nomenclature classes.toml --year 2021 -o products"}},
                               [](PublishCommand& command, const Context& context) {
                                 std::cout << publish(command, context).dump(1) << "\n";
                                 return 0;
                               });
}

}  // namespace millesime
