#include <cstdio>
#include <iostream>

#include <nlohmann/json.hpp>

#include "pipeline/cli/command.h"
#include "pipeline/cli/pages.h"
#include "pipeline/configure/iota2_keys.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/json_text.h"

namespace millesime {
namespace {

struct ShowCommand {
  ProductionFlags production;
  bool json = false;
  Options declare() {
    Options o;
    production.declare(o);
    o.add("json", &json, "as JSON");
    return o;
  }
};

int show(const ShowCommand& command) {
  const std::string& file = command.production.file;
  const std::vector<std::string> assignments = command.production.all_assignments();
  Config loaded = Config::load(file, assignments);  // every check of a run
  const Options values = loaded.declare();          // as a run uses them: paths resolved, the recipe of the model applied
  // Compared with defaults, so that the origins of this file's values are kept.
  Config fresh;
  const Options options = fresh.read(file, assignments);
  nlohmann::json list = nlohmann::json::array();
  for (std::size_t i = 0; i < options.all().size(); ++i) {
    const Option& option = options.all()[i];
    const std::string value = values.all()[i].value_text();
    list.push_back({{"key", option.key()},
                    {"value", value},
                    {"default", option.default_text()},
                    {"unit", option.unit()},
                    {"range", option.range_text()},
                    {"origin", option.origin()},
                    {"help", option.help()}});
    if (!command.json)
      std::printf("%-40s = %-24s %s\n%-42s %s (default %s; %s)\n", option.key().c_str(), value.c_str(), option.unit().c_str(), "",
                  option.help().c_str(), option.default_text().c_str(), option.origin().c_str());
  }
  if (command.json) std::cout << json_text(list, 1) << "\n";
  return 0;
}

struct NoOptions {
  Options declare() { return {}; }
};

struct PagesCommand {
  std::string output;
  Options declare() {
    Options o;
    o.add("output", &output, "folder of the pages").path().required();
    return o;
  }
};

}  // namespace

void add_config(CLI::App& app, Program& program) {
  CLI::App& group = add_group(app, program, {"config", "Show a configuration, or the reference of all options"});
  add_command<ShowCommand>(group, program,
                           {.name = "show",
                            .summary = "Every key with value, default, unit and origin",
                            .positional = {"config"},
                            .examples = {"millesime config show france.toml"},
                            .needs = Needs::nothing},
                           [](ShowCommand& command, const Context&) { return show(command); });
  add_command<NoOptions>(group, program,
                         {.name = "reference",
                          .summary = "The page of every key, architecture, index, sensor and nomenclature, as Markdown",
                          .positional = {},
                          .examples = {"millesime config reference > REFERENCE.md"},
                          .needs = Needs::nothing},
                         [](NoOptions&, const Context&) {
                           std::cout << configuration_page();
                           return 0;
                         });
  add_command<NoOptions>(group, program,
                         {.name = "commands",
                          .summary = "The page of every command, as Markdown",
                          .positional = {},
                          .examples = {"millesime config commands > COMMANDS.md"},
                          .needs = Needs::nothing},
                         [&program](NoOptions&, const Context&) {
                           std::cout << commands_page(program);
                           return 0;
                         });
  add_command<NoOptions>(group, program,
                         {.name = "iota2",
                          .summary = "The page of the keys of iota2 and what `millesime import` makes of each, as Markdown",
                          .positional = {},
                          .examples = {"millesime config iota2 > IOTA2.md"},
                          .needs = Needs::nothing},
                         [](NoOptions&, const Context&) {
                           std::cout << iota2_page();
                           return 0;
                         });
  add_command<PagesCommand>(group, program,
                            {.name = "pages",
                             .summary = "A page a stage, as Markdown",
                             .positional = {},
                             .examples = {"millesime config pages -o pages"},
                             .needs = Needs::nothing},
                            [&program](PagesCommand& command, const Context&) {
                              write_text(command.output + "/README.md", stages_page());
                              for (const Stage& stage : stage_list())
                                write_text(command.output + "/" + stage.name + ".md", stage_page(stage, program));
                              std::cout << command.output << "\n";
                              return 0;
                            });
}

}  // namespace millesime
