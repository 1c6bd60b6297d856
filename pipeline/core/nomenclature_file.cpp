// Nomenclatures from TOML, CSV, JSON and lines; pipeline/core/nomenclature.h documents the formats.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>

#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/class_names.h"
#include "pipeline/core/configs.h"
#include "pipeline/core/csv.h"
#include "pipeline/core/error.h"
#include "pipeline/core/internal/toml.h"
#include "pipeline/core/json_number.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/nomenclature_collector.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

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
    NomenclatureCollector collector(file_);
    check_keys(file_, root_, {"name", "class", "group", "rotating"});  // the last is read by rotation.h
    collector.nomenclature.name = text(root_, "name");
    each("group", [&](const toml::table& table, const std::string& where) {
      check_keys(file_, table, {"code", "name", "name_en", "color"});
      collector.add_group(land_class(table, where), colour_at(text(table, "color"), where), where);
    });
    each("class", [&](const toml::table& table, const std::string& where) {
      check_keys(file_, table, {"code", "name", "name_en", "color", "alias", "group", "to"});
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
  std::string where(const toml::node& node) const { return place_of(file_, node); }

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

// --- CSV --------------------------------------------------------------------------------------------------------------

// Columns that look like colours, and are none that is read: the colours would be others than those of the file.
void refuse_unread_colours(const CsvReader& rows) {
  for (const std::string& column : rows.columns()) {
    const std::string text = lower(column);
    const bool is_colour = std::ranges::any_of(std::array{"color", "colour", "couleur", "rgb"},
                                               [&](const char* word) { return text.find(word) != std::string::npos; }) ||
                           std::ranges::any_of(std::array{"red", "green", "blue", "hexa", "rouge", "vert", "bleu"},
                                               [&](const char* word) { return text == word; });
    if (is_colour)
      throw UserError(join_text(rows.path(), ":1: column ", column,
                                ": expected colours in a column color (#rrggbb), or in columns red, green and blue (0 to 255); rename it"));
  }
}

Nomenclature read_csv(const std::string& file) {
  CsvReader rows(file);
  const auto first_of = [&](std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (const int column = rows.column_in_any_case(name); column >= 0) return column;
    return -1;
  };
  const int code = first_of({"code"}), name = first_of({"name", "name_fr"}), name_en = first_of({"name_en"}),
            color = first_of({"color", "colour", "hex"}), alias = first_of({"alias"}), group = first_of({"group", "level1"});
  if (code < 0 || name < 0)
    throw UserError(join_text(file, ":1: expected the columns code and name (or name_fr), got ", join_list(rows.columns(), ", ")));
  const std::array rgb = {first_of({"red", "r"}), first_of({"green", "g"}), first_of({"blue", "b"})};
  const bool has_rgb = color < 0 && std::ranges::none_of(rgb, [](int column) { return column < 0; });
  if (color < 0 && !has_rgb) refuse_unread_colours(rows);
  NomenclatureCollector collector(file);
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
    std::string hex = cell(color);
    for (const int column : has_rgb ? std::vector<int>(rgb.begin(), rgb.end()) : std::vector<int>{}) {
      if (cell(column).empty()) continue;  // a class without a colour of its own
      const std::int64_t part = number(column);
      if (part < 0 || part > 255)
        throw UserError(join_text(rows.where(static_cast<std::size_t>(column)), ": expected a colour from 0 to 255, got ", part));
      std::array<char, 3> digits{};
      std::snprintf(digits.data(), digits.size(), "%02x", static_cast<unsigned>(part) & 0xFFu);
      hex += (hex.empty() ? "#" : "") + std::string(digits.data());
    }
    collector.add_class(std::move(c), colour_at(hex, where), where);
    for (std::size_t i = 0; i < rows.columns().size(); ++i)
      if (lower(rows.columns()[i]).starts_with("to_") && !rows.cells()[i].empty())
        collector.add_mapping(rows.columns()[i].substr(3), ours, number(static_cast<int>(i)), where);
  }
  return collector.finish(true);
}

}  // namespace

Nomenclature Nomenclature::load(const std::string& name_or_file) {
  std::string file = name_or_file;
  if (!fs::is_regular_file(file)) {
    file = (fs::path(configs_folder()) / "nomenclatures" / (name_or_file + ".toml")).string();
    const bool bare = name_or_file.find_first_of("/\\.") == std::string::npos && !name_or_file.empty();
    if (!bare || !fs::is_regular_file(file))
      throw UserError(join_text("nomenclature \"", name_or_file, "\": no such file", bare ? " and no such name" : "", "; known names are ",
                                join_list(names_in_configs("nomenclatures"), ", ")));
  }
  const std::string extension = lower(fs::path(file).extension().string());
  Nomenclature result = extension == ".toml"   ? TomlSource(file).read()
                        : extension == ".csv"  ? read_csv(file)
                        : extension == ".json" ? from_json(read_text(file), file)
                        : extension == ".cfg"  ? read_level_file(file)
                                               : read_name_lines(file);
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
  NomenclatureCollector collector(origin, kMaxLabel);
  try {
    const auto document = nlohmann::ordered_json::parse(text);
    if (!document.is_object() || !document.contains("classes"))
      throw UserError(join_text(origin, ": expected {\"name\": ..., \"classes\": [{\"code\": 1, \"name\": ...}]}"));
    collector.nomenclature.name = document.value("name", "");
    const auto land_class = [](const nlohmann::ordered_json& entry, const std::string& where) {
      for (const char* key : {"code", "name"})
        if (!entry.is_object() || !entry.contains(key))
          throw UserError(join_text(where, ": expected \"code\" and \"name\", got no \"", key, "\""));
      return LandClass{.code = checked_code(whole_number<std::int64_t>(entry.at("code")), where, kMaxLabel),
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
      if (const auto it = entry.find("group"); it != entry.end())
        if (const auto group = whole_number<std::int64_t>(*it); group != 0) c.parent = checked_code(group, where);
      const int code = c.code;
      collector.add_class(std::move(c), colour_at(entry.value("color", ""), where), where);
      if (entry.contains("to"))
        for (const auto& [to, theirs] : entry.at("to").items()) collector.add_mapping(to, code, whole_number<std::int64_t>(theirs), where);
    }
  } catch (const nlohmann::json::exception& error) {
    throw UserError(join_text(origin, ": damaged nomenclature: ", error.what()));
  }
  return collector.finish(false);
}

}  // namespace millesime
