#include "pipeline/stages/clump.h"

#include <cstdio>

#include "pipeline/cli/command.h"
#include "pipeline/core/counted.h"

namespace millesime {

void add_clump(CLI::App& app, Program& program) {
  add_command<ClumpCommand>(app, program,
                            {.name = "clump",
                             .summary = "The patches of a class map, numbered",
                             .positional = {"map"},
                             .examples = {"millesime clump OCS_2021.tif -o patches.tif"},
                             .needs = Needs::threads},
                            [](ClumpCommand& command, const Context& context) {
                              const ClumpCounts counts = clump(command, context);
                              std::printf("%s of %lld pixels, the largest of %lld; %s\n",
                                          counted(counts.patches, "patch", "patches").c_str(), static_cast<long long>(counts.mapped),
                                          static_cast<long long>(counts.largest), command.output.c_str());
                              return 0;
                            });
}

}  // namespace millesime
