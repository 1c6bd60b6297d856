#pragma once
// Shared by all commands of the program. CLI11 is used in pipeline/cli only.
//
// A command is a struct with declare(): flags, checks, help, completion, --json-usage and the page of commands come from that declaration.
// add_command() makes a subcommand of it and, when it was chosen, leaves its work in Program::action; main.cpp runs that and turns errors
// into an exit code.

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include <CLI/CLI.hpp>

#include "pipeline/core/options.h"
#include "pipeline/stages/config.h"
#include "pipeline/stages/stage.h"

namespace millesime {

// What a command asks of the machine, and so which of --device, --threads, --memory and --quiet it takes.
enum class Needs {
  nothing,   // prints what it looks up
  progress,  // takes a while: --quiet
  threads,   // computes on the processor: --threads, --memory
  device     // computes on the processor or a GPU: --device
};

struct CommandCard {
  std::string name, summary;
  std::vector<std::string> positional;  // keys that are given without a flag
  std::vector<std::string> examples;
  Needs needs = Needs::device;
};

// A command as it was declared, for whoever lists commands.
struct DeclaredCommand {
  std::vector<std::string> words;  // {"samples", "import"}
  CommandCard card;
  std::vector<Option> options;  // their declarations; the values belong to the command
};
struct CommandGroup {
  std::string name, summary;  // "samples"
};

struct Program {
  std::function<int()> action;  // of the chosen command; returns the exit code
  std::vector<DeclaredCommand> commands;
  std::vector<CommandGroup> groups;
};

// Every command of the program, in the order of the help text.
void add_commands(CLI::App& app, Program& program);

// --device, --threads, --memory and --quiet, as far as a command takes them.
struct Resources {
  std::string device, memory;
  int threads = 0;
  bool quiet = false;

  void declare(Options& options, Needs needs);
  // Their values on this machine; for an empty text `otherwise` is used (from a configuration). Logs the device that `auto` chose.
  Context context(const Config* otherwise = nullptr);

 private:
  Needs needs_ = Needs::nothing;
  std::unique_ptr<Progress> progress_;
};

// CONFIG, --set, --skip-damaged: of every command that reads a production's configuration.
struct ConfigFlags {
  std::string file;
  std::vector<std::string> assignments;
  bool skip_damaged = false;

  void declare(Options& options);
  Config load() const;
  std::vector<std::string> all_assignments() const;  // what the flags mean
};

// And --out: of every command about the production itself.
struct ProductionFlags : ConfigFlags {
  std::string output, until;

  void declare(Options& options);
  Config load() const;
  std::vector<std::string> all_assignments() const;
  std::string unread_options() const;             // what the configuration and the flags set in vain (unread_options.h), "" for nothing
  std::vector<std::string> as_arguments() const;  // arguments besides CONFIG for another call of the program with the same meaning
};

// Every declared option becomes a flag of the command. apply() sets the given options; `options` must exist until then.
class OptionFlags {
 public:
  // `positional`: keys that are given without a flag, in this order; scripts may name them all the same (catalog --root l2a).
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

void warn(const std::string& text);  // on standard error, also with --quiet; nothing for ""

std::string in_capitals(std::string text);  // of A to Z

// "-o" of the option "output", "" of every other.
std::string short_flag(const Option& option);

// A word under which commands lie: "samples" of `samples import`.
CLI::App& add_group(CLI::App& app, Program& program, const CommandGroup& group);

// A command that was chosen: its struct as the command line fills it.
template <class Command>
struct Call {
  Command command;
  Options options = command.declare();
  Resources resources;
};

// The part of add_command() that knows no type.
CLI::App* add_subcommand(CLI::App& parent, Program& program, const CommandCard& card, const Options& options);

// `work` takes a Call<Command>&, or a Command& and the Context that its resources mean. Returns the exit code.
template <class Command, class Work>
void add_command(CLI::App& parent, Program& program, const CommandCard& card, Work work) {
  auto call = std::make_shared<Call<Command>>();
  call->resources.declare(call->options, card.needs);
  CLI::App* sub = add_subcommand(parent, program, card, call->options);
  auto flags = std::make_shared<OptionFlags>(*sub, call->options, card.positional);
  sub->callback([&program, call, flags, work] {
    program.action = [call, flags, work] {
      flags->apply();
      if constexpr (std::is_invocable_v<Work, Call<Command>&>)
        return work(*call);
      else
        return work(call->command, call->resources.context());
    };
  });
}

// The commands of each file.
void add_run(CLI::App& app, Program& program);
void add_status(CLI::App& app, Program& program);
void add_submit(CLI::App& app, Program& program);
void add_catalog(CLI::App& app, Program& program);
void add_samples(CLI::App& app, Program& program);
void add_stack(CLI::App& app, Program& program);
void add_train(CLI::App& app, Program& program);
void add_evaluate(CLI::App& app, Program& program);
void add_predict(CLI::App& app, Program& program);
void add_ensemble(CLI::App& app, Program& program);
void add_benchmark(CLI::App& app, Program& program);
void add_tune(CLI::App& app, Program& program);
void add_classify(CLI::App& app, Program& program);
void add_fuse(CLI::App& app, Program& program);
void add_mosaic(CLI::App& app, Program& program);
void add_design(CLI::App& app, Program& program);
void add_validate(CLI::App& app, Program& program);
void add_regularise(CLI::App& app, Program& program);
void add_vectorise(CLI::App& app, Program& program);
void add_statistics(CLI::App& app, Program& program);
void add_clump(CLI::App& app, Program& program);
void add_compare(CLI::App& app, Program& program);
void add_reconcile(CLI::App& app, Program& program);
void add_report(CLI::App& app, Program& program);
void add_publish(CLI::App& app, Program& program);
void add_nomenclature(CLI::App& app, Program& program);
void add_sensors(CLI::App& app, Program& program);
void add_model(CLI::App& app, Program& program);
void add_init(CLI::App& app, Program& program);
void add_import(CLI::App& app, Program& program);
void add_config(CLI::App& app, Program& program);
void add_simulate(CLI::App& app, Program& program);
void add_completion(CLI::App& app, Program& program);

}  // namespace millesime
