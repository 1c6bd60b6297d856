#include "pipeline/stages/mosaic.h"

#include <cstdio>

#include "pipeline/cli/command.h"

namespace millesime {

void add_mosaic(CLI::App& app, Program& program) {
  add_command<MosaicCommand>(
      app, program,
      {"mosaic",
       "Join the maps of tiles into one map",
       {},
       {"millesime mosaic --classification T31TCJ_class.tif T31TDJ_class.tif --confidence T31TCJ_conf.tif T31TDJ_conf.tif -o map",
        "millesime mosaic --classification *_class.tif --crs EPSG:32631 --resolution 20 -o map"},
       Needs::threads},
      [](MosaicCommand& command, const Context& context) {
        mosaic(command, context);
        std::printf("%s/classification.tif\n", command.output.c_str());
        return 0;
      });
}

}  // namespace millesime
