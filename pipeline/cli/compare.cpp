#include "pipeline/stages/compare.h"

#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/json_text.h"

namespace millesime {

void add_compare(CLI::App& app, Program& program) {
  struct Command : CompareCommand {
    bool json = false;
    Options declare() {
      Options options = CompareCommand::declare();
      options.add("json", &json, "as JSON on standard output");
      return options;
    }
  };
  add_command<Command>(app, program,
                       {"compare",
                        "Two maps of one grid: agreement, changes from class to class, areas",
                        {"first", "second"},
                        {"millesime compare OCS_2020.tif OCS_2021.tif --nomenclature oso23",
                         "millesime compare OCS_2020.tif OCS_2021.tif --nomenclature oso23 --map -o changes",
                         "millesime compare OCS_2017.tif OCS_2021.tif --nomenclature oso23 --first-confidence OCS_2017_confidence.tif "
                         "--second-confidence OCS_2021_confidence.tif --map -o changes"},
                        Needs::threads},
                       [](Command& command, const Context& context) {
                         const Comparison comparison = compare_maps(command, context);
                         if (command.json)
                           std::cout << json_text(to_json(comparison), 1) << "\n";
                         else
                           std::cout << to_text(comparison);
                         return 0;
                       });
}

}  // namespace millesime
