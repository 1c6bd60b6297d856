// Nomenclatures from TOML, CSV, JSON and lines; pipeline/core/nomenclature.h documents the formats.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include <toml++/toml.h>
#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/class_names.h"
#include "pipeline/core/csv.h"
#include "pipeline/core/error.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace fs = std::filesystem;
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

// Collects classes from any format and checks each one with its position in the file.
class Collector {
 public:
  explicit Collector(std::string origin, int max_code = kMaxCode) : origin_(std::move(origin)), max_code_(max_code) {}

  Nomenclature nomenclature;

  void add_class(LandClass c, std::optional<Color> color, const std::string& where) {
    check(c, codes_, where);
    if (c.alias.empty()) c.alias = join_text("class_", c.code);
    for (const std::string& name : {c.name, c.name_en, c.alias}) {
      if (name.empty()) continue;
      if (const auto number = code_of_text(name); number && *number != c.code)
        throw UserError(join_text(where, ": the name \"", name, "\" of class ", c.code, " reads like the code of another class"));
      const auto [at, fresh] = names_.emplace(folded_name(name), c.code);
      if (!fresh && at->second != c.code)
        throw UserError(join_text(where, ": class ", c.code, " is called \"", name, "\", like class ", at->second, " already"));
    }
    c.color = color.value_or(colour_of_position(nomenclature.size()));
    nomenclature.classes.push_back(std::move(c));
    wheres_.push_back(where);
  }

  void add_group(LandClass c, std::optional<Color> color, const std::string& where) {
    check(c, group_codes_, where);
    c.color = color.value_or(colour_of_position(static_cast<int>(nomenclature.groups.size())));
    nomenclature.groups.push_back(std::move(c));
  }

  void add_mapping(const std::string& to, int ours, std::int64_t theirs, const std::string& where) {
    if (theirs < 1 || theirs > kMaxCode)
      throw UserError(join_text(where, ": class ", ours, " becomes ", theirs, " in ", to, "; expected 1 to ", kMaxCode));
    auto& mappings = nomenclature.mappings;
    auto found = std::ranges::find(mappings, to, &Mapping::to);
    if (found == mappings.end()) found = mappings.insert(mappings.end(), Mapping{to, {}});
    found->codes.emplace_back(ours, static_cast<int>(theirs));
  }

  // Groups that are given as numbers only (CSV) become groups with that number as name.
  Nomenclature finish(bool groups_from_classes) {
    if (nomenclature.classes.empty()) throw UserError(origin_ + ": the file has no classes");
    for (std::size_t i = 0; i < nomenclature.classes.size(); ++i) {
      const LandClass& c = nomenclature.classes[i];
      if (c.parent == 0 || group_codes_.contains(c.parent)) continue;
      if (!groups_from_classes)
        throw UserError(join_text(wheres_[i], ": class ", c.code, " is in group ", c.parent, ", which the file does not define"));
      LandClass group{.code = c.parent, .name = std::to_string(c.parent), .name_en = {}, .color = {}, .alias = {}};
      add_group(group, c.color, wheres_[i]);
    }
    return std::move(nomenclature);
  }

 private:
  void check(LandClass& c, std::map<int, std::string>& codes, const std::string& where) const {
    if (c.code < 1 || c.code > max_code_)
      throw UserError(join_text(where, ": code ", c.code, "; expected 1 to ", max_code_, " (0 is no data)"));
    if (c.name.empty()) throw UserError(join_text(where, ": class ", c.code, " has no name"));
    for (const std::string& text : {c.name, c.name_en, c.alias})
      if (!is_utf8(text)) throw UserError(where + ": not UTF-8; convert the file, e.g. with iconv -f latin1 -t utf-8");
    const auto [at, fresh] = codes.emplace(c.code, where);
    if (!fresh) throw UserError(join_text(where, ": code ", c.code, " occurs twice, first in ", at->second));
  }

  std::string origin_;
  int max_code_;
  std::map<int, std::string> codes_, group_codes_;
  std::map<std::string, int> names_;
  std::vector<std::string> wheres_;  // of each class
};

