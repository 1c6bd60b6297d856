#include "pipeline/stages/classify.h"

#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/json_text.h"
#include "pipeline/learning/unread_options.h"

namespace millesime {

void add_classify(CLI::App& app, Program& program) {
  add_command<ClassifyCommand>(app, program,
                               {"classify",
                                "Map one tile with a trained model",
                                {},
                                {"millesime classify --model model.safetensors --tile l2a/T31TCJ -o map",
                                 "millesime classify --model model.safetensors --tile l2a/T31TCJ --year 2021 --probabilities -o map"}},
                               [](Call<ClassifyCommand>& call) {
                                 const std::string& model = call.command.model;
                                 const Trust trust = call.command.trust_model ? Trust::programs : Trust::data_only;
                                 warn(unread_options(call.options, readers_of(ModelFile::read(model, trust)), "the model " + model));
                                 std::cout << json_text(classify_command(call.command, call.resources.context()), 1) << "\n";
                                 return 0;
                               });
}

}  // namespace millesime
