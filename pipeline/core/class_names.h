#pragma once
// Reads codes and names of classes written by people: in nomenclature files, in tables, on the command line.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millesime {

inline constexpr int kMaxCode = 65535;        // class maps are uint8 or uint16
inline constexpr int kMaxLabel = 2147483647;  // for models of tables, which may be used without maps

// The number in a text, ignoring surrounding blanks; empty if the text is not a number.
std::optional<std::int64_t> code_of_text(std::string_view text);

// The number that the whole text is: "11", "011", "11.0", or as programs write numbers with exponents, "1.1e+01". Empty for texts that only
// begin like a number, or could be read as one: 91E0 is the name of a habitat.
std::optional<double> number_of_text(std::string_view text);

// Without blanks around it, also those that do not break a line (U+00A0).
std::string_view trimmed_name(std::string_view text);

// For comparing names: trimmed, letters with their accents composed (NFC), without regard to case, in every script of Unicode.
std::string folded_name(std::string_view text);

}  // namespace millesime
