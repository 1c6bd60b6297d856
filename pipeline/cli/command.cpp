#include "pipeline/cli/command.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "pipeline/core/error.h"
#include "pipeline/core/silent_progress.h"
#include "pipeline/core/text.h"
#include "pipeline/engine/machine.h"
#include "pipeline/engine/progress.h"
#include "pipeline/learning/unread_options.h"

namespace millesime {

void add_commands(CLI::App& app, Program& program) {
  for (const auto& add : {add_run,       add_status,     add_submit,  add_catalog,   add_samples,      add_stack,    add_train,
                          add_ensemble,  add_evaluate,   add_predict, add_benchmark, add_tune,         add_classify, add_fuse,
                          add_mosaic,    add_validate,   add_design,  add_compare,   add_reconcile,    add_report,   add_regularise,
                          add_vectorise, add_statistics, add_clump,   add_publish,   add_nomenclature, add_sensors,  add_model,
                          add_config,    add_init,       add_import,  add_simulate,  add_completion})
    add(app, program);
}

void Resources::declare(Options& o, Needs needs) {
  needs_ = needs;
  o.section("");
  if (needs >= Needs::device)
    o.add("device", &device, "where kernels and models run: auto, cpu, cuda or cuda:N; default: what a configuration says, or auto")
        .names("device");
  if (needs >= Needs::threads) {
    o.add("threads", &threads, "threads to compute with; 0: all cores that this process may use").range(0, 1024);
    o.add("memory", &memory, "limit of memory, e.g. 8GiB; default: the free memory");
  }
  if (needs >= Needs::progress) o.add("quiet", &quiet, "no progress, only warnings and errors");
}

Context Resources::context(const Config* otherwise) {
  const auto first = [](const std::string& a, const std::string& b) { return a.empty() ? b : a; };
  Context context;
  if (needs_ == Needs::device) {
    const std::string asked = first(device, otherwise ? otherwise->device : "auto");
    const DeviceChoice choice = choose_device(asked);
    if (choice.device.kind == Device::Kind::cuda && (asked == "auto" || asked == "cuda")) context.devices = cuda_devices();
    if (!choice.note.empty() && !quiet) std::fprintf(stderr, "millesime: %s\n", choice.note.c_str());
    context.device = choice.device;
  }
  context.threads = threads > 0 ? threads : otherwise && otherwise->threads > 0 ? otherwise->threads : usable_threads();
  const std::string amount = first(memory, otherwise ? otherwise->memory : "");
  context.memory_bytes = amount.empty() ? usable_memory_bytes() : parse_memory(amount, "--memory");
  if (quiet || needs_ == Needs::nothing)
    progress_ = std::make_unique<SilentProgress>();
  else
    progress_ = std::make_unique<TextProgress>(stderr);
  context.progress = progress_.get();
  return context;
}

void ConfigFlags::declare(Options& o) {
  o.add("config", &file, "configuration of the production (TOML)").path().required();
  o.add("set", &assignments, "set an option of the configuration, key=value; may be repeated").repeated().names("setting");
  o.add("skip_damaged", &skip_damaged, "leave out products that cannot be read, and record them");
}

std::vector<std::string> ConfigFlags::all_assignments() const {
  std::vector<std::string> all = assignments;
  if (skip_damaged) all.emplace_back("source.*.skip_damaged=true");
  return all;
}

Config ConfigFlags::load() const { return Config::load(file, all_assignments()); }

void ProductionFlags::declare(Options& o) {
  ConfigFlags::declare(o);
  o.add("out", &output, "folder of the products, instead of the configuration's").path();
  o.add("until", &until, "the edition of what is known on this day: acquisitions after it do not count; in a folder of its own").dates();
}

std::vector<std::string> ProductionFlags::all_assignments() const {
  std::vector<std::string> all = ConfigFlags::all_assignments();
  if (!output.empty()) all.push_back("output=" + output);
  if (!until.empty()) all.push_back("period.until=" + until);
  return all;
}

Config ProductionFlags::load() const { return Config::load(file, all_assignments()); }

std::string ProductionFlags::unread_options() const {
  Config config;
  const Options options = config.read(file, all_assignments());
  const std::string& path = config.model.path;
  if (path.empty()) return millesime::unread_options(options, readers_of(config.model), "the model " + config.model.name);
  if (!std::filesystem::exists(path)) return "";
  return millesime::unread_options(options, readers_of(ModelFile::read(path)), "the model " + path);
}

std::vector<std::string> ProductionFlags::as_arguments() const {
  std::vector<std::string> arguments;
  for (const auto& assignment : assignments) arguments.insert(arguments.end(), {"--set", assignment});
  if (!output.empty()) arguments.insert(arguments.end(), {"--out", output});
  if (!until.empty()) arguments.insert(arguments.end(), {"--until", until});
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

void warn(const std::string& text) {
  if (!text.empty()) std::fprintf(stderr, "millesime: warning: %s\n", text.c_str());
}

std::string in_capitals(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

std::string short_flag(const Option& option) { return option.key() == "output" ? "-o" : ""; }

namespace {

// What help writes for a value: --threads N, --to STAGE.
std::string placeholder(const Option& option) {
  if (option.is_repeated()) return "KEY=VALUE";
  if (!option.kind().empty()) return in_capitals(option.kind());
  return option.type() == "integer" ? "N" : option.is_path() ? "PATH" : option.type() == "number" ? "X" : "TEXT";
}

}  // namespace

OptionFlags::OptionFlags(CLI::App& command, Options& options, const std::vector<std::string>& positional) : options_(options) {
  for (const Option& option : options.all()) {
    auto values = std::make_shared<std::vector<std::string>>();
    const bool without_flag = std::ranges::find(positional, option.key()) != positional.end();
    const std::string names = without_flag                 ? option.key()
                              : short_flag(option).empty() ? option.flag()
                                                           : short_flag(option) + "," + option.flag();
    const std::string help = option.help() + constraints_text(option);
    CLI::Option* flag = nullptr;
    if (option.is_bool())
      flag = command.add_flag_callback(
          names, [values] { *values = {"true"}; }, help);
    else
      flag = command.add_option(names, *values, help)->type_name(placeholder(option));
    if (option.is_repeated())
      flag->expected(1)->take_all();
    else if (option.is_list())
      flag->expected(1, 1 << 20);
    else if (!option.is_bool())
      flag->expected(1)->take_last()->allow_extra_args(false);  // a second word belongs to the next positional
    if (without_flag) command.add_option(option.flag(), *values)->expected(1, 1 << 20)->group("");  // not in the help
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
    std::vector<std::string> list;  // --tiles A,B C; a path or an assignment may hold a comma
    for (const auto& value : *values) {
      if (option.is_path() || option.is_repeated())
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

  // A file that a command reads is not the one that it writes: what it holds would be lost.
  const auto output = std::ranges::find(given_, "output", &Given::key);
  if (output == given_.end() || output->values->empty() || !options_.at("output", "command line").is_path()) return;
  const std::string& file = output->values->back();
  std::error_code error;
  for (const Given& given : given_) {
    if (given.key == "output" || !options_.at(given.key, "command line").is_path()) continue;
    for (const std::string& input : *given.values)
      if (std::filesystem::is_regular_file(file, error) && std::filesystem::equivalent(input, file, error) && !error)
        throw UserError(join_text(output->flag->get_name(), " ", file, ": is read, too (", given.flag->get_name(),
                                  "), and what it holds would be lost; expected another name"));
  }
}

CLI::App& add_group(CLI::App& app, Program& program, const CommandGroup& group) {
  program.groups.push_back(group);
  CLI::App* sub = app.add_subcommand(group.name, group.summary);
  sub->require_subcommand(1);
  return *sub;
}

CLI::App* add_subcommand(CLI::App& parent, Program& program, const CommandCard& card, const Options& options) {
  DeclaredCommand declared{.words = {}, .card = card, .options = options.all()};
  if (parent.get_parent()) declared.words.push_back(parent.get_name());
  declared.words.push_back(card.name);
  program.commands.push_back(std::move(declared));
  CLI::App* sub = parent.add_subcommand(card.name, card.summary);
  sub->footer("Examples:\n  " + join_list(card.examples, "\n  "));
  return sub;
}

}  // namespace millesime
