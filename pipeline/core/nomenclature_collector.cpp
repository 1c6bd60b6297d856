#include "pipeline/core/nomenclature_collector.h"

#include <algorithm>
#include <cmath>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

// The generated colour of a class without one, by its position: hues a golden angle apart, in two brightnesses.
Color colour_of_position(int position) {
  constexpr double kGoldenAngle = 137.50776405;  // degrees
  const double hue = std::fmod(position * kGoldenAngle, 360.0) / 60.0;
  const double value = position % 2 ? 170 : 235, low = value * 0.25;
  const double rest = hue - std::floor(hue), up = low + (value - low) * rest, down = value - (value - low) * rest;
  const auto color = [](double r, double g, double b) {
    return Color{static_cast<std::uint8_t>(r), static_cast<std::uint8_t>(g), static_cast<std::uint8_t>(b)};
  };
  switch (static_cast<int>(hue)) {
    case 0: return color(value, up, low);
    case 1: return color(down, value, low);
    case 2: return color(low, value, up);
    case 3: return color(low, down, value);
    case 4: return color(up, low, value);
    default: return color(value, low, down);
  }
}

}  // namespace

int checked_code(std::int64_t code, const std::string& where, int max_code) {
  if (code < 1 || code > max_code) throw UserError(join_text(where, ": code ", code, "; expected 1 to ", max_code, " (0 is no data)"));
  return static_cast<int>(code);
}

std::optional<Color> colour_at(const std::string& text, const std::string& where) {
  if (trim(text).empty()) return std::nullopt;
  try {
    return Color::parse(std::string(trim(text)));
  } catch (const UserError& error) {
    throw with_context(where, error);
  }
}

void NomenclatureCollector::add_class(LandClass c, std::optional<Color> color, const std::string& where) {
  check(c, codes_, where);
  if (c.alias.empty()) c.alias = join_text("class_", c.code);
  for (const std::string& name : {c.name, c.name_en, c.alias}) {
    if (name.empty()) continue;
    // What no class can have as its code is a name: 22.1, 91E0, 3301010101.
    if (const auto number = number_of_text(name); number && *number == std::trunc(*number) && *number <= kMaxCode && *number != c.code)
      throw UserError(join_text(where, ": the name \"", name, "\" of class ", c.code, " reads like the code of another class"));
    const auto [at, fresh] = names_.emplace(folded_name(name), c.code);
    if (!fresh && at->second != c.code)
      throw UserError(join_text(where, ": class ", c.code, " is called \"", name, "\", like class ", at->second, " already"));
  }
  c.color = color.value_or(colour_of_position(nomenclature.size()));
  nomenclature.classes.push_back(std::move(c));
  wheres_.push_back(where);
}

void NomenclatureCollector::add_group(LandClass c, std::optional<Color> color, const std::string& where) {
  check(c, group_codes_, where);
  c.color = color.value_or(colour_of_position(static_cast<int>(nomenclature.groups.size())));
  nomenclature.groups.push_back(std::move(c));
}

void NomenclatureCollector::add_mapping(const std::string& to, int ours, std::int64_t theirs, const std::string& where) {
  if (theirs < 1 || theirs > kMaxCode)
    throw UserError(join_text(where, ": class ", ours, " becomes ", theirs, " in ", to, "; expected 1 to ", kMaxCode));
  auto& mappings = nomenclature.mappings;
  auto found = std::ranges::find(mappings, to, &Mapping::to);
  if (found == mappings.end()) found = mappings.insert(mappings.end(), Mapping{to, {}});
  found->codes.emplace_back(ours, static_cast<int>(theirs));
}

Nomenclature NomenclatureCollector::finish(bool groups_from_classes) {
  if (nomenclature.classes.empty()) throw UserError(origin_ + ": the file has no classes");
  for (std::size_t i = 0; i < nomenclature.classes.size(); ++i) {
    const LandClass& c = nomenclature.classes[i];
    for (const std::string& name : {c.name, c.name_en, c.alias})  // of models of tables, whose codes may be larger
      if (const auto number = code_of_text(name);
          number && *number != c.code && *number <= kMaxLabel && codes_.contains(static_cast<int>(*number)))
        throw UserError(join_text(wheres_[i], ": the name \"", name, "\" of class ", c.code, " is the code of another class"));
    if (c.parent == 0 || group_codes_.contains(c.parent)) continue;
    if (!groups_from_classes)
      throw UserError(join_text(wheres_[i], ": class ", c.code, " is in group ", c.parent, ", which the file does not define"));
    LandClass group{.code = c.parent, .name = std::to_string(c.parent), .name_en = {}, .color = {}, .alias = {}};
    add_group(group, c.color, wheres_[i]);
  }
  return std::move(nomenclature);
}

void NomenclatureCollector::check(LandClass& c, std::map<int, std::string>& codes, const std::string& where) const {
  if (c.code < 1 || c.code > max_code_)
    throw UserError(join_text(where, ": code ", c.code, "; expected 1 to ", max_code_, " (0 is no data)"));
  if (c.name.empty()) throw UserError(join_text(where, ": class ", c.code, " has no name"));
  for (const std::string& text : {c.name, c.name_en, c.alias})
    if (!is_utf8(text)) throw UserError(where + ": not UTF-8; convert the file, e.g. with iconv -f latin1 -t utf-8");
  const auto [at, fresh] = codes.emplace(c.code, where);
  if (!fresh) throw UserError(join_text(where, ": code ", c.code, " occurs twice, first in ", at->second));
}

}  // namespace millesime
