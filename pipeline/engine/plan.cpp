#include "pipeline/engine/plan.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/side_by_side.h"
#include "pipeline/core/text.h"
#include "pipeline/core/version.h"
#include "pipeline/engine/mending.h"
#include "pipeline/stages/planning.h"
#include "pipeline/stages/tiles.h"

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

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// The checksum of a file's content, "" if there is none; each file is looked at once a plan.
std::string content_of(const Config& config, const std::string& path, const Fingerprint& known) {
  return config.planning ? config.planning->content(path, known) : Planning().content(path, known);
}

// Equal names and content: a production that was moved to another folder is still up to date.
std::string changed_input(const Unit& unit, const Manifest& known, const Config& config) {
  if (unit.inputs.size() != known.inputs.size())
    return join_text(counted(unit.inputs.size(), "input"), " instead of ", known.inputs.size());
  for (std::size_t i = 0; i < unit.inputs.size(); ++i) {
    const std::string content = content_of(config, unit.inputs[i], known.inputs[i]);
    if (content.empty()) return "input " + unit.inputs[i] + " is missing";
    if (content != known.inputs[i].xxh3 || file_name(unit.inputs[i]) != file_name(known.inputs[i].path))
      return "input " + unit.inputs[i] + " changed";
  }
  return "";
}

}  // namespace

std::string changed_output(const Unit& unit, const Manifest& known, const Config& config) {
  if (unit.outputs.size() != known.outputs.size()) return "other outputs than before";
  for (std::size_t i = 0; i < unit.outputs.size(); ++i) {
    const std::string content = content_of(config, unit.outputs[i], known.outputs[i]);
    if (content.empty()) return "output " + unit.outputs[i] + " is missing";
    if (content != known.outputs[i].xxh3) return "output " + unit.outputs[i] + " was changed by another program";
  }
  return "";
}

namespace {

// The start of a text that may be long.
std::string shortened(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  if (text.size() <= kLongest) return std::string(text);
  std::size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // no half character of UTF-8
  return join_text(std::string(text.substr(0, end)), " ...");
}

// "classes 3 name: "Rice" -> "Paddy", and 2 more", of two JSON objects; "" of other texts.
std::string change_in_object(const std::string& then, const std::string& now) {
  if (!then.starts_with('{') || !now.starts_with('{')) return "";
  const auto before = nlohmann::json::parse(then, nullptr, false), after = nlohmann::json::parse(now, nullptr, false);
  if (before.is_discarded() || after.is_discarded()) return "";
  const auto changes = nlohmann::json::diff(before, after);
  if (changes.empty() || changes[0].at("path") == "") return "";
  const nlohmann::json::json_pointer place(changes[0].at("path").get<std::string>());
  std::string text = place.to_string().substr(1);
  std::ranges::replace(text, '/', ' ');
  const auto value = [&](const nlohmann::json& document) {
    return document.contains(place) ? shortened(document.at(place).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) : "none";
  };
  text += ": " + value(before) + " -> " + value(after);
  return changes.size() == 1 ? text : join_text(text, ", and ", changes.size() - 1, " more");
}

// What became of a value. Of long ones the part that differs.
std::string change_text(const std::string& then, const std::string& now) {
  if (const std::string change = change_in_object(then, now); !change.empty()) return change;
  constexpr std::size_t kShort = 60;
  if (then.size() <= kShort && now.size() <= kShort) return then + " -> " + now;
  auto same = static_cast<std::size_t>(std::ranges::mismatch(then, now).in1 - then.begin());
  while (same > 0 && (static_cast<unsigned char>(then[same]) & 0xC0) == 0x80) --same;
  return join_text("... ", shortened(std::string_view(then).substr(same)), " -> ... ", shortened(std::string_view(now).substr(same)));
}

std::string changed_config(const Unit& unit, const std::map<std::string, std::string>& now,
                           const std::map<std::string, std::string>& then) {
  for (const auto& [key, value] : now) {
    const auto it = then.find(key);
    if (it == then.end()) return key + " is new";
    if (it->second == value) continue;
    if (const auto looked = unit.looked_up.find(key); looked != unit.looked_up.end()) return looked->second.change(it->second, value);
    return key + ": " + change_text(it->second, value);
  }
  return now.size() == then.size() ? "" : "fewer options than before";
}

std::string looked_up(const Unit& unit, const std::string& name, const Config& config) {
  return once(config, join_text("look at ", unit.name(), " ", name), unit.looked_up.at(name).look);
}

// Of units that will be compared, side by side: on a file system of a network each look waits for its server.
void look_up_ahead(const std::vector<Unit>& units, const Selection& selection, const Config& config) {
  constexpr int kAtOnce = 16;
  std::vector<const Unit*> compared;
  const Layout layout(config);
  for (const Unit& unit : units)
    if (!unit.looked_up.empty() && !selection.force && selection.chooses(unit) && known_manifest(layout, unit)) compared.push_back(&unit);
  side_by_side(std::ssize(compared), kAtOnce, [&](std::int64_t i) {
    const Unit& unit = *compared[static_cast<std::size_t>(i)];
    for (const auto& [name, look_up] : unit.looked_up) looked_up(unit, name, config);
  });
}

}  // namespace

