#include "pipeline/cli/pages.h"

#include <algorithm>

#include "pipeline/cli/usage.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/text.h"
#include "pipeline/engine/site.h"

namespace millesime {

using nlohmann::ordered_json;

namespace {

std::string row(const std::vector<std::string>& cells) {
  std::string text = "|";
  for (const std::string& cell : cells) {
    text += ' ';
    for (const char c : cell) text += c == '|' ? "\\|" : std::string(1, c);
    text += " |";
  }
  return text + "\n";
}

std::string header(const std::vector<std::string>& cells) {
  std::string text = row(cells) + "|";
  for (std::size_t i = 0; i < cells.size(); ++i) text += "---|";
  return text + "\n";
}

std::string code(const std::string& text) { return text.empty() ? "" : "`" + text + "`"; }

std::string code_list(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(code(name));
  return join_list(quoted, ", ");
}

std::string option_row(const std::string& name, const Option& option) {
  return row({code(name), option.type(), option.is_required() ? "required" : code(option.default_text()), option.unit(),
              option.range_text(), option.help()});
}

std::string option_header(const std::string& name) { return header({name, "type", "default", "unit", "range", "meaning"}); }

// One table a section.
std::string option_tables(const Options& options) {
  std::string page, table;
  for (const Option& option : options.all()) {
    const auto dot = option.key().rfind('.');
    const std::string section = dot == std::string::npos ? "" : option.key().substr(0, dot);
    if (section != table || &option == &options.all().front()) {
      const std::string name = section.empty() ? "top level" : section == "source" ? "[[source]]" : "[" + section + "]";
      page += "\n## " + name + "\n\n";
      if (section == "source") page += "Any number of sources; the first gives the tiles and their grid.\n\n";
      page += option_header("key");
      table = section;
    }
    page += option_row(option.key(), option);
  }
  return page;
}

std::string flag_table(const DeclaredCommand& command) {
  if (command.options.empty()) return "";
  std::string page = "\n" + option_header("option");
  for (const Option& option : command.options) {
    const bool positional = std::ranges::find(command.card.positional, option.key()) != command.card.positional.end();
    page += option_row(positional                   ? in_capitals(option.key())
                       : short_flag(option).empty() ? option.flag()
                                                    : short_flag(option) + ", " + option.flag(),
                       option);
  }
  return page;
}

std::string texts(const ordered_json& list) {
  std::vector<std::string> parts;
  for (const auto& entry : list) parts.push_back(entry.get<std::string>());
  return join_list(parts, "; ");
}

std::string registries() {
  const ordered_json known = usage({});
  std::string page = "\n# Architectures\n\nOf `model.name`; their parameters are set by `model.parameters`, e.g. `d_model=128`.\n\n" +
                     header({"name", "what", "input it prefers", "parameters", "papers"});
  for (const auto& entry : known["architectures"]) {
    std::vector<std::string> parameters;
    for (const auto& [name, value] : entry["parameters"].items()) parameters.push_back(name + "=" + json_text(value));
    page += row({code(entry["name"]), entry["summary"], entry["input"], code_list(parameters), texts(entry["papers"])});
  }
  page +=
      "\n# Indices\n\nOf `model.indices`; an expression of bands works, too (`GCVI = B8 / B3 - 1`). Bands are physical values, whatever "
      "they are stored as: reflectance of 0 to 1, decibel, degrees.\n\n" +
      header({"name", "formula", "bands", "source"});
  for (const auto& entry : known["indices"])
    page += row({code(entry["name"]), code(entry["formula"]), code_list(entry["bands"]), entry["source"]});
  page += "\n# Sensors\n\n" + header({"name", "what", "layout", "bands", "masks"});
  for (const auto& entry : known["sensors"])
    page += row({code(entry["name"]), entry["title"], code(entry["layout"]), code_list(entry["bands"]), code_list(entry["masks"])});
  page += "\n# Nomenclatures\n\nOf `nomenclature`, where it is no file.\n\n" + header({"name", "classes", "groups", "converts to"});
  for (const auto& entry : known["nomenclatures"])
    page += row({code(entry["name"]), std::to_string(entry["classes"].size()), std::to_string(entry["groups"].size()),
                 code_list(entry["converts_to"])});
  return page;
}

std::string sentence(const std::string& text) { return text.empty() ? "" : in_capitals(text.substr(0, 1)) + text.substr(1) + "."; }

}  // namespace

std::string configuration_page() {
  Config config;
  Site site;
  std::string exogenous_rows;
  ExogenousOptions entry;
  const Options of_entry = entry.declare();
  for (const Option& option : of_entry.all()) exogenous_rows += option_row(option.key(), option);
  return "# Configuration reference\n\nMade from the declarations by `millesime config reference`. Keys are TOML; on the command line "
         "`--set key=value`.\n" +
         option_tables(config.declare()) + "\n## [[exogenous]]\n\nAny number of static inputs, each a table of its own.\n\n" +
         option_header("key") + exogenous_rows +
         "\n# Site reference\n\nOf `millesime submit --site` (configs/sites). The keys of `[stages]` apply to every stage; "
         "`[stages.NAME]` has the same keys for one stage, `[stages.plan]` for the job that submits stages that cannot be planned "
         "before.\n" +
         option_tables(site.declare({})) + registries();
}

std::string commands_page(const Program& program) {
  std::string page =
      "# Commands\n\nMade from the declarations by `millesime config commands`. `millesime --json-usage` tells the same to programs.\n\n" +
      header({"command", "does"});
  for (const DeclaredCommand& command : program.commands)
    page += row({code("millesime " + join_list(command.words, " ")), command.card.summary});
  for (const DeclaredCommand& command : program.commands)
    page += "\n## millesime " + join_list(command.words, " ") + "\n\n" + command.card.summary + ".\n" + flag_table(command) +
            "\n```text\n" + join_list(command.card.examples, "\n") + "\n```\n";
  return page;
}

std::string stages_page() {
  std::string page = "# Stages\n\nMade from the declarations by `millesime config pages`. In the order in which they run:\n\n" +
                     header({"stage", "does", "reads", "writes"});
  for (const Stage& stage : stage_list())
    page += row({"[" + stage.name + "](" + stage.name + ".md)", stage.summary, stage.reads, stage.writes});
  return page;
}

std::string stage_page(const Stage& stage, const Program& program) {
  std::string page = "# " + stage.name + "\n\nMade from the declarations by `millesime config pages`.\n\n" + sentence(stage.summary) +
                     "\n\n- Reads: " + stage.reads + "\n- Writes: " + stage.writes + "\n- Revision: " + std::to_string(stage.revision) +
                     "\n\n```sh\n" + stage.example + "\n```\n";
  page += "\n## Options that shape its results\n\n";
  Config config;
  const Options options = config.declare();
  std::string table;
  for (const Option& option : options.all())
    if (std::ranges::any_of(stage.options,
                            [&](const std::string& key) { return option.key() == key || option.key().starts_with(key + "."); }))
      table += option_row(option.key(), option);
  page += table.empty() ? "None.\n" : option_header("key") + table;
  for (const DeclaredCommand& command : program.commands)
    if (join_list(command.words, " ") == stage.command)
      page += "\n## Alone: `millesime " + stage.command + "`\n\n" + command.card.summary + ".\n" + flag_table(command);
  if (!stage.papers.empty()) page += "\n## Papers\n\n- " + join_list(stage.papers, "\n- ") + "\n";
  return page;
}

}  // namespace millesime
