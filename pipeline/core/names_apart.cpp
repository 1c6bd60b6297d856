#include "pipeline/core/names_apart.h"

#include <map>
#include <set>

#include "pipeline/core/file_name.h"
#include "pipeline/core/text.h"

namespace millesime {

std::vector<std::string> names_apart(std::vector<std::string> names) {
  std::map<std::string, std::set<std::string>> alike;
  for (const std::string& name : names) alike[lower(file_name_of(name))].insert(name);
  for (std::string& name : names)
    if (alike.at(lower(file_name_of(name))).size() > 1) name += '/';
  return names;
}

}  // namespace millesime