void check_selection(const std::vector<Stage>& stages, const Config& config, const Selection& selection) {
  const std::size_t first = selection.from.empty() ? 0 : position(stages, selection.from, "--from");
  const std::size_t end = selection.to.empty() ? stages.size() : position(stages, selection.to, "--to") + 1;
  if (first >= end)
    throw UserError(join_text("--from ", selection.from, " --to ", selection.to, ": ", selection.from, " comes after ", selection.to));
  for (std::size_t i = first; i < end; ++i)
    for (const auto& check : {stages[i].check, stages[i].check_files})
      if (check) check(config);
  require_options_of_kept({stages.begin() + static_cast<std::ptrdiff_t>(first), stages.begin() + static_cast<std::ptrdiff_t>(end)}, config,
                          selection);
  require_tiles_alike(stages, first, end, config, selection);
}

std::map<std::string, std::string> options_of(const Unit& unit, Config& config) {
  std::map<std::string, std::string> values;
  const Options options = config.declare();
  for (const auto& key : unit.config_keys) {
    bool known = options.all().empty();
    for (const auto& option : options.all()) {
      if (option.key() != key && !option.key().starts_with(key + ".")) continue;
      known = true;
      if (!option.is_path()) values[option.key()] = option.value_text();
    }
    MILLESIME_CHECK(known, unit.name(), " names the option ", key);
  }
  return values;
}

std::map<std::string, std::string> shaping_config(const Unit& unit, Config& config, const Manifest* as_known) {
  std::map<std::string, std::string> shaping = options_of(unit, config);
  for (std::size_t i = 0; i < unit.facts.size(); ++i) {
    const std::string& fact = unit.facts[i];
    const auto sign = fact.find(" = ");
    const std::string name = sign == std::string::npos ? "" : fact.substr(0, sign);
    if (name.empty() || shaping.contains(name) || fact.starts_with('{'))
      shaping["fact " + std::to_string(i)] = fact;
    else
      shaping[name] = fact.substr(sign + 3);
  }
  for (const auto& [name, look_up] : unit.looked_up) {
    const auto known = as_known ? as_known->config.find(name) : std::map<std::string, std::string>::const_iterator();
    if (as_known && known != as_known->config.end())
      shaping[name] = known->second;
    else
      shaping[name] = looked_up(unit, name, config);
  }
  return shaping;
}

std::string code_of(const Stage& stage) { return join_text("millesime ", version(), ", ", stage.name, " revision ", stage.revision); }

std::optional<Manifest> known_manifest(const Layout& layout, const Unit& unit) {
  return whole_manifest(layout.manifest(unit.stage, unit.key));  // a damaged one counts as none
}

