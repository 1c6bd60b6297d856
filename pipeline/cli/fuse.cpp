#include "pipeline/stages/fuse.h"

#include <cstdio>

#include "pipeline/cli/command.h"
#include "pipeline/core/error.h"

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
                             std::string undecided;
                             if (counts.undecided_label != 0)
                               undecided = join_text(", ", counts.undecided, " undecided (", counts.undecided_label, ")");
                             std::printf("%lld of %lld pixels mapped%s; %s/classification.tif\n", static_cast<long long>(counts.mapped),
                                         static_cast<long long>(counts.pixels), undecided.c_str(), command.output.c_str());
                             return 0;
                           });
}

}  // namespace millesime
