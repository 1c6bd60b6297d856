#include "pipeline/stages/fuse.h"

#include <cstdio>

#include "pipeline/cli/command.h"

namespace millesime {

void add_fuse(CLI::App& app, Program& program) {
  add_command<FuseCommand>(app, program,
                           {"fuse",
                            "Fuse several maps of one grid into one",
                            {},
                            {"millesime fuse --classification a.tif b.tif c.tif --confidence ca.tif cb.tif cc.tif -o fused",
                             "millesime fuse --method dempster-shafer --classification a.tif b.tif --confusion a.csv b.csv -o fused"},
                            Needs::threads},
                           [](FuseCommand& command, const Context& context) {
                             const FuseCounts counts = fuse(command, context);
                             std::printf("%lld of %lld pixels mapped, %lld undecided; %s/classification.tif\n",
                                         static_cast<long long>(counts.mapped), static_cast<long long>(counts.pixels),
                                         static_cast<long long>(counts.undecided), command.output.c_str());
                             return 0;
                           });
}

}  // namespace millesime
