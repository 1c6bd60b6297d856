#include "pipeline/simulate/simulate.h"

#include <cstdio>

#include "pipeline/cli/command.h"

namespace millesime {
namespace {

struct SimulateCommand {
  std::string output;
  SimulateOptions world;

  Options declare() {
    Options options;
    options.add("output", &output, "folder of the world; must be empty").path().required();
    world.declare(options);
    return options;
  }
};

}  // namespace

void add_simulate(CLI::App& app, Program& program) {
  add_command<SimulateCommand>(app, program,
                               {"simulate",
                                "Write a seeded world with its truth, in the layout of real products",
                                {},
                                {"millesime simulate -o world", "millesime simulate -o world --tiles 3 --size 1024 --dates 30 --seed 7"},
                                Needs::progress},
                               [](SimulateCommand& command, const Context& context) {
                                 simulate(command.world, command.output, context);
                                 std::printf("%s/config.toml maps this world: millesime run %s/config.toml\n", command.output.c_str(),
                                             command.output.c_str());
                                 return 0;
                               });
}

}  // namespace millesime
