#include "pipeline/cli/command.h"

#include <algorithm>
#include <cstdio>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/engine/machine.h"
#include "pipeline/engine/progress.h"

namespace millesime {

void Resources::add_to(CLI::App& command) {
  command.add_option("--device", device, "where kernels and models run: auto, cpu, cuda or cuda:N  [default auto]")->type_name("DEVICE");
  command.add_option("--threads", threads, "threads to compute with  [default: all cores that this process may use]")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  command.add_option("--memory", memory, "limit of memory, e.g. 8GiB  [default: the free memory]")->type_name("AMOUNT");
  command.add_flag("--quiet", quiet, "no progress");
}

Context Resources::context(const Config* otherwise) {
  const auto first = [](const std::string& a, const std::string& b) { return a.empty() ? b : a; };
  const DeviceChoice choice = choose_device(first(device, otherwise ? otherwise->device : "auto"));
  if (!choice.note.empty() && !quiet) std::fprintf(stderr, "millesime: %s\n", choice.note.c_str());
  Context context;
  context.device = choice.device;
  context.threads = threads > 0 ? threads : otherwise && otherwise->threads > 0 ? otherwise->threads : usable_threads();
  const std::string amount = first(memory, otherwise ? otherwise->memory : "");
  context.memory_bytes = amount.empty() ? usable_memory_bytes() : parse_memory(amount, "--memory");
  if (quiet)
    progress_ = std::make_unique<SilentProgress>();
  else
    progress_ = std::make_unique<TextProgress>(stderr);
  context.progress = progress_.get();
  return context;
}

void ProductionFlags::add_to(CLI::App& command) {
  command.add_option("config", file, "configuration of the production (TOML)")->required()->type_name("CONFIG");
  command.add_option("--out", output, "folder of the products, instead of the configuration's")->type_name("DIR");
  command.add_option("--set", assignments, "set an option of the configuration, key=value; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  command.add_flag("--skip-damaged", skip_damaged, "leave out products that cannot be read, and record them");
}

Config ProductionFlags::load() const {
  std::vector<std::string> all = assignments;
  if (!output.empty()) all.push_back("output=" + output);
  if (skip_damaged) all.emplace_back("sensors.sentinel2_theia.skip_damaged=true");
  return Config::load(file, all);
}

std::vector<std::string> ProductionFlags::as_arguments() const {
  std::vector<std::string> arguments;
  for (const auto& assignment : assignments) arguments.insert(arguments.end(), {"--set", assignment});
  if (!output.empty()) arguments.insert(arguments.end(), {"--out", output});
  if (skip_damaged) arguments.emplace_back("--skip-damaged");
  return arguments;
}

std::string constraints_text(const Option& option) {
  std::vector<std::string> parts;
  if (option.is_required())
    parts.push_back("required");
  else if (const auto& text = option.default_text(); text != "\"\"" && text != "[]" && !(option.is_bool() && text == "false"))
    parts.push_back("default " + text + (option.unit().empty() ? "" : " " + option.unit()));
  else if (!option.unit().empty())
    parts.push_back(option.unit());
  if (!option.range_text().empty()) parts.push_back(option.range_text());
  return parts.empty() ? "" : "  [" + join_list(parts, "; ") + "]";
}

OptionFlags::OptionFlags(CLI::App& command, Options& options, const std::vector<std::string>& positional) : options_(options) {
  for (const Option& option : options.all()) {
    auto values = std::make_shared<std::vector<std::string>>();
    std::string names = option.flag();
    if (option.key() == "output") names = "-o," + names;
    if (std::ranges::find(positional, option.key()) != positional.end()) names = option.key();
    CLI::Option* flag = option.is_bool() ? command.add_flag_callback(
                                               names, [values] { *values = {"true"}; }, option.help() + constraints_text(option))
                                         : command.add_option(names, *values, option.help() + constraints_text(option));
    if (!option.is_bool()) {
      flag->type_name(option.type() == "integer" ? "N" : option.is_path() ? "PATH" : option.type() == "number" ? "X" : "TEXT");
      if (option.is_list())
        flag->expected(1, 1 << 20);
      else
        flag->expected(1)->take_last()->allow_extra_args(false);  // a second word belongs to the next positional
    }
    given_.push_back({option.key(), values, flag});
  }
}

void OptionFlags::apply() {
  for (const auto& [key, values, flag] : given_) {
    if (values->empty()) continue;
    Option& option = options_.at(key, "command line");
    if (!option.is_list()) {
      option.set(values->back(), "command line");
      continue;
    }
    std::vector<std::string> list;  // --tiles A,B C; a path may hold a comma
    for (const auto& value : *values) {
      if (option.is_path())
        list.push_back(value);
      else
        for (const auto& part : split_text(value, ','))
          if (!trim(part).empty()) list.emplace_back(trim(part));
    }
    option.set_list(list, "command line");
  }
  std::vector<std::string> missing;
  for (const auto& [key, values, flag] : given_)
    if (options_.at(key, "command line").is_required() && values->empty()) missing.push_back(flag->get_name());
  if (!missing.empty()) throw UserError("missing: " + join_list(missing, ", ") + "; --help lists them");
}

void add_examples(CLI::App& command, const std::vector<std::string>& lines) { command.footer("Examples:\n  " + join_list(lines, "\n  ")); }

}  // namespace millesime
