#include "pipeline/engine/mending.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/stages/planning.h"

namespace millesime {

bool is_kept(const Selection& selection, const Stage& stage, const Unit& unit, const Config& config) {
  if (selection.tiles.empty() || selection.force || !stage.kept_when_mending) return false;
  if (!unit.tile.empty() && selection.to == stage.name) return false;
  if (stage.kept_while && !stage.kept_while(config)) return false;
  const auto known = known_manifest(Layout(config), unit);
  return known && changed_output(unit, *known, config).empty();
}

void require_options_of_kept(const std::vector<Stage>& stages, const Config& config, const Selection& selection) {
  if (selection.tiles.empty() || selection.force) return;
  Config world = config;
  const PlanBeingMade now(world);
  for (const Stage& stage : stages) {
    if (!stage.kept_when_mending) continue;
    for (const Unit& unit : stage.plan(world).value_or(std::vector<Unit>{})) {
      if (!is_kept(selection, stage, unit, world)) continue;
      const auto known = known_manifest(Layout(world), unit);
      if (!known) continue;
      for (const auto& [key, value] : options_of(unit, world)) {
        const auto then = known->config.find(key);
        if (then == known->config.end() || then->second == value) continue;
        throw UserError(join_text("--tiles ", join_list(selection.tiles, " "),
                                  ": single tiles are computed with the models that there are, and ", unit.name(), " was made with ", key,
                                  " = ", then->second, ", not with ", value,
                                  "; set it back, or run without --tiles, which trains again and maps every tile"));
      }
    }
  }
}

namespace {

// A unit that will be joined, and the options that it was made with, or will be.
struct Joined {
  std::string unit;
  bool runs = false;
  std::map<std::string, std::string> options;
};

void require_alike(const Joined& first, const Joined& other) {
  for (const auto& [key, value] : other.options) {
    const auto of_first = first.options.find(key);
    if (of_first == first.options.end() || of_first->second == value) continue;
    const auto said = [&key = key](const Joined& joined, const std::string& its) {
      return join_text(joined.unit, joined.runs ? " would be made with " : " was made with ", key, " = ", its);
    };
    throw UserError(
        join_text(said(first, of_first->second), ", and ", said(other, value),
                  ": one map of both has two settings; set it back, or run without --tiles and without --from, which maps every "
                  "tile alike"));
  }
}

// What the units of all tiles read and are told alike: the model, an area that is mapped. Each tile has facts and files of its own besides.
struct Shared {
  std::set<std::string> inputs;              // by name of file
  std::map<std::string, std::string> facts;  // "name = value"

  explicit Shared(const std::vector<Unit>& units) {
    for (std::size_t i = 0; i < units.size(); ++i) {
      std::set<std::string> its_inputs;
      for (const std::string& input : units[i].inputs) its_inputs.insert(std::filesystem::path(input).filename());
      std::map<std::string, std::string> its_facts;
      for (const std::string& fact : units[i].facts)
        if (const auto sign = fact.find(" = "); sign != std::string::npos && !fact.starts_with('{'))
          its_facts[fact.substr(0, sign)] = fact.substr(sign + 3);
      if (i == 0) inputs = its_inputs, facts = its_facts;
      std::erase_if(inputs, [&](const std::string& input) { return !its_inputs.contains(input); });
      std::erase_if(facts, [&](const auto& fact) { return !its_facts.contains(fact.first) || its_facts.at(fact.first) != fact.second; });
    }
  }

  // Added to the options of a unit that will be made (no manifest), or was made.
  void add_to(Joined& joined, const Manifest* known) const {
    for (const std::string& input : inputs) {
      const bool read = !known || std::ranges::any_of(known->inputs, [&](const Fingerprint& file) {
        return std::filesystem::path(file.path).filename() == input;
      });
      joined.options["input " + input] = read ? "present" : "absent";
    }
    for (const auto& [name, value] : facts) {
      if (joined.options.contains(name)) continue;
      const auto then = known ? known->config.find(name) : std::map<std::string, std::string>::const_iterator();
      joined.options[name] = !known ? value : then == known->config.end() ? "none" : then->second;
    }
  }
};

// None where they cannot be planned: images may be gone, to make space.
std::vector<Unit> units_of(const Stage& stage, const Config& world) {
  try {
    return stage.plan(world).value_or(std::vector<Unit>{});
  } catch (const UserError&) {
    return {};
  }
}

}  // namespace

void require_tiles_alike(const std::vector<Stage>& stages, std::size_t first, std::size_t end, const Config& config,
                         const Selection& selection) {
  if (selection.tiles.empty() && first == 0) return;  // every tile is made with the configuration
  Config world = restricted_to(config, selection);
  const PlanBeingMade now(world);
  for (std::size_t joining = first; joining < end; ++joining)
    for (std::size_t i = 0; i < joining; ++i) {
      if (std::ranges::find(stages[joining].joins, stages[i].name) == stages[joining].joins.end()) continue;
      std::optional<Joined> one;
      std::vector<Unit> units = units_of(stages[i], world);
      std::erase_if(units, [](const Unit& unit) { return unit.tile.empty(); });
      const Shared shared(units);
      for (const Unit& unit : units) {
        const auto known = known_manifest(Layout(world), unit);
        Joined joined{unit.name(), i >= first && selection.chooses(unit), options_of(unit, world)};
        if (!joined.runs && !known) continue;
        for (auto& [key, value] : joined.options)
          if (!joined.runs && known->config.contains(key)) value = known->config.at(key);
        shared.add_to(joined, joined.runs ? nullptr : &*known);
        if (one)
          require_alike(*one, joined);
        else
          one = std::move(joined);
      }
    }
}

}  // namespace millesime
