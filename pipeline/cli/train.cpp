#include "pipeline/stages/train.h"

#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/json_text.h"
#include "pipeline/learning/unread_options.h"

namespace millesime {

void add_train(CLI::App& app, Program& program) {
  struct Command : TrainCommand {
    std::string recipe_file;
    std::vector<std::string> assignments;
    Options declare() {
      Options options = TrainCommand::declare();
      options.section("");
      options
          .add("recipe", &recipe_file,
               "sections [model], [time] and [train] of a configuration, such as the best.toml of `millesime tune`; the command line goes "
               "before it")
          .path();
      options.add("set", &assignments, "the same options by their keys, e.g. train.epochs=100; may be repeated")
          .repeated()
          .names("training setting");
      return options;
    }
  };
  add_command<Command>(
      app, program,
      {"train",
       "Train a model from labelled samples",
       {},
       {"millesime train --samples samples.safetensors --model ltae -o model.safetensors",
        "millesime train --samples a.csv b.csv --model random_forest --set train.trees=200 -o forest.safetensors",
        "millesime train --samples samples.safetensors --recipe tuned/best.toml -o model.safetensors"}},
      [](Call<Command>& call) {
        for (const auto& assignment : call.command.assignments) call.options.set(assignment);
        if (const std::string& file = call.command.recipe_file; !file.empty()) apply_recipe_file(call.options, file);
        const LearningRequest& request = call.command.request;
        warn(unread_options(call.options, readers_of(request.model, !request.init_from.empty()), "the model " + request.model.name));
        apply_recipe(call.options, call.command.request.model.name);
        std::cout << json_text(train_model(call.command, call.resources.context()), 1) << "\n";
        return 0;
      });
}

}  // namespace millesime
