#include "pipeline/engine/plan.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/core/version.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

std::size_t position(const std::vector<Stage>& stages, const std::string& name, const std::string& option) {
  const auto it = std::ranges::find(stages, name, &Stage::name);
  if (it != stages.end()) return static_cast<std::size_t>(it - stages.begin());
  std::vector<std::string> names;
  for (const auto& stage : stages) names.push_back(stage.name);
  const std::string near = nearest_name(name, names);
  throw UserError(join_text(option, ": expected one of ", join_list(names, ", "), ", got \"", name, "\"",
                            near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

// Equal name and content: a production that was moved to another folder is still up to date.
bool same_content(const Fingerprint& a, const Fingerprint& b) {
  return a.xxh3 == b.xxh3 && fs::path(a.path).filename() == fs::path(b.path).filename();
}

std::string changed_input(const Unit& unit, const Manifest& known) {
  if (unit.inputs.size() != known.inputs.size()) return join_text(unit.inputs.size(), " inputs instead of ", known.inputs.size());
  for (std::size_t i = 0; i < unit.inputs.size(); ++i) {
    if (!fs::exists(unit.inputs[i])) return "input " + unit.inputs[i] + " is missing";
    if (!same_content(fingerprint(unit.inputs[i], known.inputs[i]), known.inputs[i])) return "input " + unit.inputs[i] + " changed";
  }
  return "";
}

std::string changed_output(const Unit& unit, const Manifest& known) {
  if (unit.outputs.size() != known.outputs.size()) return "other outputs than before";
  for (std::size_t i = 0; i < unit.outputs.size(); ++i) {
    if (!fs::exists(unit.outputs[i])) return "output " + unit.outputs[i] + " is missing";
    if (fingerprint(unit.outputs[i], known.outputs[i]).xxh3 != known.outputs[i].xxh3)
      return "output " + unit.outputs[i] + " was changed by another program";
  }
  return "";
}

std::string changed_config(const std::map<std::string, std::string>& now, const std::map<std::string, std::string>& then) {
  for (const auto& [key, value] : now) {
    const auto it = then.find(key);
    if (it == then.end()) return key + " is new";
    if (it->second != value) return key + ": " + it->second + " -> " + value;
  }
  return now.size() == then.size() ? "" : "fewer options than before";
}

}  // namespace

void check_selection(const std::vector<Stage>& stages, const Selection& selection) {
  if (selection.from.empty() && selection.to.empty()) return;
  const std::size_t first = selection.from.empty() ? 0 : position(stages, selection.from, "--from");
  const std::size_t last = selection.to.empty() ? stages.size() : position(stages, selection.to, "--to");
  if (first > last)
    throw UserError(join_text("--from ", selection.from, " --to ", selection.to, ": ", selection.from, " comes after ", selection.to));
}

std::map<std::string, std::string> shaping_config(const Unit& unit, Config& config) {
  std::map<std::string, std::string> shaping;
  const Options options = config.declare();
  for (const auto& key : unit.config_keys) {
    const std::size_t before = shaping.size();
    for (const auto& option : options.all())
      if (option.key() == key || option.key().starts_with(key + ".")) shaping[option.key()] = option.value_text();
    MILLESIME_CHECK(shaping.size() > before || options.all().empty(), unit.name(), " names the option ", key);
  }
  for (std::size_t i = 0; i < unit.facts.size(); ++i) shaping["fact " + std::to_string(i)] = unit.facts[i];
  return shaping;
}

std::string code_of(const Stage& stage) { return join_text("millesime ", version(), ", ", stage.name, " revision ", stage.revision); }

std::optional<Manifest> known_manifest(const Layout& layout, const Unit& unit) {
  const std::string file = layout.manifest(unit.stage, unit.key);
  if (!fs::exists(file)) return std::nullopt;
  try {
    return read_manifest(file);
  } catch (const UserError&) {
    return std::nullopt;  // a damaged manifest counts as none
  }
}

std::string reason_to_run(const Stage& stage, const Unit& unit, Config& config, const std::optional<Manifest>& known) {
  if (!known) return "it has no manifest";
  if (known->code != code_of(stage)) return "made by " + known->code;
  for (const auto& reason :
       {changed_config(shaping_config(unit, config), known->config), changed_input(unit, *known), changed_output(unit, *known)})
    if (!reason.empty()) return reason;
  return "";
}

Config restricted_to(const Config& config, const Selection& selection) {
  if (selection.tiles.empty()) return config;
  const Layout layout(config);
  std::set<std::string> world(selection.tiles.begin(), selection.tiles.end());
  if (fs::exists(layout.stage("classify")))
    for (const auto& entry : fs::directory_iterator(layout.stage("classify"))) {
      const std::string name = entry.path().filename();
      constexpr std::string_view kSuffix = ".manifest.json";
      if (name.ends_with(kSuffix)) world.insert(name.substr(0, name.size() - kSuffix.size()));
    }
  Config restricted = config;
  if (!config.tiles.names.empty())
    for (const auto& tile : selection.tiles)
      if (std::ranges::find(config.tiles.names, tile) == config.tiles.names.end())
        throw UserError(
            join_text("--tiles ", tile, ": not among tiles.names of ", config.file, " (", join_list(config.tiles.names, ", "), ")"));
  restricted.tiles.names.assign(world.begin(), world.end());
  return restricted;
}

std::string reason_in(const Selection& selection, const Stage& stage, const Unit& unit, Config& config) {
  if (selection.force) return "--force";
  const auto known = known_manifest(Layout(config), unit);
  // Single tiles are computed with the existing models: training again would change every other tile, too.
  if (!selection.tiles.empty() && stage.kept_when_mending && known && changed_output(unit, *known).empty()) return "";
  return reason_to_run(stage, unit, config, known);
}

std::string unfinished_before(const std::vector<Stage>& stages, Config& config, const Selection& selection, const Unit& unit,
                              std::size_t n_stages) {
  Selection before = selection;
  before.force = false;
  std::set<std::string> needed(unit.inputs.begin(), unit.inputs.end());
  for (std::size_t i = n_stages; i-- > 0;)
    for (const Unit& earlier : stages[i].plan(config).value_or(std::vector<Unit>{})) {
      if (std::ranges::none_of(earlier.outputs, [&](const auto& output) { return needed.contains(output); })) continue;
      if (const auto why = reason_in(before, stages[i], earlier, config); !why.empty()) return earlier.name() + " (" + why + ")";
      needed.insert(earlier.inputs.begin(), earlier.inputs.end());
    }
  return "";
}

std::vector<std::vector<PlannedUnit>> in_waves(std::vector<PlannedUnit> units) {
  std::vector<std::vector<PlannedUnit>> waves;
  std::map<std::string, std::size_t> made_in;  // output -> wave
  for (auto& planned : units) {
    std::size_t wave = 0;
    for (const auto& input : planned.unit.inputs)
      if (const auto made = made_in.find(input); made != made_in.end()) wave = std::max(wave, made->second + 1);
    for (const auto& output : planned.unit.outputs) made_in[output] = wave;
    waves.resize(std::max(waves.size(), wave + 1));
    waves[wave].push_back(std::move(planned));
  }
  return waves;
}

NamedUnit unit_named(const std::vector<Stage>& stages, const Config& requested, const Selection& selection, const std::string& name) {
  const auto slash = name.find('/');
  if (slash == std::string::npos) throw UserError(join_text("--unit ", name, ": expected STAGE/KEY such as classify/T31TCJ"));
  const std::size_t stage = position(stages, name.substr(0, slash), "--unit");
  const auto units = stages[stage].plan(restricted_to(requested, selection));
  if (!units) throw UserError(join_text("--unit ", name, ": the stage ", stages[stage].name, " needs results of an earlier stage first"));
  if (const auto found = std::ranges::find(*units, name, &Unit::name); found != units->end()) return {stage, *found};
  std::vector<std::string> names;
  for (const auto& unit : *units) names.push_back(unit.name());
  const std::string near = nearest_name(name, names);
  throw UserError(join_text("--unit ", name, ": there is no such unit",
                            near.empty() ? "; `millesime status` lists them" : "; did you mean \"" + near + "\"?"));
}

std::vector<PlannedStage> make_plan(const std::vector<Stage>& stages, const Config& requested, const Selection& selection) {
  check_selection(stages, selection);
  Config config = restricted_to(requested, selection);
  const Layout layout(config);
  const std::size_t first = selection.from.empty() ? 0 : position(stages, selection.from, "--from");
  const std::size_t last = selection.to.empty() ? stages.size() - 1 : position(stages, selection.to, "--to");

  std::vector<PlannedStage> plan;
  std::set<std::string> made_anew;
  for (std::size_t i = first; i <= last; ++i) {
    PlannedStage planned;
    planned.stage = &stages[i];
    auto units = stages[i].plan(config);
    planned.known = units.has_value();
    for (auto& unit : units.value_or(std::vector<Unit>{})) {
      const bool chosen =
          selection.tiles.empty() || unit.tile.empty() || std::ranges::find(selection.tiles, unit.tile) != selection.tiles.end();
      if (!chosen) continue;
      std::string why = reason_in(selection, stages[i], unit, config);
      const bool keep = !selection.tiles.empty() && stages[i].kept_when_mending && why.empty();
      for (const auto& input : unit.inputs)
        if (!keep && why.empty() && made_anew.contains(input)) why = "input " + input + " will be made again";
      if (!why.empty()) made_anew.insert(unit.outputs.begin(), unit.outputs.end());
      planned.units.push_back({std::move(unit), std::move(why)});
    }
    plan.push_back(std::move(planned));
  }
  return plan;
}

}  // namespace millesime
