#include "pipeline/learning/benchmark.h"

#include <iostream>

#include "pipeline/cli/command.h"
#include "pipeline/core/json_text.h"
#include "pipeline/learning/unread_options.h"
#include "pipeline/reports/benchmark_report.h"

namespace millesime {

void add_benchmark(CLI::App& app, Program& program) {
  struct Command : BenchmarkCommand {
    bool json = false;
    Options declare() {
      Options options = BenchmarkCommand::declare();
      options.add("set", &assignments, "options of `millesime train` for every model, e.g. train.epochs=30; may be repeated")
          .repeated()
          .names("training setting");
      options.add("json", &json, "as JSON instead of a Markdown table");
      return options;
    }
  };
  add_command<Command>(
      app, program,
      {"benchmark",
       "Compare models on labelled samples by cross-validation",
       {},
       {"millesime benchmark --samples samples.safetensors --models random_forest,temporal_cnn,ltae --folds 5 -o benchmark.html",
        "millesime benchmark --samples train.csv --test test.csv --models ltae,ltae+temporal_cnn --seeds 3 --json"}},
      [](Command& command, const Context& context) {
        warn(unread_assignments(command.assignments, command.models));
        const auto results = benchmark(command, context);
        if (!command.output.empty()) write_benchmark(results, command);
        if (command.json)
          std::cout << json_text(to_json(results), 1) << "\n";
        else
          std::cout << to_markdown(results);
        return 0;
      });
}

}  // namespace millesime
