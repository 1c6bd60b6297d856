#pragma once
// What the program declares, told to other programs: `millesime --json-usage`, and what shells offer.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/cli/command.h"

namespace millesime {

// {program, version, groups, commands, configuration, site, stages, architectures, indices, sensors, nomenclatures}. Of each option: key,
// flag, type, default, unit, min, max, choices, help, and what its value names.
nlohmann::ordered_json usage(const Program& program);

// The names of a kind that an option may name (Option::names): the known nomenclatures, architectures, sites, stages, devices; the keys of
// a "setting" of a configuration and of a "training setting" of `train`. {} where there is no list (tiles).
std::vector<std::string> names_of_kind(const std::string& kind);

}  // namespace millesime
