#pragma once
// The one include of toml++. Its assertions are off in every build: some of them hold for well-formed text only ("[" and a control
// character), which the parser itself rejects with a message a few lines later.

#define TOML_EXCEPTIONS 1
#define TOML_ASSERT(condition) static_assert(true)
#include <toml++/toml.h>

#include <filesystem>
#include <string>

#include "pipeline/core/error.h"

namespace millesime {

// UserError where there is no such configuration file, or it is not TOML.
inline toml::table parse_toml(const std::string& file) {
  if (!std::filesystem::is_regular_file(file)) throw UserError(join_text(file, ": no such configuration file"));
  try {
    return toml::parse_file(file);
  } catch (const toml::parse_error& error) {
    throw UserError(join_text(file, ":", error.source().begin.line, ": ", std::string(error.description()), "; expected TOML"));
  }
}

}  // namespace millesime
