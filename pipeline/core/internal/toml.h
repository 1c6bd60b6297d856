#pragma once
// The one include of toml++. Its assertions are off in every build: some of them hold for well-formed text only ("[" and a control
// character), which the parser itself rejects with a message a few lines later.

#define TOML_EXCEPTIONS 1
#define TOML_ASSERT(condition) static_assert(true)
#include <toml++/toml.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {

// UserError where there is no such configuration file, or it is not TOML.
inline toml::table parse_toml(const std::string& file) {
  if (!std::filesystem::is_regular_file(file)) throw UserError(join_text(file, ": no such configuration file"));
  // Of a file that cannot be opened the parser does not say why.
  if (::faccessat(AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) != 0)
    throw UserError(join_text(file, ": cannot be read: ", std::strerror(errno)));
  try {
    return toml::parse_file(file);
  } catch (const toml::parse_error& error) {
    throw UserError(join_text(file, ":", error.source().begin.line, ": ", std::string(error.description()), "; expected TOML"));
  }
}

// "file:7", for messages.
inline std::string place_of(const std::string& file, const toml::node& node) { return join_text(file, ":", node.source().begin.line); }

// UserError with the first key of a table that is not a known one, and the nearest name.
inline void check_keys(const std::string& file, const toml::table& table, const std::vector<std::string>& known) {
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (std::ranges::find(known, name) != known.end()) continue;
    const std::string near = nearest_name(name, known);
    throw UserError(join_text(place_of(file, node), ": unknown key \"", name, "\"; ",
                              near.empty() ? "expected " + join_list(known, ", ") : "did you mean \"" + near + "\"?"));
  }
}

}  // namespace millesime
