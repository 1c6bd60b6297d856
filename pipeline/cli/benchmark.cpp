#include "pipeline/learning/benchmark.h"

#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/reports/benchmark_report.h"

namespace millesime {

void add_benchmark(CLI::App& app, Invocation& invocation) {
  struct State {
    BenchmarkCommand command;
    bool json = false;
    Options options = command.declare();
    Resources resources;
    std::unique_ptr<OptionFlags> flags;
  };
  auto state = std::make_shared<State>();
  auto* sub = app.add_subcommand("benchmark", "Compare models on labelled samples by cross-validation");
  state->flags = std::make_unique<OptionFlags>(*sub, state->options);
  sub->add_option("--set", state->command.assignments,
                  "options of `millesime train` for every model, e.g. train.epochs=30; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  sub->add_flag("--json", state->json, "as JSON instead of a Markdown table");
  state->resources.add_to(*sub);
  add_examples(*sub,
               {"millesime benchmark --samples samples.safetensors --models random_forest,temporal_cnn,ltae --folds 5 -o benchmark.html",
                "millesime benchmark --samples train.csv --test test.csv --models ltae,ltae+temporal_cnn --seeds 3 --json"});
  sub->callback([&invocation, state] {
    invocation.action = [state] {
      state->flags->apply();
      const auto results = benchmark(state->command, state->resources.context());
      if (!state->command.output.empty()) write_benchmark(results, state->command);
      if (state->json)
        std::cout << to_json(results).dump(1) << "\n";
      else
        std::cout << to_markdown(results);
      return 0;
    };
  });
}

}  // namespace millesime
