#include "pipeline/core/utf8.h"

#include <algorithm>

#include "pipeline/core/text.h"

namespace millesime {
namespace {

// Bytes of the UTF-8 character at the start of `text`; 0 where there is none.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0U; };
  const unsigned first = byte(0);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xC2 && first < 0xE0 ? 2
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4
                                                             : 0;
  for (std::size_t k = 1; k < length; ++k)
    if ((byte(k) & 0xC0) != 0x80) return 0;
  // Overlong forms, surrogates and codes above U+10FFFF.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) || (first == 0xF0 && byte(1) < 0x90) ||
      (first == 0xF4 && byte(1) > 0x8F))
    return 0;
  return length;
}

// U+EF80 to U+EFFF are EE BE 80 to EE BF BF.
bool stands_for_a_byte(std::string_view character) {
  return character.size() == 3 && character[0] == '\xEE' && (character[1] == '\xBE' || character[1] == '\xBF');
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string utf8_of_bytes(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::string_view character = bytes.substr(0, character_length(bytes));
    if (!character.empty() && !stands_for_a_byte(character)) {
      text += character;
      bytes.remove_prefix(character.size());
      continue;
    }
    const auto byte = static_cast<unsigned char>(bytes[0]);  // 0x80 or more
    text += '\xEE';
    text += static_cast<char>(byte < 0xC0 ? 0xBE : 0xBF);
    text += static_cast<char>(0x80 | (byte & 0x3F));
    bytes.remove_prefix(1);
  }
  return text;
}

std::string bytes_of_utf8(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(1, character_length(text));
    const std::string_view character = text.substr(0, length);
    if (stands_for_a_byte(character))
      bytes += static_cast<char>((character[1] == '\xBE' ? 0x80 : 0xC0) | (static_cast<unsigned char>(character[2]) & 0x3F));
    else
      bytes += character;
    text.remove_prefix(length);
  }
  return bytes;
}

}  // namespace millesime
