#pragma once
// Nomenclature: the classes of a map, loaded from one file. Its size is the only number of classes in the program.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millesime {

struct Color {
  std::uint8_t red = 0, green = 0, blue = 0;
  static Color parse(const std::string& hex);  // "ff00ff" or "#ff00ff"; UserError otherwise
  std::string hex() const;                     // "#ff00ff"
  bool operator==(const Color&) const = default;
};

struct LandClass {
  int code = 0;      // 1..65535; the value in the map (class maps are uint8 up to 255)
  std::string name;  // in the language of the product
  std::string name_en;
  Color color;
  std::string alias;  // short, for column names (at most 10 characters in a shapefile); "class_7" if the file has none
  int parent = 0;     // code of its level-1 group, 0 if there is none
};

struct Mapping {                           // to another nomenclature
  std::string to;                          // its name
  std::vector<std::pair<int, int>> codes;  // (code in this nomenclature, code in the other)
};

class Nomenclature {
 public:
  // Reads TOML (configs/nomenclatures/README.md describes it), CSV (header with code, name or name_fr, and optional name_en, hex, color or
  // colour, or red, green and blue, alias, level1, to_<nomenclature>; other columns are ignored, but those that look like colours), JSON as
  // to_json() writes it, or iota2's files: nomenclature.cfg (levels of classes), lines "name:code" (with the colours of a color.txt beside
  // them), lines "code red green blue". A bare name such as "oso23" is looked up in configs/nomenclatures. UserError names file and line
  // for a double code, a double name, a bad colour, or a code out of range. Classes without colour get one from their position.
  static Nomenclature load(const std::string& name_or_file);
  static Nomenclature from_json(const std::string& text, const std::string& origin);
  std::string to_json() const;
  std::string codes_text() const;  // the codes in their order: what models depend on
  std::string names_text() const;  // codes, names and aliases: what the reading of reference data depends on

  std::string name;
  std::vector<LandClass> classes;  // in the order of the file; position = class index of a model
  std::vector<LandClass> groups;   // level 1, may be empty
  std::vector<Mapping> mappings;

  int size() const { return static_cast<int>(classes.size()); }
  int max_code() const;
  std::optional<int> index_of_code(int code) const;
  // Accepts a code written as text, or a class name (fr, en or alias; case and surrounding blanks do not matter).
  std::optional<int> index_of(const std::string& code_or_name) const;
  const LandClass& at(int index) const;
};

// The class that a text of reference data names: a code ("11", "011", "11.0") or a name. 0 where it says that there is none (empty, 0, nan,
// null...), nothing where it names no class. Without a nomenclature every code from 1 on is a class.
std::optional<int> code_of_class(std::string_view text, const Nomenclature* nomenclature);

// A printed table: code, colour, name, group, alias.
std::string to_text(const Nomenclature& nomenclature);

// Codes of `from` as codes of `to`: table[code], 0 for 0 and kNoClass for codes that `from` does not have. From the mapping to `to` in the
// file of `from`, or by equal codes and names. UserError if neither covers every class.
inline constexpr int kNoClass = -1;
std::vector<int> conversion_table(const Nomenclature& from, const Nomenclature& to);

// The folder configs/: $MILLESIME_CONFIGS, that of the installed binary (../share/millesime/configs), or that of the source tree.
std::string configs_folder();

}  // namespace millesime
