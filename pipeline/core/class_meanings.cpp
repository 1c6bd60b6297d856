#include "pipeline/core/class_meanings.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <vector>

#include "pipeline/core/class_names.h"
#include "pipeline/core/edit_distance.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

constexpr std::size_t kListed = 5;

// The names that say what a class is. "class 7" and the like stand for none.
std::set<std::string> names_of(const LandClass& land) {
  const std::string number = std::to_string(land.code);
  std::set<std::string> names;
  for (const std::string& name : {land.name, land.name_en, land.alias}) {
    const std::string folded = folded_name(name);
    if (!folded.empty() && folded != number && folded != "class " + number && folded != "class_" + number && folded != "c" + number)
      names.insert(folded);
  }
  return names;
}

bool meet(const std::set<std::string>& a, const std::set<std::string>& b) {
  return std::ranges::any_of(a, [&](const std::string& name) { return b.contains(name); });
}

// Without blanks and punctuation.
std::string letters_of(const std::string& name) {
  std::string letters;
  for (const char c : name)
    if (static_cast<unsigned char>(c) >= 0x80 || std::isalnum(static_cast<unsigned char>(c))) letters += c;
  return letters;
}

bool spelled_alike(const std::set<std::string>& a, const std::set<std::string>& b) {
  return std::ranges::any_of(a, [&](const std::string& one) {
    return std::ranges::any_of(b, [&](const std::string& other) {
      const std::string first = letters_of(one), second = letters_of(other);
      return edit_distance(first, second) <= std::max(first.size(), second.size()) / 4;
    });
  });
}

}  // namespace

std::string compare_meanings(const NamedClasses& first, const NamedClasses& second, const std::string& advice) {
  std::size_t compared = 0, other_names = 0;
  std::vector<std::string> differ;
  bool exchanged = false;
  for (const LandClass& ours : first.classes.classes) {
    const auto index = second.classes.index_of_code(ours.code);
    if (!index) continue;
    const LandClass& theirs = second.classes.at(*index);
    const auto a = names_of(ours), b = names_of(theirs);
    if (a.empty() || b.empty()) continue;
    ++compared;
    if (meet(a, b)) continue;
    differ.push_back(join_text(ours.code, " is \"", ours.name, "\" and \"", theirs.name, "\""));
    const bool elsewhere = std::ranges::any_of(second.classes.classes,
                                               [&](const LandClass& other) { return other.code != ours.code && meet(a, names_of(other)); });
    if (elsewhere) exchanged = true;
    if (elsewhere || !spelled_alike(a, b)) ++other_names;
  }
  if (differ.empty()) return "";
  const std::string more = differ.size() > kListed ? join_text(", and ", differ.size() - kListed, " more") : "";
  differ.resize(std::min(differ.size(), kListed));
  const std::string what =
      join_text(first.owner, " and ", second.owner, " name classes of one code differently: ", join_list(differ, ", "), more);
  if (exchanged || 2 * other_names > compared) throw UserError(join_text(what, "; ", advice));
  return what;
}

void require_codes(const std::string& map, const std::map<int, std::int64_t>& amounts, const Nomenclature& nomenclature,
                   const std::string& unit) {
  std::vector<std::string> unknown;
  for (const auto& [code, amount] : amounts)
    if (!nomenclature.index_of_code(code)) unknown.push_back(join_text(code, " (", amount, " ", unit, ")"));
  if (!unknown.empty())
    throw UserError(join_text(map, ": expected classes of the nomenclature ", nomenclature.name, ", got also code ",
                              join_list(unknown, ", "), "; use the nomenclature of the map"));
}

void require_codes(const std::string& map, const std::vector<std::int64_t>& pixels_of_code, const Nomenclature& nomenclature) {
  std::map<int, std::int64_t> amounts;
  for (std::size_t code = 1; code < pixels_of_code.size(); ++code)
    if (pixels_of_code[code] > 0) amounts[static_cast<int>(code)] = pixels_of_code[code];
  require_codes(map, amounts, nomenclature);
}

}  // namespace millesime
