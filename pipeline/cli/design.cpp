#include "pipeline/stages/design.h"

#include <cstdio>

#include "pipeline/cli/command.h"
#include "pipeline/core/counted.h"

namespace millesime {

void add_design(CLI::App& app, Program& program) {
  add_command<DesignCommand>(
      app, program,
      {.name = "design",
       .summary = "A probability sample of a map to be interpreted by people; `validate` reads it back",
       .positional = {"map"},
       .examples = {"millesime design OCS_2021.tif -o sample.gpkg",
                    "millesime design OCS_2021.tif --half-width 1 --expected-of 11=95 -o sample.gpkg",
                    "millesime design OCS_2021.tif --unit block --block-size 20 -o sample.gpkg",
                    "millesime design OCS_2021.tif --cluster-points 10 -o sample.gpkg"},
       .needs = Needs::threads},
      [](DesignCommand& command, const Context& context) {
        std::int64_t drawn = 0;
        const std::vector<Stratum> strata = design(command, context);
        const bool blocks = command.of_blocks();
        std::printf("%9s %14s %12s %7s\n", "stratum", blocks ? "blocks" : "pixels", "hectares", blocks ? "drawn" : "points");
        for (const Stratum& stratum : strata) {
          std::printf("%9d %14lld %12.1f %7lld\n", stratum.code, static_cast<long long>(stratum.units), stratum.hectares,
                      static_cast<long long>(stratum.points));
          drawn += stratum.points;
        }
        std::printf("expected overall accuracy ± %.1f %% (half of the 95 %% interval)\n", expected_half_width(command, strata));
        std::printf("%s in %s: fill in the field label of the layer %s\n", counted(drawn, command.unit).c_str(), command.output.c_str(),
                    blocks ? kDesignBlocks : kDesignPoints);
        return 0;
      });
}

}  // namespace millesime
