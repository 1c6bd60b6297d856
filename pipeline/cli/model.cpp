#include <cstdio>
#include <iostream>

#include "models/registry.h"
#include "pipeline/cli/command.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/reports/model_report.h"

namespace millesime {

void add_model(CLI::App& app, Invocation& invocation) {
  auto* sub = app.add_subcommand("model", "Show models");
  sub->require_subcommand(1);
  struct Info {
    std::string file;
    bool json = false;
  };
  auto info = std::make_shared<Info>();
  auto* info_sub = sub->add_subcommand("info", "Content of a model file: input, classes, training, metrics");
  info_sub->add_option("model", info->file, "model file (.safetensors)")->required()->type_name("MODEL");
  info_sub->add_flag("--json", info->json, "as JSON");
  add_examples(*info_sub, {"millesime model info model.safetensors"});
  info_sub->callback([&invocation, info] {
    invocation.action = [info] {
      if (info->json)
        std::cout << model_info(info->file).dump(1) << "\n";
      else
        std::cout << model_info_text(info->file);
      return 0;
    };
  });
  add_declared<ModelReportCommand>(*sub, invocation,
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
  auto* list = sub->add_subcommand("list", "The architectures that can be trained");
  add_examples(*list, {"millesime model list"});
  list->callback([&invocation] {
    invocation.action = [] {
      for (const auto& architecture : architectures())
        std::printf("%-16s %s (input: %s)\n", architecture.name.c_str(), architecture.summary.c_str(),
                    to_text(architecture.preferred_input).c_str());
      return 0;
    };
  });
}

}  // namespace millesime
