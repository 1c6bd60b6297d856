#include "pipeline/core/configs.h"

#include <algorithm>
#include <filesystem>

#include "pipeline/core/nomenclature.h"

namespace millesime {

std::vector<std::string> names_in_configs(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(configs_folder()) / folder, ignored))
    if (entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

}  // namespace millesime
