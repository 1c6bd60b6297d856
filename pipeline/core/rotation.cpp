#include "pipeline/core/rotation.h"

#include <filesystem>

#include "pipeline/core/error.h"
#include "pipeline/core/internal/toml.h"
#include "pipeline/core/nomenclature.h"

namespace millesime {

namespace fs = std::filesystem;

std::vector<int> rotating_groups(const std::string& nomenclature) {
  const std::string file =
      fs::is_regular_file(nomenclature) ? nomenclature : (fs::path(configs_folder()) / "nomenclatures" / (nomenclature + ".toml")).string();
  std::vector<int> codes;
  if (fs::path(file).extension() != ".toml") return codes;
  const toml::table root = parse_toml(file);
  const auto* node = root.get("rotating");
  if (!node) return codes;
  const auto* list = node->as_array();
  for (std::size_t i = 0; list && i < list->size(); ++i)
    if (const auto code = (*list)[i].value_exact<std::int64_t>()) codes.push_back(static_cast<int>(*code));
  if (!list || codes.size() != list->size())
    throw UserError(join_text(place_of(file, *node), ": rotating: expected a list of codes of groups"));
  return codes;
}

}  // namespace millesime
