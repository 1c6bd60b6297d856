#include "pipeline/stages/catalog.h"

#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"

namespace millesime {

void add_catalog(CLI::App& app, Program& program) {
  add_command<CatalogCommand>(app, program,
                              {"catalog",
                               "Acquisitions of each tile; damaged, missing and double products",
                               {"root"},
                               {"millesime catalog l2a --year 2021", "millesime catalog l2a --tiles T31TCJ --json"},
                               Needs::progress},
                              [](CatalogCommand& command, const Context& context) {
                                const CatalogReport report = catalog(command, context);
                                if (command.json)
                                  std::cout << json_text(report.to_json(), 1) << "\n";
                                else
                                  std::cout << report.to_text();
                                return report.damaged() ? kExitUserError : 0;
                              });
}

}  // namespace millesime
