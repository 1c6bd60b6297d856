#include "pipeline/learning/evaluation.h"

#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/json_text.h"

namespace millesime {

void add_evaluate(CLI::App& app, Program& program) {
  struct Command : EvaluateCommand {
    bool json = false;
    Options declare() {
      Options options = EvaluateCommand::declare();
      options.add("json", &json, "as JSON on standard output");
      return options;
    }
  };
  add_command<Command>(app, program,
                       {"evaluate",
                        "Accuracy of a model on labelled samples",
                        {},
                        {"millesime evaluate --model model.safetensors --samples samples.safetensors",
                         "millesime evaluate --model model.safetensors --samples test.csv --json -o evaluation"}},
                       [](Command& command, const Context& context) {
                         const Evaluation evaluation = evaluate_model(command, context);
                         const ModelSpec spec =
                             ModelFile::read(command.model, command.trust_model ? Trust::programs : Trust::data_only).spec;
                         if (command.json)
                           std::cout << json_text(to_json(evaluation, spec), 1) << "\n";
                         else
                           std::cout << to_table(evaluation, spec);
                         return 0;
                       });
}

void add_predict(CLI::App& app, Program& program) {
  add_command<PredictCommand>(app, program,
                              {"predict",
                               "Label, confidence and probabilities of each sample",
                               {},
                               {"millesime predict --model model.safetensors --samples samples.csv -o predictions.csv"}},
                              [](PredictCommand& command, const Context& context) {
                                const auto written = predict_samples(command, context);
                                std::cout << counted(written, "sample") << " in " << command.output << "\n";
                                return 0;
                              });
}

}  // namespace millesime
