#include "pipeline/stages/validate.h"

#include <cstdio>

#include "pipeline/cli/command.h"
#include "pipeline/core/counted.h"

namespace millesime {

void add_validate(CLI::App& app, Program& program) {
  add_command<ValidateCommand>(
      app, program,
      {"validate",
       "Accuracy of a map against polygons or points, or from confusion matrices",
       {},
       {"millesime validate --classification OCS_2021.tif --reference parcels.gpkg --field CODE --nomenclature oso23 -o accuracy",
        "millesime validate --classification OCS_2021.tif --reference sample.gpkg -o accuracy",
        "millesime validate --confusion seed_0.csv seed_1.csv --nomenclature oso23 -o accuracy"},
       Needs::threads},
      [](ValidateCommand& command, const Context& context) {
        std::vector<std::string> lines;
        const AccuracyReport report = validate(command, context, &lines);
        const bool of_points = !report.sampling.empty();  // what they say of the map comes before their counts
        if (of_points)
          for (const std::string& line : lines) std::printf("%s\n", line.c_str());
        for (const auto& run : report.runs) {
          const Accuracy accuracy = measure(run.confusion);
          std::printf("%s: %soverall accuracy %.4f, kappa %.4f, %s\n", run.name.c_str(), of_points ? "unweighted counts: " : "",
                      accuracy.overall, accuracy.kappa, counted(accuracy.total, of_points ? report.unit : "pixel").c_str());
        }
        if (!of_points)
          for (const std::string& line : lines) std::printf("%s\n", line.c_str());
        std::printf("%s/RESULTS.txt, %s/accuracy.json\n", command.output.c_str(), command.output.c_str());
        return 0;
      });
}

}  // namespace millesime
