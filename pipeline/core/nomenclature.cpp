#include "pipeline/core/nomenclature.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "pipeline/core/class_names.h"
#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/table_numbers.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace fs = std::filesystem;
Color Color::parse(const std::string& hex) {
  const std::string_view digits = hex.starts_with('#') ? std::string_view(hex).substr(1) : std::string_view(hex);
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() != 6 || error != std::errc{} || end != digits.data() + digits.size())
    throw UserError("not a colour: \"" + hex + "\"; expected six hexadecimal digits, e.g. ff8800");
  return {static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 8 & 0xff), static_cast<std::uint8_t>(value & 0xff)};
}

std::string Color::hex() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "#";
  for (const std::uint8_t part : {red, green, blue}) {
    text += kDigits[part >> 4];
    text += kDigits[part & 15];
  }
  return text;
}

std::string Nomenclature::codes_text() const {
  std::string text;
  for (const LandClass& c : classes) text += join_text(text.empty() ? "" : " ", c.code);
  return text;
}

std::string Nomenclature::names_text() const {
  std::string text;
  for (const LandClass& c : classes) text += join_text(c.code, ": ", c.name, "; ", c.name_en, "; ", c.alias, "\n");
  return text;
}

int Nomenclature::max_code() const {
  int largest = 0;
  for (const LandClass& c : classes) largest = std::max(largest, c.code);
  return largest;
}

std::optional<int> Nomenclature::index_of_code(int code) const {
  const auto found = std::ranges::find(classes, code, &LandClass::code);
  if (found == classes.end()) return std::nullopt;
  return static_cast<int>(found - classes.begin());
}

std::optional<int> Nomenclature::index_of(const std::string& code_or_name) const {
  const std::string wanted = folded_name(code_or_name);
  if (wanted.empty()) return std::nullopt;
  for (int i = 0; i < size(); ++i) {  // names first: some consist of digits
    const LandClass& c = at(i);
    if (wanted == folded_name(c.name) || wanted == folded_name(c.name_en) || wanted == folded_name(c.alias)) return i;
  }
  const auto code = code_of_text(code_or_name);
  return code && *code >= 1 && *code <= kMaxLabel ? index_of_code(static_cast<int>(*code)) : std::nullopt;
}

const LandClass& Nomenclature::at(int index) const {
  MILLESIME_CHECK(index >= 0 && index < size(), "class ", index, " of ", size());
  return classes[static_cast<std::size_t>(index)];
}

std::optional<int> code_of_class(std::string_view text, const Nomenclature* nomenclature) {
  text = trimmed_name(text);
  if (nomenclature)
    if (const auto index = nomenclature->index_of(std::string(text))) return nomenclature->at(*index).code;
  if (const auto number = number_of_text(text)) {
    if (*number == 0) return 0;
    if (*number < 1 || *number > kMaxLabel || *number != std::trunc(*number)) return std::nullopt;
    const int code = static_cast<int>(*number);
    return !nomenclature || nomenclature->index_of_code(code) ? std::optional(code) : std::nullopt;
  }
  return is_missing(text) ? std::optional(0) : std::nullopt;
}

std::string to_text(const Nomenclature& nomenclature) {
  const auto padded = [](std::string text, std::size_t width) {  // counted in characters, not bytes
    const auto length = static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
    if (length < width) text.append(width - length, ' ');
    return text;
  };
  const auto group_name = [&](int code) {
    const auto found = std::ranges::find(nomenclature.groups, code, &LandClass::code);
    return found == nomenclature.groups.end() ? std::string() : found->name;
  };
  std::string text = join_text(nomenclature.name, ": ", counted(nomenclature.size(), "class", "classes"), "\n") + padded("code", 6) +
                     padded("colour", 9) + padded("name", 38) + padded("alias", 12) + "group\n";
  for (const LandClass& c : nomenclature.classes)
    text += std::string(trim(padded(std::to_string(c.code), 6) + padded(c.color.hex(), 9) + padded(c.name, 38) + padded(c.alias, 12) +
                             group_name(c.parent))) +
            "\n";
  for (const Mapping& mapping : nomenclature.mappings) text += join_text("maps to ", mapping.to, "\n");
  return text;
}

std::vector<int> conversion_table(const Nomenclature& from, const Nomenclature& to) {
  std::vector<int> table(static_cast<std::size_t>(from.max_code()) + 1, kNoClass);
  table[0] = 0;
  const auto mapping = std::ranges::find(from.mappings, to.name, &Mapping::to);
  std::vector<std::string> lost;
  for (const LandClass& c : from.classes) {
    std::optional<int> theirs;
    if (mapping != from.mappings.end()) {
      const auto pair = std::ranges::find(mapping->codes, c.code, &std::pair<int, int>::first);
      if (pair != mapping->codes.end()) theirs = to.index_of_code(pair->second);
    } else if (const auto same = to.index_of_code(c.code); same && folded_name(to.at(*same).name) == folded_name(c.name)) {
      theirs = same;
    }
    if (theirs)
      table[static_cast<std::size_t>(c.code)] = to.at(*theirs).code;
    else
      lost.push_back(join_text(c.code, " (", c.name, ")"));
  }
  if (!lost.empty())
    throw UserError(join_text("nomenclature ", from.name, " cannot be converted to ", to.name, ": ",
                              mapping == from.mappings.end() ? "its file has no mapping to it, and these classes are not the same: "
                                                             : "its mapping has no class for ",
                              join_list(lost, ", "), "; add to.", to.name, " = <code> to each class"));
  return table;
}

std::string configs_folder() {
  if (const char* given = std::getenv("MILLESIME_CONFIGS"); given && *given) {
    if (!fs::is_directory(given)) throw UserError(join_text("MILLESIME_CONFIGS: ", std::string(given), " is not a folder"));
    return given;
  }
  std::error_code ignored;
  const fs::path installed = fs::read_symlink("/proc/self/exe", ignored).parent_path().parent_path() / "share" / "millesime" / "configs";
  if (fs::is_directory(installed, ignored)) return installed.string();
  const fs::path source = fs::path(MILLESIME_SOURCE_FOLDER) / "configs";
  if (fs::is_directory(source, ignored)) return source.string();
  throw UserError(join_text("the folder configs/ is neither at ", installed.string(), " nor at ", source.string(),
                            "; set MILLESIME_CONFIGS to this folder"));
}

}  // namespace millesime
