#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/stages/years.h"

namespace millesime {

void add_report(CLI::App& app, Program& program) {
  add_command<YearsCommand>(app, program,
                            {"report",
                             "A page about several years of maps: areas of classes over the years, changes between groups",
                             {"maps"},
                             {"millesime report years/OCS_2018.tif years/OCS_2019.tif years/OCS_2020.tif -o years/report.html",
                              "millesime report OCS_2017.tif OCS_2021.tif --language fr -o report.html"},
                             Needs::threads},
                            [](YearsCommand& command, const Context& context) {
                              const YearsData data = years_data(command, context);
                              write_years(command, data);
                              std::cout << to_text(data) << command.output << "\n";
                              return 0;
                            });
}

}  // namespace millesime
