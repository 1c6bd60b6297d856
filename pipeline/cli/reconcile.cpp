#include "pipeline/stages/reconcile.h"

#include <iostream>

#include "pipeline/cli/command.h"

namespace millesime {

void add_reconcile(CLI::App& app, Program& program) {
  add_command<ReconcileCommand>(
      app, program,
      {.name = "reconcile",
       .summary = "Yearly maps made consistent: changes that last and their year, without flicker",
       .positional = {"maps"},
       .examples = {"millesime reconcile OCS_2018.tif OCS_2019.tif OCS_2020.tif --nomenclature oso23 -o years",
                    "millesime reconcile p_2018.tif p_2019.tif p_2020.tif --nomenclature oso23 --learn -o years"}},
      [](ReconcileCommand& command, const Context& context) {
        std::cout << to_text(reconcile_maps(command, context));
        return 0;
      });
}

}  // namespace millesime
