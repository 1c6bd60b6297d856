// The class files of iota2; nomenclature_collector.h says which.

#include <algorithm>
#include <filesystem>
#include <map>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/iota2_file.h"
#include "pipeline/core/nomenclature_collector.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

// Calls visit(line, "file:12") for each line that says something.
template <class Visit>
void visit_lines(const std::string& file, Visit&& visit) {
  int number = 0;
  for (const std::string& line : split_text(read_text(file), '\n')) {
    const std::string where = join_text(file, ":", ++number);
    std::string_view text = trim(line);
    if (number == 1 && text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    if (text.empty() || text.starts_with('#')) continue;
    visit(text, where);
  }
}

// "code red green blue", separated by blanks or tabs; a fourth number (opacity) is left alone.
struct ColorLine {
  std::int64_t code = 0;
  Color color;
};
std::optional<ColorLine> color_line(std::string_view text) {
  std::vector<std::int64_t> numbers;
  while (!(text = trim(text)).empty()) {
    std::size_t length = 0;
    while (length < text.size() && text[length] != ' ' && text[length] != '\t' && text[length] != ',') ++length;
    const auto number = code_of_text(text.substr(0, length));
    if (!number) return std::nullopt;
    numbers.push_back(*number);
    text.remove_prefix(std::min(text.size(), length + 1));
  }
  if (numbers.size() != 4 && numbers.size() != 5) return std::nullopt;
  for (std::size_t i = 1; i < numbers.size(); ++i)
    if (numbers[i] < 0 || numbers[i] > 255) return std::nullopt;
  return ColorLine{numbers[0],
                   {static_cast<std::uint8_t>(numbers[1]), static_cast<std::uint8_t>(numbers[2]), static_cast<std::uint8_t>(numbers[3])}};
}

// Of each code of a colour table. Codes without class (0, or classes of another nomenclature) harm nothing.
std::map<std::int64_t, Color> read_colors(const std::string& file) {
  std::map<std::int64_t, Color> colors;
  visit_lines(file, [&](std::string_view text, const std::string& where) {
    const auto line = color_line(text);
    if (!line) throw UserError(join_text(where, ": expected \"code red green blue\", each 0 to 255, got \"", shown_text(text), "\""));
    if (!colors.emplace(line->code, line->color).second) throw UserError(join_text(where, ": code ", line->code, " occurs twice"));
  });
  return colors;
}

std::map<std::int64_t, Color> colors_beside(const std::string& file) {
  for (const char* name : {"color.txt", "colors.txt", "colorFile.txt"})
    if (const fs::path beside = fs::path(file).parent_path() / name; fs::is_regular_file(beside)) return read_colors(beside.string());
  return {};
}

Nomenclature classes_of_colors(const std::string& file) {
  NomenclatureCollector collector(file);
  visit_lines(file, [&](std::string_view text, const std::string& where) {
    const auto line = color_line(text);
    if (!line) throw UserError(join_text(where, ": expected \"code red green blue\", each 0 to 255, got \"", shown_text(text), "\""));
    if (line->code == 0) return;  // no data
    LandClass c{.code = checked_code(line->code, where), .name = {}, .name_en = {}, .color = {}, .alias = {}};
    c.name = join_text("class ", c.code);
    collector.add_class(std::move(c), line->color, where);
  });
  return collector.finish(true);
}

// --- nomenclature.cfg -----------------------------------------------------------------------------------------------------------

using Entry = Iota2Entry;

std::int64_t number_of(const Entry& parent, const char* key) {
  const Entry* entry = parent.find(key);
  if (!entry) throw UserError(join_text(parent.where, ": \"", shown_text(parent.key), "\" has no ", key));
  const auto number = code_of_text(entry->text);
  if (!number) throw UserError(join_text(entry->where, ": ", key, ": expected a whole number, got \"", shown_text(entry->text), "\""));
  return *number;
}

LandClass class_of(const Entry& entry) {
  for (const Entry& field : entry.entries)
    if (const std::string key = lower(field.key); key != "code" && key != "alias" && key != "color" && key != "parent")
      throw UserError(join_text(field.where, ": unknown key \"", shown_text(field.key), "\"; expected code, alias, color, parent"));
  LandClass c{.code = checked_code(number_of(entry, "code"), entry.where), .name = entry.key, .name_en = {}, .color = {}, .alias = {}};
  if (const Entry* alias = entry.find("alias")) c.alias = alias->text;
  if (entry.find("parent")) c.parent = checked_code(number_of(entry, "parent"), entry.where);
  return c;
}

std::optional<Color> color_of(const Entry& entry) {
  const Entry* color = entry.find("color");
  return color ? colour_at(color->text, color->where) : std::nullopt;
}

// The levels, from the coarsest: mappings named level1, level2...
std::vector<const Entry*> levels_of(const Entry& root) {
  const Entry* classes = root.find("classes");
  const Entry& from = classes && classes->is_mapping() ? *classes : root;
  std::vector<const Entry*> levels;
  while (const Entry* level = from.find(join_text("level", levels.size() + 1))) levels.push_back(level);
  if (levels.empty())
    levels.push_back(&from);  // classes without levels
  else if (levels.size() != from.entries.size())
    throw UserError(join_text(from.where, ": expected level1, level2... and nothing beside them"));
  for (const Entry* level : levels)
    for (const Entry& entry : level->entries)
      if (!entry.is_mapping())
        throw UserError(join_text(entry.where, ": expected \"name : { code : ... }\", got \"", shown_text(entry.key), "\""));
  return levels;
}

}  // namespace

