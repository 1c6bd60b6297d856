#pragma once
// Errors of the program. A UserError is caused by input, configuration or environment, a Bug by a fault of the program.
// Both are caught in one place, pipeline/cli/main.cpp, and become an exit code there.

#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

namespace millesime {

// A message says what, where (file, tile, date, option), what was expected, what was found, and what to do.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Bug : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

inline constexpr int kExitUserError = 2;
inline constexpr int kExitBug = 70;

// The same error with "context: " in front, e.g. the tile and the stage it happened in.
UserError with_context(const std::string& context, const UserError& error);

// MILLESIME_CHECK(cols > 0, "window of width ", cols): throws Bug if a condition between the program's functions does not hold.
#define MILLESIME_CHECK(condition, ...)                                                                            \
  do {                                                                                                             \
    if (!(condition)) ::millesime::throw_bug(__FILE__, __LINE__, #condition, ::millesime::join_text(__VA_ARGS__)); \
  } while (false)

[[noreturn]] void throw_bug(const char* file, int line, const char* condition, const std::string& message);

namespace detail {
void append(std::string& text, std::string_view part);
void append(std::string& text, char part);
void append(std::string& text, double part);
template <std::integral Integer>
void append(std::string& text, Integer part) {
  text += std::to_string(part);
}
}  // namespace detail

// join_text("expected ", 3, " bands"): a message from its parts.
template <class... Parts>
std::string join_text(const Parts&... parts) {
  std::string text;
  (detail::append(text, parts), ...);
  return text;
}

}  // namespace millesime
