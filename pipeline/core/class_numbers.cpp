#include "pipeline/core/class_numbers.h"

#include <charconv>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

template <class T>
bool whole_from(std::string_view text, T& value) {
  text = trim(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::map<int, std::int64_t> numbers_by_class(const std::vector<std::string>& assignments, const std::string& key) {
  std::map<int, std::int64_t> numbers;
  for (const auto& assignment : assignments) {
    const auto parts = split_text(assignment, '=');
    int label = 0;
    std::int64_t number = 0;
    if (parts.size() != 2 || !whole_from(parts[0], label) || !whole_from(parts[1], number) || number < 0)
      throw UserError(join_text(key, ": expected class code = number of samples, e.g. 34=500, got \"", assignment, "\""));
    if (!numbers.emplace(label, number).second) throw UserError(join_text(key, ": class ", label, " is given twice"));
  }
  return numbers;
}

}  // namespace millesime