std::string reason_to_run(const Stage& stage, const Unit& unit, Config& config, const std::optional<Manifest>& known, Look look) {
  if (!known) return "it has no manifest";
  if (known->code != code_of(stage)) return "made by " + known->code;
  const auto shaping = shaping_config(unit, config, look == Look::at_images ? nullptr : &*known);
  if (const auto reason = changed_config(unit, shaping, known->config); !reason.empty()) return reason;
  if (const auto reason = changed_input(unit, *known, config); !reason.empty()) return reason;
  return changed_output(unit, *known, config);
}

bool Selection::chooses(const Unit& unit) const {
  return tiles.empty() || unit.tile.empty() || std::ranges::find(tiles, unit.tile) != tiles.end();
}

Config restricted_to(const Config& config, const Selection& selection) {
  if (selection.tiles.empty()) return config;
  const std::vector<std::string> all = tiles_of(config);
  for (const auto& tile : selection.tiles)
    if (std::ranges::find(all, tile) == all.end())
      throw UserError(join_text("--tiles ", tile, ": not among the tiles of ", config.file, " (", join_list(all, ", "), ")"));
  if (!selection.partial) return config;
  const Layout layout(config);
  Config restricted = config;
  restricted.tiles.names.clear();
  for (const auto& tile : all)
    if (std::ranges::find(selection.tiles, tile) != selection.tiles.end() || fs::exists(layout.manifest("classify", tile)))
      restricted.tiles.names.push_back(tile);
    else
      restricted.tiles.left_out.push_back(tile);
  return restricted;
}

std::string reason_in(const Selection& selection, const Stage& stage, const Unit& unit, Config& config, Look look) {
  if (selection.force) return kForced;
  if (is_kept(selection, stage, unit, config)) return "";
  return reason_to_run(stage, unit, config, known_manifest(Layout(config), unit), look);
}

EarlierUnits::EarlierUnits(const std::vector<Stage>& stages, Config& config, const Selection& selection, std::size_t n_stages)
    : config_(config), selection_(selection) {
  selection_.force = false;
  for (std::size_t i = 0; i < n_stages; ++i)
    for (Unit& unit : stages[i].plan(config).value_or(std::vector<Unit>{})) {
      for (const auto& output : unit.outputs) makers_[output].push_back(units_.size());
      units_.push_back({&stages[i], std::move(unit)});
    }
}

std::string EarlierUnits::lack_of(Earlier& earlier, const std::string& tile) {
  if (earlier.lack) return *earlier.lack;
  const Unit& unit = earlier.unit;
  std::string lack;
  if (!selection_.chooses(unit)) {  // it may be older than its inputs; it must have been finished
    if (!known_manifest(Layout(config_), unit)) lack = unit.name() + " (it was never finished, and --tiles leaves it out)";
  } else {
    const Look look = unit.tile == tile ? Look::at_images : Look::at_results;
    if (const auto why = reason_in(selection_, *earlier.stage, unit, config_, look); !why.empty()) lack = unit.name() + " (" + why + ")";
  }
  earlier.lack = lack;
  return lack;
}