int checked_code(std::int64_t code, const std::string& where, int max_code = kMaxCode) {
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

// --- TOML -----------------------------------------------------------------------------------------------------------------------

class TomlSource {
 public:
  explicit TomlSource(const std::string& file) : file_(file) {
    try {
      root_ = toml::parse_file(file);
    } catch (const toml::parse_error& error) {
      throw UserError(join_text(file, ":", error.source().begin.line, ": ", std::string(error.description()), "; expected TOML"));
    }
  }

  Nomenclature read() {
    Collector collector(file_);
    check_keys(root_, {"name", "class", "group"});
    collector.nomenclature.name = text(root_, "name");
    each("group", [&](const toml::table& table, const std::string& where) {
      check_keys(table, {"code", "name", "name_en", "color"});
      collector.add_group(land_class(table, where), colour_at(text(table, "color"), where), where);
    });
    each("class", [&](const toml::table& table, const std::string& where) {
      check_keys(table, {"code", "name", "name_en", "color", "alias", "group", "to"});
      LandClass c = land_class(table, where);
      c.alias = text(table, "alias");
      if (table.contains("group")) c.parent = number(table, "group", where);
      const int code = c.code;
      collector.add_class(std::move(c), colour_at(text(table, "color"), where), where);
      const auto* node = table.get("to");
      if (!node) return;
      if (!node->is_table()) throw UserError(where + ": to: expected to.<nomenclature> = code");
      for (const auto& [to, value] : *node->as_table()) {
        const auto theirs = value.value_exact<std::int64_t>();
        if (!theirs) throw UserError(join_text(where, ": to.", std::string(to.str()), ": expected a code"));
        collector.add_mapping(std::string(to.str()), code, *theirs, where);
      }
    });
    return collector.finish(false);
  }

 private:
  std::string where(const toml::node& node) const { return join_text(file_, ":", node.source().begin.line); }

  void check_keys(const toml::table& table, const std::vector<std::string>& known) const {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (std::ranges::find(known, name) != known.end()) continue;
      const std::string near = nearest_name(name, known);
      throw UserError(join_text(where(node), ": unknown key \"", name, "\"; ",
                                near.empty() ? "expected " + join_list(known, ", ") : "did you mean \"" + near + "\"?"));
    }
  }

  template <class F>
  void each(const char* list, F&& f) const {
    const auto* node = root_.get(list);
    if (!node) return;
    const auto* array = node->as_array();
    if (!array) throw UserError(join_text(where(*node), ": ", list, ": expected a list of tables"));
    for (const auto& element : *array) {
      const auto* table = element.as_table();
      if (!table) throw UserError(join_text(where(element), ": ", list, ": expected { code = ..., name = ... }"));
      f(*table, where(element));
    }
  }

  std::string text(const toml::table& table, const char* key) const {
    const auto* node = table.get(key);
    if (!node) return "";
    const auto value = node->value_exact<std::string>();
    if (!value) throw UserError(join_text(where(*node), ": ", key, ": expected a text in quotes"));
    return *value;
  }

  int number(const toml::table& table, const char* key, const std::string& place) const {
    const auto* node = table.get(key);
    const auto value = node ? node->value_exact<std::int64_t>() : std::nullopt;
    if (!value) throw UserError(join_text(place, ": ", key, ": expected a whole number"));
    return checked_code(*value, place);
  }

  LandClass land_class(const toml::table& table, const std::string& place) const {
    return {.code = number(table, "code", place), .name = text(table, "name"), .name_en = text(table, "name_en"), .color = {}, .alias = {}};
  }

  std::string file_;
  toml::table root_;
};

// --- CSV and lines --------------------------------------------------------------------------------------------------------------

Nomenclature read_csv(const std::string& file) {
  CsvReader rows(file);
  const auto first_of = [&](std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (const int column = rows.column(name); column >= 0) return column;
    return -1;
  };
  const int code = first_of({"code"}), name = first_of({"name", "name_fr"}), name_en = first_of({"name_en"}),
            color = first_of({"color", "hex"}), alias = first_of({"alias"}), group = first_of({"group", "level1"});
  if (code < 0 || name < 0)
    throw UserError(join_text(file, ":1: expected the columns code and name (or name_fr), got ", join_list(rows.columns(), ", ")));
  Collector collector(file);
  while (rows.next()) {
    const std::string where = join_text(file, ":", rows.line());
    const auto cell = [&](int column) { return column < 0 ? std::string() : std::string(rows.cells()[static_cast<std::size_t>(column)]); };
    const auto number = [&](int column) {
      const auto value = code_of_text(cell(column));
      if (!value)
        throw UserError(join_text(rows.where(static_cast<std::size_t>(column)), ": expected a whole number, got \"", cell(column), "\""));
      return *value;
    };
    LandClass c{.code = checked_code(number(code), where), .name = cell(name), .name_en = cell(name_en), .color = {}, .alias = cell(alias)};
    if (!cell(group).empty()) c.parent = checked_code(number(group), where);
    const int ours = c.code;
    collector.add_class(std::move(c), colour_at(cell(color), where), where);
    for (std::size_t i = 0; i < rows.columns().size(); ++i)
      if (rows.columns()[i].starts_with("to_") && !rows.cells()[i].empty())
        collector.add_mapping(rows.columns()[i].substr(3), ours, number(static_cast<int>(i)), where);
  }
  return collector.finish(true);
}

