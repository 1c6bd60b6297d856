// NamePattern of sensor_file.h.

#include <algorithm>
#include <mutex>

#include "pipeline/core/dates.h"
#include "pipeline/core/error.h"
#include "pipeline/io/internal/compiled_expression.h"
#include "pipeline/io/sensor_file.h"

namespace millesime {
namespace {

constexpr std::size_t kLongestPath = 4096;  // of a path; std::regex calls itself with every letter, and names in archives have any length

// A pattern without parts: ? is a letter or digit, # a digit, * anything.
std::string expression_of(char c) {
  if (c == '*') return "[^/]*?";
  if (c == '?') return "[A-Za-z0-9]";
  if (c == '#') return "[0-9]";
  return std::string_view(".+[]^$\\").find(c) == std::string_view::npos ? std::string(1, c) : std::string("\\") + c;
}

std::string date_expression(const std::string& format, const std::string& origin) {
  if (format == "YYYYMMDD") return "[0-9]{8}";
  if (format == "YYYYDDD") return "[0-9]{7}";
  if (format == "YYYY-MM-DD") return "[0-9]{4}-[0-9]{2}-[0-9]{2}";
  throw UserError(join_text(origin, ": {date:", format, "}: expected YYYYMMDD, YYYYDDD or YYYY-MM-DD"));
}

// Digits of a date in a format as YYYYMMDD; UserError for an impossible day.
std::string date_of(const std::string& digits, const std::string& format) {
  if (format != "YYYYDDD") return Date::parse(digits).compact();
  constexpr std::size_t kYear = 4;
  const int year = std::stoi(digits.substr(0, kYear)), day = std::stoi(digits.substr(kYear));
  const Date date = Date::from_ymd(year, 1, 1) + (day - 1);
  if (day < 1 || date.year() != year) throw UserError(join_text("\"", digits, "\" is not a day; expected the year and its day, YYYYDDD"));
  return date.compact();
}

}  // namespace

std::regex compiled(const std::string& expression) {
  static std::mutex mutex;
  static std::map<std::string, std::regex> known;
  const std::lock_guard lock(mutex);
  const auto found = known.find(expression);
  return found != known.end() ? found->second : known.emplace(expression, std::regex(expression)).first->second;  // copies share the work
}

NamePattern::NamePattern(const std::string& text, const std::string& tile, const std::string& origin)
    : text_(text), depth_(static_cast<int>(std::ranges::count(text, '/'))) {
  std::string expression;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '(') {
      expression += "(?:";
    } else if (c == ')' || c == '|') {
      expression += c;
    } else if (c != '{') {
      expression += expression_of(c);
    } else {
      const std::size_t end = text.find('}', at);
      if (end == std::string::npos) throw UserError(join_text(origin, ": \"", text, "\": { without }"));
      std::string part = text.substr(at + 1, end - at - 1), format;
      if (const auto colon = part.find(':'); colon != std::string::npos) format = part.substr(colon + 1), part.resize(colon);
      at = end;
      if (part == "date") {
        date_format_ = format.empty() ? "YYYYMMDD" : format;
        expression += "(" + date_expression(date_format_, origin) + ")";
      } else if (part.empty()) {
        throw UserError(join_text(origin, ": \"", text, "\": {} without a name"));
      } else if (!format.empty()) {
        expression += "(";
        for (const char f : format) expression += expression_of(f);
        expression += ")";
      } else if (part == "tile") {
        expression += "(" + tile + ")";
      } else if (part == "version") {
        expression += R"(([0-9]{1,6}(?:[-.][0-9]{1,6})*))";
      } else if (part == "band") {
        expression += "([A-Za-z0-9]+)";
      } else {
        expression += "([^/]+?)";
      }
      if (std::ranges::find(parts_, part) != parts_.end())
        throw UserError(join_text(origin, ": \"", text, "\": {", part, "} is there twice"));
      parts_.push_back(part);
    }
  }
  try {
    expression_ = compiled(expression);
  } catch (const std::regex_error&) {
    throw UserError(join_text(origin, ": \"", text, "\": is no pattern; expected text with *, {date}, {tile}, {band} and (a|b)"));
  }
}

std::optional<NamePattern::Parts> NamePattern::match(const std::string& name, bool anywhere) const {
  std::size_t begin = 0;
  if (anywhere) {
    begin = name.size();
    for (int folders = depth_; begin != std::string::npos && folders >= 0; --folders)
      begin = begin == 0 ? std::string::npos : name.rfind('/', begin - 1);
    begin = begin == std::string::npos ? 0 : begin + 1;
  }
  const std::string end = name.substr(begin);
  std::smatch found;
  if (end.size() > kLongestPath || !std::regex_match(end, found, expression_)) return std::nullopt;
  Parts parts;
  for (std::size_t i = 0; i < parts_.size(); ++i)
    parts[parts_[i]] = parts_[i] == "date" ? date_of(found[i + 1].str(), date_format_) : found[i + 1].str();
  return parts;
}

bool NamePattern::has(const std::string& part) const { return std::ranges::find(parts_, part) != parts_.end(); }

}  // namespace millesime
