#include "pipeline/cli/usage.h"

#include <cmath>

#include "kernels/ops/indices.h"
#include "models/registry.h"
#include "pipeline/core/configs.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/text.h"
#include "pipeline/core/version.h"
#include "pipeline/engine/site.h"
#include "pipeline/io/sensor_file.h"
#include "pipeline/stages/train.h"

namespace millesime {

using nlohmann::ordered_json;

namespace {

ordered_json to_json(const Option& option) {
  ordered_json entry{{"key", option.key()}, {"type", option.type()}};
  // Literals of TOML as Option writes them are JSON, too.
  entry["default"] = option.is_required() ? ordered_json() : ordered_json::parse(option.default_text());
  entry["required"] = option.is_required();
  if (!option.unit().empty()) entry["unit"] = option.unit();
  if (option.min()) entry["min"] = *option.min();
  if (option.max() && std::isfinite(*option.max())) entry["max"] = *option.max();
  if (!option.allowed().empty()) entry["choices"] = option.allowed();
  if (!option.kind().empty()) entry["names"] = option.kind();
  if (option.is_path()) entry["path"] = true;
  entry["help"] = option.help();
  return entry;
}

ordered_json to_json(const std::vector<Option>& options) {
  ordered_json list = ordered_json::array();
  for (const Option& option : options) list.push_back(to_json(option));
  return list;
}

ordered_json to_json(const DeclaredCommand& command) {
  ordered_json options = ordered_json::array();
  for (const Option& option : command.options) {
    ordered_json entry = to_json(option);
    const bool positional = std::ranges::find(command.card.positional, option.key()) != command.card.positional.end();
    entry["flag"] = positional ? ordered_json() : ordered_json(option.flag());
    if (!positional && !short_flag(option).empty()) entry["short"] = short_flag(option);
    if (option.is_repeated()) entry["repeated"] = true;
    options.push_back(std::move(entry));
  }
  return {{"command", join_list(command.words, " ")},
          {"summary", command.card.summary},
          {"positional", command.card.positional},
          {"options", options},
          {"examples", command.card.examples}};
}

ordered_json to_json(const Stage& stage) {
  return {{"name", stage.name},       {"summary", stage.summary},   {"reads", stage.reads},   {"writes", stage.writes},
          {"options", stage.options}, {"revision", stage.revision}, {"papers", stage.papers}, {"example", stage.example}};
}

ordered_json architectures_json() {
  ordered_json list = ordered_json::array();
  for (const Architecture& architecture : architectures())
    list.push_back({{"name", architecture.name},
                    {"summary", architecture.summary},
                    {"input", to_text(architecture.preferred_input)},
                    {"parameters", architecture.parameters},
                    {"papers", architecture.papers}});
  return list;
}

ordered_json indices_json() {
  ordered_json list = ordered_json::array();
  for (const IndexInfo& index : known_indices())
    list.push_back({{"name", index.name}, {"formula", index.formula}, {"bands", index.bands}, {"source", index.source}});
  return list;
}

ordered_json sensors_json() {
  ordered_json list = ordered_json::array();
  for (const std::string& name : known_sensors()) {
    const SensorFile sensor = SensorFile::load(name);
    ordered_json masks = ordered_json::array();
    for (const MaskPlane& plane : sensor.planes()) masks.push_back(plane.name);
    list.push_back({{"name", name}, {"title", sensor.title}, {"layout", sensor.layout}, {"bands", sensor.band_names()}, {"masks", masks}});
  }
  return list;
}

ordered_json nomenclatures_json() {
  ordered_json list = ordered_json::array();
  for (const std::string& name : names_in_configs("nomenclatures")) {
    const Nomenclature nomenclature = Nomenclature::load(name);
    ordered_json classes = ordered_json::array(), groups = ordered_json::array(), to = ordered_json::array();
    for (const LandClass& c : nomenclature.classes) classes.push_back({{"code", c.code}, {"name", c.name}});
    for (const LandClass& g : nomenclature.groups) groups.push_back({{"code", g.code}, {"name", g.name}});
    for (const Mapping& mapping : nomenclature.mappings) to.push_back(mapping.to);
    list.push_back({{"name", name}, {"classes", classes}, {"groups", groups}, {"converts_to", to}});
  }
  return list;
}

std::vector<std::string> keys_of(const Options& options) {
  std::vector<std::string> keys;
  for (const Option& option : options.all()) keys.push_back(option.key());
  return keys;
}

}  // namespace

ordered_json usage(const Program& program) {
  ordered_json groups = ordered_json::array(), commands = ordered_json::array(), stages = ordered_json::array();
  for (const CommandGroup& group : program.groups) groups.push_back({{"name", group.name}, {"summary", group.summary}});
  for (const DeclaredCommand& command : program.commands) commands.push_back(to_json(command));
  for (const Stage& stage : stage_list()) stages.push_back(to_json(stage));
  Config config;
  Site site;
  return {{"program", "millesime"},
          {"version", version()},
          {"groups", groups},
          {"commands", commands},
          {"configuration", to_json(config.declare().all())},
          {"site", to_json(site.declare({}).all())},
          {"stages", stages},
          {"architectures", architectures_json()},
          {"indices", indices_json()},
          {"sensors", sensors_json()},
          {"nomenclatures", nomenclatures_json()}};
}

std::vector<std::string> names_of_kind(const std::string& kind) {
  std::vector<std::string> names;
  if (kind == "architecture") {
    names.emplace_back(kChosenModel);
    for (const Architecture& architecture : architectures()) names.push_back(architecture.name);
  } else if (kind == "device") {
    names = {"auto", "cpu", "cuda"};
  } else if (kind == "index") {
    for (const IndexInfo& index : known_indices()) names.push_back(index.name);
  } else if (kind == "nomenclature") {
    names = names_in_configs("nomenclatures");
  } else if (kind == "setting") {
    Config config;
    names = keys_of(config.declare());
  } else if (kind == "site") {
    names = names_in_configs("sites");
  } else if (kind == "stage") {
    for (const Stage& stage : stage_list()) names.push_back(stage.name);
  } else if (kind == "training setting") {
    TrainCommand command;
    names = keys_of(command.declare());
  }
  return names;
}

}  // namespace millesime
