#include "pipeline/core/class_names.h"

#include <charconv>

#include "pipeline/core/text.h"

namespace millesime {

std::optional<std::int64_t> code_of_text(std::string_view text) {
  text = trim(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string folded_name(std::string_view text) {
  std::string result = lower(trim(text));
  for (std::size_t i = 0; i + 1 < result.size(); ++i) {
    const auto first = static_cast<unsigned char>(result[i]), second = static_cast<unsigned char>(result[i + 1]);
    if (first == 0xC3 && second >= 0x80 && second <= 0x9E && second != 0x97) result[i + 1] = static_cast<char>(second + 0x20);
  }
  return result;
}

}  // namespace millesime
