#pragma once
// Every architecture of the program. models/registry.cpp has one line for each.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/base/model_spec.h"

namespace millesime {

struct Architecture {
  std::string name;     // "ltae"
  std::string summary;  // one line
  InputKind preferred_input;
  nlohmann::json parameters;  // its own parameters with their defaults
  std::vector<std::string> papers;
  bool network = true;  // learned and applied by LibTorch (models/arch/make_network.h)
};

const std::vector<Architecture>& architectures();
const Architecture& architecture(const std::string& name);  // UserError that lists the known names and suggests the nearest

// The architecture's parameters with `assignments` ("d_model=128") applied; UserError for an unknown name or another type.
nlohmann::json architecture_parameters(const std::string& name, const std::vector<std::string>& assignments);

}  // namespace millesime
