#include "pipeline/core/error.h"

#include <cstdio>

namespace millesime {

UserError with_context(const std::string& context, const UserError& error) { return UserError(context + ": " + error.what()); }

void throw_bug(const char* file, int line, const char* condition, const std::string& message) {
  throw Bug(join_text(file, ":", line, ": ", condition, message.empty() ? "" : " does not hold: ", message));
}

namespace detail {

void append(std::string& text, std::string_view part) { text += part; }
void append(std::string& text, char part) { text += part; }
void append(std::string& text, double part) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.10g", part);
  text += digits;
}

}  // namespace detail
}  // namespace millesime
