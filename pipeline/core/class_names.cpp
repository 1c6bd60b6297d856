#include "pipeline/core/class_names.h"

#include <algorithm>
#include <charconv>

#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include "pipeline/core/error.h"
#include "pipeline/core/table_numbers.h"
#include "pipeline/core/text.h"

namespace millesime {

std::optional<std::int64_t> code_of_text(std::string_view text) {
  text = trim(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> number_of_text(std::string_view text) {
  text = trimmed_name(text);
  if (const auto e = text.find_first_of("eE"); e != std::string_view::npos) {
    const bool has_sign = e + 1 < text.size() && (text[e + 1] == '+' || text[e + 1] == '-');
    if (!has_sign || text.substr(0, e).find('.') == std::string_view::npos) return std::nullopt;
  }
  const auto number = parse_number(text);
  return number ? std::optional(number->value) : std::nullopt;
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
  text = trimmed_name(text);
  const bool is_ascii = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (is_ascii || !is_utf8(text)) return lower(text);
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2 *decomposing = icu::Normalizer2::getNFDInstance(status), *composing = icu::Normalizer2::getNFCInstance(status);
  MILLESIME_CHECK(U_SUCCESS(status), "Unicode data: ", u_errorName(status));
  // Canonical caseless matching: The Unicode Standard, 3.13.
  auto name = icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
  name = decomposing->normalize(name, status).foldCase();
  name = composing->normalize(name, status);
  MILLESIME_CHECK(U_SUCCESS(status), "name of a class: ", u_errorName(status));
  std::string folded;
  return name.toUTF8String(folded);
}

}  // namespace millesime
