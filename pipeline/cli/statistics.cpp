#include "pipeline/stages/statistics.h"

#include <cstdio>

#include "pipeline/cli/command.h"

namespace millesime {

void add_statistics(CLI::App& app, Program& program) {
  add_command<StatisticsCommand>(
      app, program,
      {.name = "statistics",
       .summary = "Hectares and shares of the classes of a map in each zone, and what changed between two maps",
       .positional = {"map"},
       .examples = {"millesime statistics OCS_2021.tif --confidence OCS_2021_confidence.tif --zones departments.gpkg --zones-field code -o "
                    "departments.csv",
                    "millesime statistics OCS_2020.tif --second OCS_2021.tif --zones communes.gpkg --zones-field name -o change.gpkg"},
       .needs = Needs::threads},
      [](StatisticsCommand& command, const Context& context) {
        for (const std::string& line : statistics(command, context)) std::printf("%s\n", line.c_str());
        return 0;
      });
}

}  // namespace millesime
