#pragma once
// How codes and names of classes are read where people write them: in the files of nomenclatures, in tables, on the command line.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millesime {

inline constexpr int kMaxCode = 65535;        // class maps are uint8 or uint16
inline constexpr int kMaxLabel = 2147483647;  // of models of tables, which need not make maps

// The number that a text is, without blanks around it; nothing where it is anything else.
std::optional<std::int64_t> code_of_text(std::string_view text);

// For comparing names: lower case, in ASCII and for the accented letters of Latin-1 (in UTF-8: C3 80..9E, but not the multiplication sign).
std::string folded_name(std::string_view text);

}  // namespace millesime
