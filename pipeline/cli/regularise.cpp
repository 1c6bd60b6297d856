#include "pipeline/stages/regularise.h"

#include <cstdio>

#include "pipeline/cli/command.h"
#include "pipeline/core/counted.h"

namespace millesime {

void add_regularise(CLI::App& app, Program& program) {
  add_command<RegulariseCommand>(app, program,
                                 {"regularise",
                                  "Remove single pixels and small patches from a class map",
                                  {"map"},
                                  {"millesime regularise OCS_2021.tif --majority 3 --min-pixels 10 -o OCS_2021_regularised.tif",
                                   "millesime regularise OCS_2021.tif --majority 0 --groups --connectivity \"8 then 4\" --resolution 20 "
                                   "--min-pixels-resampled 3 --min-area \"0.1 ha\" --keep 4,23 --nomenclature oso23 -o OCS_2021_20m.tif"}},
                                 [](RegulariseCommand& command, const Context& context) {
                                   const RegulariseCounts counts = regularise(command, context);
                                   std::printf("%lld of %lld pixels mapped, %lld changed by the majority, %lld by the sieve in %s; %s\n",
                                               static_cast<long long>(counts.mapped), static_cast<long long>(counts.pixels),
                                               static_cast<long long>(counts.by_majority), static_cast<long long>(counts.by_sieve),
                                               counted(counts.passes, "pass", "passes").c_str(), command.output.c_str());
                                   return 0;
                                 });
}

}  // namespace millesime
