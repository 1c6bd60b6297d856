#pragma once
// Shared by all commands of the program. CLI11 is used in pipeline/cli only.
//
// A command is a function that adds a subcommand; if it is chosen, it stores its work in Invocation::action. main.cpp runs
// that and turns errors into an exit code.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "pipeline/core/options.h"
#include "pipeline/stages/config.h"
#include "pipeline/stages/stage.h"

namespace millesime {

struct Invocation {
  std::function<int()> action;  // returns the exit code
};

// --device, --threads, --memory and --quiet, of every command that computes.
struct Resources {
  std::string device, memory;
  int threads = 0;
  bool quiet = false;

  void add_to(CLI::App& command);
  // Their values on this machine; for an empty text `otherwise` is used (from a configuration). Logs the device that `auto` chose.
  Context context(const Config* otherwise = nullptr);

 private:
  std::unique_ptr<Progress> progress_;
};

// CONFIG, --out, --set, --skip-damaged: of every command about a production.
struct ProductionFlags {
  std::string file, output;
  std::vector<std::string> assignments;
  bool skip_damaged = false;

  void add_to(CLI::App& command);
  Config load() const;
  std::vector<std::string> as_arguments() const;  // arguments besides CONFIG for another call of the program with the same meaning
};

// Every declared option becomes a flag of the command. apply() sets the given options; `options` must exist until then.
class OptionFlags {
 public:
  // `positional`: keys that are given without a flag, in this order.
  OptionFlags(CLI::App& command, Options& options, const std::vector<std::string>& positional = {});
  void apply();  // also checks that all required options were given

 private:
  Options& options_;
  struct Given {
    std::string key;
    std::shared_ptr<std::vector<std::string>> values;
    CLI::Option* flag;
  };
  std::vector<Given> given_;
};

// "[default 10 days, 1 to 366]": added to the text of an option in help and reference.
std::string constraints_text(const Option& option);

// Examples at the end of a command's help.
void add_examples(CLI::App& command, const std::vector<std::string>& lines);

// A command whose options are one struct with declare(): flags, checks and help come from that declaration.
struct CommandCard {
  std::string name, summary;
  std::vector<std::string> positional;  // keys that are given without a flag
  std::vector<std::string> examples;
};
template <class Command>
void add_declared(CLI::App& app, Invocation& invocation, const CommandCard& card, std::function<int(Command&, const Context&)> work) {
  struct State {
    Command command;
    Options options = command.declare();
    Resources resources;
    std::unique_ptr<OptionFlags> flags;
  };
  auto state = std::make_shared<State>();
  auto* sub = app.add_subcommand(card.name, card.summary);
  state->flags = std::make_unique<OptionFlags>(*sub, state->options, card.positional);
  state->resources.add_to(*sub);
  add_examples(*sub, card.examples);
  sub->callback([&invocation, state, work] {
    invocation.action = [state, work] {
      state->flags->apply();
      return work(state->command, state->resources.context());
    };
  });
}

// The commands, in the order of the help text.
void add_run(CLI::App& app, Invocation& invocation);
void add_status(CLI::App& app, Invocation& invocation);
void add_submit(CLI::App& app, Invocation& invocation);
void add_catalog(CLI::App& app, Invocation& invocation);
void add_samples(CLI::App& app, Invocation& invocation);
void add_stack(CLI::App& app, Invocation& invocation);
void add_train(CLI::App& app, Invocation& invocation);
void add_evaluate(CLI::App& app, Invocation& invocation);
void add_predict(CLI::App& app, Invocation& invocation);
void add_ensemble(CLI::App& app, Invocation& invocation);
void add_benchmark(CLI::App& app, Invocation& invocation);
void add_classify(CLI::App& app, Invocation& invocation);
void add_fuse(CLI::App& app, Invocation& invocation);
void add_mosaic(CLI::App& app, Invocation& invocation);
void add_validate(CLI::App& app, Invocation& invocation);
void add_regularise(CLI::App& app, Invocation& invocation);
void add_compare(CLI::App& app, Invocation& invocation);
void add_publish(CLI::App& app, Invocation& invocation);
void add_nomenclature(CLI::App& app, Invocation& invocation);
void add_model(CLI::App& app, Invocation& invocation);
void add_config(CLI::App& app, Invocation& invocation);
void add_simulate(CLI::App& app, Invocation& invocation);

}  // namespace millesime
