#include <cstdio>
#include <iostream>

#include "models/registry.h"
#include "pipeline/cli/command.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/json_text.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/reports/model_report.h"
#include "pipeline/reports/season_report.h"

namespace millesime {

void add_model(CLI::App& app, Program& program) {
  CLI::App& group = add_group(app, program, {"model", "Show models"});
  struct Info {
    std::string model;
    bool json = false;
    Options declare() {
      Options o;
      o.add("model", &model, "model file (.safetensors)").path().required();
      o.add("json", &json, "as JSON");
      return o;
    }
  };
  add_command<Info>(group, program,
                    {.name = "info",
                     .summary = "Content of a model file: input, classes, training, metrics",
                     .positional = {"model"},
                     .examples = {"millesime model info model.safetensors"},
                     .needs = Needs::nothing},
                    [](Info& command, const Context&) {
                      if (command.json)
                        std::cout << json_text(model_info(command.model), 1) << "\n";
                      else
                        std::cout << model_info_text(command.model);
                      return 0;
                    });
  add_command<ModelReportCommand>(group, program,
                                  {"report",
                                   "A page about a model: learning curve, accuracy, importance of its inputs",
                                   {},
                                   {"millesime model report --model model.safetensors --samples samples.safetensors -o report.html",
                                    "millesime model report --model model.safetensors -o report.html"}},
                                  [](ModelReportCommand& command, const Context& context) {
                                    write_model_report(model_report_data(command, context), command.output);
                                    std::cout << command.output << "\n";
                                    return 0;
                                  });
  add_command<SeasonCommand>(group, program,
                             {"season",
                              "Accuracy, calibration and F-scores against the day of the year; when a class is known",
                              {},
                              {"millesime model season --model model.safetensors --samples samples.safetensors -o season.html"}},
                             [](SeasonCommand& command, const Context& context) {
                               const SeasonAccuracy season = season_accuracy(command, context);
                               if (!command.output.empty()) {
                                 write_season_report(season, command.model, command.output);
                                 write_text(command.output.substr(0, command.output.rfind('.')) + ".json",
                                            json_text(to_json(season), 1) + "\n");
                               }
                               std::cout << to_text(season);
                               return 0;
                             });
  struct List {
    Options declare() { return {}; }
  };
  add_command<List>(group, program,
                    {.name = "list",
                     .summary = "The architectures that can be trained",
                     .positional = {},
                     .examples = {"millesime model list"},
                     .needs = Needs::nothing},
                    [](List&, const Context&) {
                      for (const auto& architecture : architectures())
                        std::printf("%-16s %s (input: %s)\n", architecture.name.c_str(), architecture.summary.c_str(),
                                    to_text(architecture.preferred_input).c_str());
                      return 0;
                    });
}

}  // namespace millesime
