#include "pipeline/core/class_names.h"

#include <charconv>

#include "pipeline/core/text.h"

namespace millesime {
namespace {

// A letter followed by a combining accent (NFD, as macOS writes names) as the letter of Latin-1 that has it.
std::string composed(std::string text) {
  struct Letter {
    char base;
    unsigned char accent_high, accent_low;  // UTF-8 of U+0300 to U+0327
    unsigned char latin;                    // second byte of the UTF-8 of the letter of Latin-1; the first is C3
  };
  static constexpr Letter kLetters[] = {{'a', 0xCC, 0x80, 0xA0}, {'a', 0xCC, 0x81, 0xA1}, {'a', 0xCC, 0x82, 0xA2}, {'a', 0xCC, 0x83, 0xA3},
                                        {'a', 0xCC, 0x88, 0xA4}, {'a', 0xCC, 0x8A, 0xA5}, {'c', 0xCC, 0xA7, 0xA7}, {'e', 0xCC, 0x80, 0xA8},
                                        {'e', 0xCC, 0x81, 0xA9}, {'e', 0xCC, 0x82, 0xAA}, {'e', 0xCC, 0x88, 0xAB}, {'i', 0xCC, 0x80, 0xAC},
                                        {'i', 0xCC, 0x81, 0xAD}, {'i', 0xCC, 0x82, 0xAE}, {'i', 0xCC, 0x88, 0xAF}, {'n', 0xCC, 0x83, 0xB1},
                                        {'o', 0xCC, 0x80, 0xB2}, {'o', 0xCC, 0x81, 0xB3}, {'o', 0xCC, 0x82, 0xB4}, {'o', 0xCC, 0x83, 0xB5},
                                        {'o', 0xCC, 0x88, 0xB6}, {'u', 0xCC, 0x80, 0xB9}, {'u', 0xCC, 0x81, 0xBA}, {'u', 0xCC, 0x82, 0xBB},
                                        {'u', 0xCC, 0x88, 0xBC}, {'y', 0xCC, 0x81, 0xBD}, {'y', 0xCC, 0x88, 0xBF}};
  for (std::size_t i = 0; i + 2 < text.size(); ++i)
    for (const Letter& letter : kLetters)
      if (text[i] == letter.base && static_cast<unsigned char>(text[i + 1]) == letter.accent_high &&
          static_cast<unsigned char>(text[i + 2]) == letter.accent_low) {
        text.replace(i, 3, {static_cast<char>(0xC3), static_cast<char>(letter.latin)});
        break;
      }
  return text;
}

}  // namespace

std::optional<std::int64_t> code_of_text(std::string_view text) {
  text = trim(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trimmed_name(std::string_view text) {
  constexpr std::string_view kNoBreak = "\xc2\xa0";
  for (std::size_t before = text.size() + 1; text.size() < before;) {
    before = text.size();
    text = trim(text);
    if (text.starts_with(kNoBreak)) text.remove_prefix(kNoBreak.size());
    if (text.ends_with(kNoBreak)) text.remove_suffix(kNoBreak.size());
  }
  return text;
}

std::string folded_name(std::string_view text) {
  std::string result = composed(lower(trimmed_name(text)));
  for (std::size_t i = 0; i + 1 < result.size(); ++i) {
    const auto first = static_cast<unsigned char>(result[i]), second = static_cast<unsigned char>(result[i + 1]);
    if (first == 0xC3 && second >= 0x80 && second <= 0x9E && second != 0x97) result[i + 1] = static_cast<char>(second + 0x20);
  }
  return result;
}

}  // namespace millesime
