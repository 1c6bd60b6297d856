#include "pipeline/learning/tuning.h"

#include <iostream>

#include "pipeline/cli/command.h"

namespace millesime {

void add_tune(CLI::App& app, Program& program) {
  struct Command : TuneCommand {
    Options declare() {
      Options options = TuneCommand::declare();
      options.add("set", &assignments, "options of `millesime train` for every candidate, e.g. train.epochs=30; may be repeated")
          .repeated()
          .names("training setting");
      return options;
    }
  };
  add_command<Command>(
      app, program,
      {"tune",
       "Search the options of a training by cross-validation and successive halving",
       {},
       {"millesime tune --samples samples.safetensors --space space.toml -o tuned",
        "millesime tune --samples samples.safetensors --space space.toml --model random_forest --trials 60 --folds 5 -o tuned"}},
      [](Command& command, const Context& context) {
        std::cout << to_markdown(tune(command, context), command) << command.output << "/best.toml\n";
        return 0;
      });
}

}  // namespace millesime