std::string EarlierUnits::unfinished_before(const Unit& unit) {
  std::set<std::size_t> needed;  // in the order of stages
  const auto need = [&](const Unit& of) {
    for (const auto& input : of.inputs)
      if (const auto made = makers_.find(input); made != makers_.end()) needed.insert(made->second.begin(), made->second.end());
  };
  need(unit);
  std::set<std::size_t> seen;
  while (!needed.empty()) {
    const std::size_t last = *needed.rbegin();  // the latest first: what it needs is earlier
    needed.erase(last);
    if (!seen.insert(last).second || units_[last].unit.name() == unit.name()) continue;
    if (const auto lack = lack_of(units_[last], unit.tile); !lack.empty()) return lack;
    if (selection_.chooses(units_[last].unit)) need(units_[last].unit);
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

NamedUnit unit_named(const std::vector<Stage>& stages, const Config& world, const std::string& name) {
  const auto slash = name.find('/');
  if (slash == std::string::npos) throw UserError(join_text("--unit ", name, ": expected STAGE/KEY such as classify/T31TCJ"));
  const std::size_t stage = position(stages, name.substr(0, slash), "--unit");
  const auto units = stages[stage].plan(world);
  if (!units) throw UserError(join_text("--unit ", name, ": the stage ", stages[stage].name, " needs results of an earlier stage first"));
  if (const auto found = std::ranges::find(*units, name, &Unit::name); found != units->end()) return {stage, *found};
  std::vector<std::string> names;
  for (const auto& unit : *units) names.push_back(unit.name());
  const std::string near = nearest_name(name, names);
  throw UserError(join_text("--unit ", name, ": there is no such unit",
                            near.empty() ? "; `millesime status` lists them" : "; did you mean \"" + near + "\"?"));
}

PlannedStage plan_stage(const Stage& stage, Config& world, const Selection& selection, PlanSoFar& so_far) {
  const PlanBeingMade now(world);
  const Layout layout(world);
  PlannedStage planned;
  planned.stage = &stage;
  auto units = stage.plan(world);
  planned.known = units.has_value();
  if (units) look_up_ahead(*units, selection, world);
  for (auto& unit : units.value_or(std::vector<Unit>{})) {
    if (!selection.chooses(unit)) {
      if (!known_manifest(layout, unit))
        for (const auto& output : unit.outputs) so_far.unfinished[output] = unit.name();
      continue;
    }
    const bool keep = is_kept(selection, stage, unit, world);
    std::string why = keep ? "" : reason_in(selection, stage, unit, world), needs,
                kept = keep ? reason_to_run(stage, unit, world, known_manifest(layout, unit)) : "";
    for (const auto& input : unit.inputs) {
      if (keep) {
        if (kept.empty() && so_far.made_anew.contains(input)) kept = "input " + input + " will be made again";
        continue;
      }
      if (why.empty() && so_far.made_anew.contains(input)) why = "input " + input + " will be made again";
      if (const auto lack = so_far.unfinished.find(input); needs.empty() && lack != so_far.unfinished.end()) needs = lack->second;
    }
    if (!needs.empty())
      for (const auto& output : unit.outputs) so_far.unfinished[output] = needs;
    else if (!why.empty())
      so_far.made_anew.insert(unit.outputs.begin(), unit.outputs.end());
    planned.units.push_back({std::move(unit), std::move(why), std::move(needs), std::move(kept)});
  }
  return planned;
}

void pass_over(const Stage& stage, Config& world, PlanSoFar& so_far) {
  const PlanBeingMade now(world);
  const Layout layout(world);
  std::optional<std::vector<Unit>> units;
  try {
    units = stage.plan(world);
  } catch (const UserError&) {  // its inputs are gone, e.g. images that were deleted to make space; its results may serve without them
  }
  for (const auto& unit : units.value_or(std::vector<Unit>{}))
    if (!known_manifest(layout, unit))
      for (const auto& output : unit.outputs) so_far.unfinished[output] = unit.name();
}

std::vector<PlannedStage> make_plan(const std::vector<Stage>& stages, const Config& requested, const Selection& selection) {
  check_selection(stages, requested, selection);
  Config world = restricted_to(requested, selection);
  const PlanBeingMade now(world);
  const std::size_t first = selection.from.empty() ? 0 : position(stages, selection.from, "--from");
  const std::size_t last = selection.to.empty() ? stages.size() - 1 : position(stages, selection.to, "--to");
  std::vector<PlannedStage> plan;
  PlanSoFar so_far;
  for (std::size_t i = 0; i <= last; ++i) {
    if (i < first)
      pass_over(stages[i], world, so_far);
    else
      plan.push_back(plan_stage(stages[i], world, selection, so_far));
  }
  return plan;
}

}  // namespace millesime