// iota2's nomenclature.txt: "name:code", one class a line.
Nomenclature read_lines(const std::string& file) {
  Collector collector(file);
  int number = 0;
  for (const std::string& line : split_text(read_text(file), '\n')) {
    const std::string where = join_text(file, ":", ++number);
    std::string_view text = trim(line);
    if (number == 1 && text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    if (text.empty() || text.starts_with('#')) continue;
    const auto colon = text.rfind(':');
    const auto code = colon == std::string_view::npos ? std::nullopt : code_of_text(text.substr(colon + 1));
    if (!code) throw UserError(join_text(where, ": expected \"name:code\", got \"", is_utf8(text) ? text : "text that is not UTF-8", "\""));
    LandClass c{
        .code = checked_code(*code, where), .name = std::string(trim(text.substr(0, colon))), .name_en = {}, .color = {}, .alias = {}};
    collector.add_class(std::move(c), std::nullopt, where);
  }
  return collector.finish(true);
}

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(fs::path(configs_folder()) / "nomenclatures", ignored))
    if (entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

}  // namespace

Nomenclature Nomenclature::load(const std::string& name_or_file) {
  std::string file = name_or_file;
  if (!fs::is_regular_file(file)) {
    file = (fs::path(configs_folder()) / "nomenclatures" / (name_or_file + ".toml")).string();
    const bool bare = name_or_file.find_first_of("/\\.") == std::string::npos && !name_or_file.empty();
    if (!bare || !fs::is_regular_file(file))
      throw UserError(join_text("nomenclature \"", name_or_file, "\": no such file", bare ? " and no such name" : "", "; known names are ",
                                join_list(known_names(), ", ")));
  }
  const std::string extension = lower(fs::path(file).extension().string());
  Nomenclature result = extension == ".toml"   ? TomlSource(file).read()
                        : extension == ".csv"  ? read_csv(file)
                        : extension == ".json" ? from_json(read_text(file), file)
                                               : read_lines(file);
  for (const LandClass& c : result.classes) checked_code(c.code, file);  // of a model they may be larger
  if (result.name.empty()) result.name = fs::path(file).stem().string();
  return result;
}

std::string Nomenclature::to_json() const {
  nlohmann::ordered_json document{
      {"name", name}, {"classes", nlohmann::ordered_json::array()}, {"groups", nlohmann::ordered_json::array()}};
  for (const LandClass& c : classes) {
    nlohmann::ordered_json entry{{"code", c.code},         {"name", c.name},   {"name_en", c.name_en},
                                 {"color", c.color.hex()}, {"alias", c.alias}, {"group", c.parent}};
    for (const Mapping& mapping : mappings)
      for (const auto& [ours, theirs] : mapping.codes)
        if (ours == c.code) entry["to"][mapping.to] = theirs;
    document["classes"].push_back(std::move(entry));
  }
  for (const LandClass& c : groups)
    document["groups"].push_back({{"code", c.code}, {"name", c.name}, {"name_en", c.name_en}, {"color", c.color.hex()}});
  return document.dump();
}

Nomenclature Nomenclature::from_json(const std::string& text, const std::string& origin) {
  Collector collector(origin, kMaxLabel);
  try {
    const auto document = nlohmann::ordered_json::parse(text);
    collector.nomenclature.name = document.at("name").get<std::string>();
    const auto land_class = [](const nlohmann::ordered_json& entry, const std::string& where) {
      return LandClass{.code = checked_code(entry.at("code").get<std::int64_t>(), where, kMaxLabel),
                       .name = entry.at("name").get<std::string>(),
                       .name_en = entry.value("name_en", ""),
                       .color = {},
                       .alias = entry.value("alias", "")};
    };
    int position = 0;
    for (const auto& entry : document.value("groups", nlohmann::ordered_json::array())) {
      const std::string where = join_text(origin, ": group ", ++position);
      collector.add_group(land_class(entry, where), colour_at(entry.value("color", ""), where), where);
    }
    position = 0;
    for (const auto& entry : document.at("classes")) {
      const std::string where = join_text(origin, ": class ", ++position);
      LandClass c = land_class(entry, where);
      if (const auto group = entry.value("group", std::int64_t{0}); group != 0) c.parent = checked_code(group, where);
      const int code = c.code;
      collector.add_class(std::move(c), colour_at(entry.value("color", ""), where), where);
      if (entry.contains("to"))
        for (const auto& [to, theirs] : entry.at("to").items()) collector.add_mapping(to, code, theirs.get<std::int64_t>(), where);
    }
  } catch (const nlohmann::json::exception& error) {
    throw UserError(join_text(origin, ": damaged nomenclature: ", error.what()));
  }
  return collector.finish(false);
}

}  // namespace millesime
