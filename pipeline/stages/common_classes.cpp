#include "pipeline/stages/common_classes.h"

#include <algorithm>
#include <optional>

#include "pipeline/core/class_meanings.h"
#include "pipeline/core/configs.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/raster_file.h"

namespace millesime {
namespace {

bool holds_all(const Nomenclature& nomenclature, const std::set<int>& codes) {
  return std::ranges::all_of(codes, [&](int code) { return nomenclature.index_of_code(code).has_value(); });
}

bool converts(const Nomenclature& from, const Nomenclature& to) {
  try {
    conversion_table(from, to);
    return true;
  } catch (const UserError&) {
    return false;
  }
}

// The nomenclature of a map with these codes: the one that was named for it, `wanted`, or one of configs/ that has all of them and converts
// to or from `wanted`. `wanted` if there is none: what does not fit is then said.
Nomenclature nomenclature_of_codes_in(const std::set<int>& codes, const std::string& named, const Nomenclature& wanted) {
  if (!named.empty()) return Nomenclature::load(named);
  if (holds_all(wanted, codes)) return wanted;
  for (const std::string& name : names_in_configs("nomenclatures")) {
    const Nomenclature candidate = Nomenclature::load(name);
    if (holds_all(candidate, codes) && (converts(candidate, wanted) || converts(wanted, candidate))) return candidate;
  }
  return wanted;
}

}  // namespace

void require_same_meanings(const std::vector<std::string>& files, const Nomenclature* named, const Context& context) {
  std::optional<Nomenclature> first;
  std::string first_file;
  for (const std::string& file : files) {
    std::optional<Nomenclature> legend = RasterReader(file).legend();
    if (!legend) continue;
    if (named) {
      const std::string note =
          compare_meanings({file, *legend}, {"the nomenclature " + named->name, *named},
                           "name the nomenclature of the maps, or give them its codes with `millesime nomenclature convert`");
      if (!note.empty()) context.progress->note(note);
    }
    if (!first) {
      first = std::move(legend), first_file = file;
      continue;
    }
    const std::string note =
        compare_meanings({first_file, *first}, {file, *legend},
                         "maps that become one have one nomenclature: `millesime nomenclature convert` gives a map the codes of another");
    if (!note.empty()) context.progress->note(note);
  }
}

CommonClasses common_classes(const std::vector<CodesOfMap>& maps, const Nomenclature& wanted) {
  std::vector<Nomenclature> own;
  for (const CodesOfMap& map : maps) own.push_back(nomenclature_of_codes_in(map.codes, map.nomenclature, wanted));
  std::vector<const Nomenclature*> candidates{&wanted};
  for (const Nomenclature& nomenclature : own) candidates.push_back(&nomenclature);
  for (const Nomenclature* common : candidates) {
    if (!std::ranges::all_of(own, [&](const Nomenclature& nomenclature) { return converts(nomenclature, *common); })) continue;
    CommonClasses classes{*common, {}, {}};
    for (const Nomenclature& nomenclature : own) {
      classes.own.push_back(nomenclature.name);
      classes.tables.push_back(conversion_table(nomenclature, *common));
    }
    return classes;
  }
  for (std::size_t i = 1; i < own.size(); ++i) {
    if (converts(own[0], own[i]) || converts(own[i], own[0])) continue;
    conversion_table(own[0], own[i]);  // says what is missing
  }
  throw UserError(join_text(maps.front().file, " and ", maps.back().file, ": the nomenclatures ", own.front().name, " and ",
                            own.back().name, " do not convert to a common one; add to.", own.back().name, " to the classes of ",
                            own.front().name));
}

int CommonClasses::class_of(const std::vector<CodesOfMap>& maps, std::size_t i, int code) const {
  const std::vector<int>& table = tables[i];
  const bool known = code >= 0 && static_cast<std::size_t>(code) < table.size() && table[static_cast<std::size_t>(code)] != kNoClass;
  if (!known)
    throw UserError(join_text(maps[i].file, ": holds the class ", code, ", which the nomenclature ", nomenclature.name, " does not have (",
                              join_list(names_in_configs("nomenclatures"), ", "), " of configs/nomenclatures were tried, too)"));
  return table[static_cast<std::size_t>(code)];
}

}  // namespace millesime
