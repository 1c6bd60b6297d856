#pragma once
// Maps of the levels of a nomenclature (classify.levels): of its level-1 groups, and of the deepest level that is sure enough.

#include <cstdint>
#include <map>
#include <vector>

#include "pipeline/core/nomenclature.h"

namespace millesime {

enum class LevelMap { level1, deepest };

// The codes that such a map may have, as the classes of its legend: level1: the groups, and classes without one; deepest: all classes and
// groups.
Nomenclature level_legend(LevelMap map, const Nomenclature& nomenclature);

// The group of each class that has one.
std::map<int, int> groups_of_classes(const Nomenclature& nomenclature);

// What the maps of several seeds say of a pixel together; 0 where a seed says nothing. level1: the code that most of them have, the lowest
// of equals. deepest: the class that more than half of them have; else the group that more than half have, where a class counts for its
// group; else nothing.
std::uint16_t agreed_level(LevelMap map, const std::vector<std::uint16_t>& seeds, const std::map<int, int>& groups);

}  // namespace millesime
