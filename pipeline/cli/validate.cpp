#include "pipeline/stages/validate.h"

#include <cstdio>

#include "pipeline/cli/command.h"

namespace millesime {

void add_validate(CLI::App& app, Invocation& invocation) {
  add_declared<ValidateCommand>(
      app, invocation,
      {"validate",
       "Accuracy of a map against polygons, or from confusion matrices",
       {},
       {"millesime validate --classification OCS_2021.tif --reference parcels.gpkg --field CODE --nomenclature oso23 -o accuracy",
        "millesime validate --confusion seed_0.csv seed_1.csv --nomenclature oso23 -o accuracy"}},
      [](ValidateCommand& command, const Context& context) {
        const AccuracyReport report = validate(command, context);
        for (const auto& run : report.runs) {
          const Accuracy accuracy = measure(run.confusion);
          std::printf("%s: overall accuracy %.4f, kappa %.4f, %lld pixels\n", run.name.c_str(), accuracy.overall, accuracy.kappa,
                      static_cast<long long>(accuracy.total));
        }
        std::printf("%s/RESULTS.txt, %s/accuracy.json\n", command.output.c_str(), command.output.c_str());
        return 0;
      });
}

}  // namespace millesime
