#pragma once
// Whether two lists of classes mean the same by their codes: of models, of maps, of a configuration.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pipeline/core/nomenclature.h"

namespace millesime {

struct NamedClasses {
  std::string owner;  // "the model ltae.safetensors"
  const Nomenclature& classes;
};

// Codes that both have are compared by their names: a class is the same where a name, an English name or an alias agrees. "" if all agree;
// a sentence that names the others where few differ, or only in spelling. UserError, which ends with `advice`, where codes mean other
// classes: a class is called as the other list calls another code, or more than half of the classes have other names.
std::string compare_meanings(const NamedClasses& first, const NamedClasses& second, const std::string& advice);

// UserError where a map has codes that the nomenclature named for it lacks: code and number of `unit` ("px") of each.
void require_codes(const std::string& map, const std::map<int, std::int64_t>& amounts, const Nomenclature& nomenclature,
                   const std::string& unit = "px");
void require_codes(const std::string& map, const std::vector<std::int64_t>& pixels_of_code,
                   const Nomenclature& nomenclature);  // 0: no class

}  // namespace millesime
