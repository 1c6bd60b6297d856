#pragma once
// The files of iota2 that hold mappings: its configuration and its nomenclature.cfg. Mappings { key : value ... } of texts, lists and
// mappings, as Python's config module reads them and as libconfig writes them: entries on lines of their own or separated by commas or
// semicolons, a colon or = between key and value, keys and texts with or without quotes, comments after # or //.

#include <string>
#include <string_view>
#include <vector>

namespace millesime {

struct Iota2Entry {
  enum class Kind { text, list, mapping };
  Kind kind = Kind::text;
  std::string key;                  // "" of an element of a list
  std::string text;                 // of a text; numbers and words are texts
  std::vector<Iota2Entry> entries;  // of a list or a mapping
  int line = 0;
  std::string where;  // "file:7"

  bool is_mapping() const { return kind == Kind::mapping; }
  const Iota2Entry* find(std::string_view lower_key) const;  // whatever the case of its letters in the file
};

// The file as one mapping. UserError with the line for what is no such file: a bracket or a quote that is not closed, a key twice, a value
// that refers to another one or is an expression.
Iota2Entry read_iota2_file(const std::string& file);

// Text of a file as a message shows it.
std::string shown_text(std::string_view text);

}  // namespace millesime