Nomenclature read_name_lines(const std::string& file) {
  bool colors_only = false, first = true;
  visit_lines(file, [&](std::string_view text, const std::string&) {
    if (first) colors_only = color_line(text).has_value();
    first = false;
  });
  if (colors_only) return classes_of_colors(file);
  const auto colors = colors_beside(file);
  NomenclatureCollector collector(file);
  visit_lines(file, [&](std::string_view text, const std::string& where) {
    const auto colon = text.rfind(':');
    const auto code = colon == std::string_view::npos ? std::nullopt : code_of_text(text.substr(colon + 1));
    if (!code) throw UserError(join_text(where, ": expected \"name:code\", got \"", shown_text(text), "\""));
    LandClass c{
        .code = checked_code(*code, where), .name = std::string(trim(text.substr(0, colon))), .name_en = {}, .color = {}, .alias = {}};
    const auto color = colors.find(c.code);
    collector.add_class(std::move(c), color == colors.end() ? std::nullopt : std::optional(color->second), where);
  });
  return collector.finish(true);
}

Nomenclature read_level_file(const std::string& file) {
  const Entry root = read_iota2_file(file);
  const auto levels = levels_of(root);
  NomenclatureCollector collector(file);
  if (levels.size() > 1)
    for (const Entry& entry : levels.front()->entries) {
      LandClass group = class_of(entry);
      group.alias.clear();
      collector.add_group(std::move(group), color_of(entry), entry.where);
    }
  std::vector<std::map<int, int>> parents(levels.size());  // of each code, one level up
  for (std::size_t l = 1; l + 1 < levels.size(); ++l)
    for (const Entry& entry : levels[l]->entries) {
      const LandClass c = class_of(entry);
      if (!parents[l].emplace(c.code, c.parent).second) throw UserError(join_text(entry.where, ": code ", c.code, " occurs twice"));
    }
  for (const Entry& entry : levels.back()->entries) {
    LandClass c = class_of(entry);
    if (levels.size() == 1) c.parent = 0;
    for (std::size_t l = levels.size() - 1; l-- > 1 && c.parent != 0;) {  // up to the first level
      const auto up = parents[l].find(c.parent);
      if (up == parents[l].end())
        throw UserError(join_text(entry.where, ": class ", c.code, ": parent ", c.parent, " is not in level ", l + 1));
      c.parent = up->second;
    }
    collector.add_class(std::move(c), color_of(entry), entry.where);
  }
  return collector.finish(false);
}

}  // namespace millesime
