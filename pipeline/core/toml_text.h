#pragma once

#include <string>

namespace millesime {

// A text as TOML has it, in quotes. Bytes that are not UTF-8, as names on disk may have, become characters of a private use area (utf8.h);
// configurations are read back the same way.
std::string toml_text(const std::string& value);

}  // namespace millesime
