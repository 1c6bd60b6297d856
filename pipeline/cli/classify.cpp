#include "pipeline/stages/classify.h"

#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/json_text.h"

namespace millesime {

void add_classify(CLI::App& app, Program& program) {
  add_command<ClassifyCommand>(app, program,
                               {"classify",
                                "Map one tile with a trained model",
                                {},
                                {"millesime classify --model model.safetensors --tile l2a/T31TCJ -o map",
                                 "millesime classify --model model.safetensors --tile l2a/T31TCJ --year 2021 --probabilities -o map"}},
                               [](ClassifyCommand& command, const Context& context) {
                                 std::cout << json_text(classify_command(command, context), 1) << "\n";
                                 return 0;
                               });
}

}  // namespace millesime
