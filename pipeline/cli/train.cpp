#include "pipeline/stages/train.h"

#include <iostream>

#include "pipeline/cli/command.h"

namespace millesime {

void add_train(CLI::App& app, Invocation& invocation) {
  struct State {
    TrainCommand command;
    Options options = command.declare();
    Resources resources;
    std::vector<std::string> assignments;
    std::unique_ptr<OptionFlags> flags;
  };
  auto state = std::make_shared<State>();
  auto* sub = app.add_subcommand("train", "Train a model from labelled samples");
  state->flags = std::make_unique<OptionFlags>(*sub, state->options);
  sub->add_option("--set", state->assignments, "the same options by their keys, e.g. train.epochs=100; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  state->resources.add_to(*sub);
  add_examples(*sub, {"millesime train --samples samples.safetensors --model ltae -o model.safetensors",
                      "millesime train --samples a.csv b.csv --model random_forest --set train.trees=200 -o forest.safetensors"});
  sub->callback([&invocation, state] {
    invocation.action = [state] {
      state->flags->apply();
      for (const auto& assignment : state->assignments) state->options.set(assignment);
      apply_recipe(state->options, state->command.request.model.name);
      std::cout << train_model(state->command, state->resources.context()).dump(1) << "\n";
      return 0;
    };
  });
}

}  // namespace millesime
