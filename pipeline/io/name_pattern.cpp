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

constexpr const char* kDateWords[] = {"year", "month", "day"};

// The parts of a format of dates: YYYYMMDD is YYYY, MM, DD; YYYY/MM/DD has "/" between them.
std::vector<std::string> parts_of_format(const std::string& format) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < format.size(); at += parts.back().size()) {
    const std::size_t end = format.find_first_not_of(format[at], at);
    parts.push_back(format.substr(at, std::string_view("YMD").find(format[at]) == std::string_view::npos ? 1 : end - at));
  }
  return parts;
}

std::string date_expression(const std::string& format, const std::string& origin) {
  std::string expression;
  int years = 0, months = 0, days = 0, days_of_year = 0;
  bool is_known = true;
  for (const std::string& part : parts_of_format(format)) {
    const char c = part[0];
    if (std::string_view("YMD").find(c) == std::string_view::npos) {
      is_known = is_known && std::string_view("-_./").find(c) != std::string_view::npos;
      expression += expression_of(c);
      continue;
    }
    years += part == "YYYY" || part == "YY", months += part == "MM", days += part == "DD", days_of_year += part == "DDD";
    is_known = is_known && (part == "YYYY" || part == "YY" || part == "MM" || part == "DD" || part == "DDD");
    expression += join_text("[0-9]{", part.size(), "}");
  }
  if (is_known && years == 1 && ((months == 1 && days <= 1 && days_of_year == 0) || (days_of_year == 1 && months + days == 0)))
    return expression;
  throw UserError(join_text(origin, ": {date:", format, "}: expected YYYYMMDD, YYYYDDD, YYYY-MM-DD, or YYYY, YY, MM, DD and DDD in any ",
                            "order with -, _, . or / between them; without a day (YYYYMM) it is the 15th"));
}

// The day that a name says, as YYYYMMDD; UserError for an impossible one. `day` 0: the middle of the month.
std::string date_of(int year, int month, int day) {
  constexpr int kMiddle = 15;
  return Date::from_ymd(year, month, day == 0 ? kMiddle : day).compact();
}

std::string date_of(const std::string& text, const std::string& format) {
  if (format == "YYYYMMDD" || format == "YYYY-MM-DD") return Date::parse(text).compact();
  constexpr int kCentury = 100, kFirstOfLast = 70;  // 70 is 1970
  int year = 0, month = 0, day = 0, day_of_year = 0;
  std::size_t at = 0;
  bool has_day = false;
  for (const std::string& part : parts_of_format(format)) {
    const std::string digits = text.substr(at, part.size());
    at += part.size();
    if (part == "YYYY") year = std::stoi(digits);
    if (part == "YY") year = std::stoi(digits), year += year < kFirstOfLast ? 20 * kCentury : 19 * kCentury;
    if (part == "MM") month = std::stoi(digits);
    if (part == "DD") day = std::stoi(digits), has_day = true;
    if (part == "DDD") day_of_year = std::stoi(digits), month = day = 1;
  }
  if (has_day && day == 0) throw UserError(join_text("\"", text, "\" is not a day; expected one as ", format));
  if (format.find("DDD") == std::string::npos) return date_of(year, month, day);
  const Date date = Date::from_ymd(year, 1, 1) + (day_of_year - 1);
  if (day_of_year < 1 || date.year() != year)
    throw UserError(join_text("\"", text, "\" is not a day; expected the year and its day, ", format));
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
    : text_(text),
      depth_(static_cast<int>(std::ranges::count(text, '/'))),
      date_is_apart_(text.find("{date") == std::string::npos && text.find("{year}") != std::string::npos &&
                     text.find("{month}") != std::string::npos) {
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
      if (date_is_apart_ && std::ranges::find(kDateWords, part) != std::end(kDateWords)) {
        expression += part == "year" ? "([0-9]{4})" : "([0-9]{2})";
      } else if (part == "date") {
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
  if (date_is_apart_) {
    const int day = parts.contains("day") ? std::stoi(parts.at("day")) : 0;
    if (parts.contains("day") && day == 0) throw UserError(join_text("\"", name, "\": day 00 is not a day"));
    parts["date"] = date_of(std::stoi(parts.at("year")), std::stoi(parts.at("month")), day);
    for (const char* word : kDateWords) parts.erase(word);
  }
  return parts;
}

bool NamePattern::has(const std::string& part) const {
  return (date_is_apart_ && part == "date") || std::ranges::find(parts_, part) != parts_.end();
}

}  // namespace millesime
