#include "pipeline/stages/vectorise.h"

#include <cstdio>

#include "pipeline/cli/command.h"

namespace millesime {

void add_vectorise(CLI::App& app, Program& program) {
  add_command<VectoriseCommand>(
      app, program,
      {.name = "vectorise",
       .summary = "The patches of a class map as polygons that tile the plane, with statistics",
       .positional = {"map"},
       .examples = {"millesime vectorise OCS_2021_regularised.tif --classification OCS_2021.tif --confidence OCS_2021_confidence.tif "
                    "--validity OCS_2021_validity.tif -o polygons.gpkg",
                    "millesime vectorise OCS_2021_regularised.tif --zones departments.gpkg --zones-field code --formats zip -o vectors"},
       .needs = Needs::threads},
      [](VectoriseCommand& command, const Context& context) {
        for (const std::string& line : vectorise(command, context)) std::printf("%s\n", line.c_str());
        return 0;
      });
}

}  // namespace millesime
