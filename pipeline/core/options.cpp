#include "pipeline/core/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "pipeline/core/dates.h"
#include "pipeline/core/error.h"
#include "pipeline/core/internal/toml.h"
#include "pipeline/core/source_name.h"
#include "pipeline/core/text.h"
#include "pipeline/core/toml_text.h"
#include "pipeline/core/utf8.h"

namespace millesime {
namespace {

std::string number_text(double value) {
  std::ostringstream text;
  text.precision(15);
  text << value;
  return text.str();
}

// One set of overloads: the name of each type, and how it is written and read.
struct Literal {
  std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
  std::string operator()(const int* value) const { return std::to_string(*value); }
  std::string operator()(const std::int64_t* value) const { return std::to_string(*value); }
  std::string operator()(const double* value) const { return number_text(*value); }
  std::string operator()(const std::string* value) const { return toml_text(*value); }
  std::string operator()(const std::vector<std::string>* values) const {
    std::vector<std::string> parts;
    for (const auto& value : *values) parts.push_back(toml_text(value));
    return "[" + join_list(parts, ", ") + "]";
  }
};

template <class Number>
bool number_from(const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

std::optional<std::string> scalar_text(const toml::node& node) {
  if (const auto* s = node.as_string()) return bytes_of_utf8(s->get());
  if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
  if (const auto* i = node.as_integer()) return std::to_string(i->get());
  if (const auto* f = node.as_floating_point()) return number_text(f->get());
  if (const auto* d = node.as_date()) {
    std::ostringstream text;
    text << d->get();
    return text.str();
  }
  return std::nullopt;
}

// A list in the form of a configuration file, ["a", "b"].
bool parse_list(const std::string& text, std::vector<std::string>& values) {
  toml::table table;
  try {
    table = toml::parse("list = " + text);
  } catch (const toml::parse_error&) {
    return false;
  }
  const auto* list = table["list"].as_array();
  if (!list || table.size() != 1) return false;
  for (const auto& element : *list) {
    const auto value = scalar_text(element);
    if (!value) return false;
    values.push_back(*value);
  }
  return true;
}

struct Parse {
  const std::string& text;
  bool operator()(bool* value) const {
    const std::string word = lower(text);
    if (word != "true" && word != "false" && word != "yes" && word != "no") return false;
    *value = word == "true" || word == "yes";
    return true;
  }
  bool operator()(int* value) const { return number_from(text, *value); }
  bool operator()(std::int64_t* value) const { return number_from(text, *value); }
  bool operator()(double* value) const { return number_from(text, *value) && std::isfinite(*value); }
  bool operator()(std::string* value) const {
    *value = text;
    return true;
  }
  bool operator()(std::vector<std::string>* values) const {
    values->clear();
    if (text.starts_with('[')) return parse_list(text, *values);
    for (const auto& part : split_text(text, ','))
      if (const auto word = trim(part); !word.empty()) values->emplace_back(word);
    return true;
  }
};

}  // namespace

std::string toml_text(const std::string& value) {
  constexpr unsigned char kFirstPrinted = 0x20, kDelete = 0x7F;
  std::string text = "\"";
  for (const char c : utf8_of_bytes(value)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < kFirstPrinted || byte == kDelete) {
      std::array<char, 8> code{};
      std::snprintf(code.data(), code.size(), "\\u%04X", static_cast<unsigned>(byte));
      text += code.data();
      continue;
    }
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

Option::Option(std::string key, OptionTarget target, std::string help)
    : key_(std::move(key)), target_(target), help_(std::move(help)), default_(std::visit(Literal{}, target_)) {}

Option& Option::unit(std::string text) {
  unit_ = std::move(text);
  return *this;
}
Option& Option::range(double min, double max) {
  min_ = min, max_ = max;
  return *this;
}
Option& Option::choices(std::vector<std::string> names) {
  choices_ = std::move(names);
  return *this;
}
Option& Option::path() {
  path_ = true;
  return *this;
}
Option& Option::dates() {
  dates_ = true;
  return *this;
}
Option& Option::required() {
  required_ = true;
  return *this;
}
Option& Option::names(std::string kind) {
  kind_ = std::move(kind);
  return *this;
}
Option& Option::read_by(std::string reader) {
  reader_ = std::move(reader);
  help_ += " (" + reader_ + ")";
  return *this;
}
Option& Option::repeated() {
  MILLESIME_CHECK(is_list(), key_, " is not a list");
  repeated_ = true;
  return *this;
}

std::string Option::flag() const {
  std::string name = key_.substr(key_.rfind('.') == std::string::npos ? 0 : key_.rfind('.') + 1);
  std::ranges::replace(name, '_', '-');
  return "--" + name;
}

std::string Option::type() const {
  struct Name {
    std::string operator()(const bool*) const { return "yes/no"; }
    std::string operator()(const int*) const { return "integer"; }
    std::string operator()(const std::int64_t*) const { return "integer"; }
    std::string operator()(const double*) const { return "number"; }
    std::string operator()(const std::string*) const { return "text"; }
    std::string operator()(const std::vector<std::string>*) const { return "list"; }
  };
  return dates_ && !is_list() ? "date" : std::visit(Name{}, target_);
}

std::string Option::range_text() const {
  if (!choices_.empty()) return join_list(choices_, ", ");
  if (dates_) return "YYYY-MM-DD";
  if (min_ && max_ && std::isinf(*max_)) return "at least " + number_text(*min_);
  if (min_ && max_) return number_text(*min_) + " to " + number_text(*max_);
  return "";
}

std::string Option::value_text() const { return std::visit(Literal{}, target_); }

void Option::set(const std::string& text, const std::string& origin) {
  if (!std::visit(Parse{text}, target_))
    throw UserError(join_text(origin, ": ", key_, ": expected ", type(), unit_.empty() ? "" : " (" + unit_ + ")", ", got \"", text, "\""));
  origin_ = origin;
  check(origin);
}

void Option::take(const Option& other) {
  std::visit(
      [&](auto* to, const auto* from) {
        if constexpr (std::is_same_v<decltype(*to), std::remove_cvref_t<decltype(*from)>&>)
          *to = *from;
        else
          MILLESIME_CHECK(false, key_, " takes the value of ", other.key_, ", which is of another type");
      },
      target_, other.target_);
  origin_ = other.origin_;
  check(origin_);
}

void Option::set_list(const std::vector<std::string>& values, const std::string& origin) {
  auto* const* target = std::get_if<std::vector<std::string>*>(&target_);
  if (!target) throw UserError(join_text(origin, ": ", key_, ": expected ", type(), ", got a list"));
  **target = values;
  origin_ = origin;
  check(origin);
}

void Option::check(const std::string& origin) const {
  const auto number = [&]() -> std::optional<double> {
    if (auto* const* i = std::get_if<int*>(&target_)) return **i;
    if (auto* const* l = std::get_if<std::int64_t*>(&target_)) return static_cast<double>(**l);
    if (auto* const* d = std::get_if<double*>(&target_)) return **d;
    return std::nullopt;
  }();
  if (number && min_ && (*number < *min_ || *number > *max_))
    throw UserError(
        join_text(origin, ": ", key_, ": expected ", range_text(), unit_.empty() ? "" : " " + unit_, ", got ", number_text(*number)));
  std::vector<std::string> values;
  if (auto* const* s = std::get_if<std::string*>(&target_)) values = {**s};
  if (auto* const* l = std::get_if<std::vector<std::string>*>(&target_)) values = **l;
  if (dates_) {
    try {
      for (const auto& value : values)
        if (!value.empty() || is_list()) Date::parse(value);
    } catch (const UserError& error) {
      throw UserError(join_text(origin, ": ", key_, ": ", std::string(error.what())));
    }
  }
  if (choices_.empty()) return;
  for (const auto& value : values)
    if (std::ranges::find(choices_, value) == choices_.end()) {
      const std::string near = nearest_name(value, choices_);
      throw UserError(join_text(origin, ": ", key_, ": expected one of ", range_text(), ", got \"", value, "\"",
                                near.empty() ? "" : "; did you mean \"" + near + "\"?"));
    }
}

void Options::section(std::string name) { section_ = std::move(name); }

Option& Options::add(const std::string& name, OptionTarget target, std::string help) {
  const std::string key = section_.empty() ? name : section_ + "." + name;
  MILLESIME_CHECK(!find(key), key, " is declared twice");
  return options_.emplace_back(key, target, std::move(help));
}

Option* Options::find(const std::string& key) {
  const auto it = std::ranges::find(options_, key, &Option::key);
  return it == options_.end() ? nullptr : &*it;
}

Option& Options::at(const std::string& key, const std::string& origin) {
  if (Option* option = find(key)) return *option;
  std::vector<std::string> keys;
  for (const auto& option : options_) keys.push_back(option.key());
  const std::string near = nearest_name(key, keys);
  throw UserError(join_text(origin, ": unknown key \"", key, "\"",
                            near.empty() ? "; `millesime config reference` lists the known ones" : "; did you mean \"" + near + "\"?"));
}

void Options::set(const std::string& assignment) {
  const auto equal = assignment.find('=');
  if (equal == std::string::npos) throw UserError(join_text("--set ", assignment, ": expected key=value"));
  Option& option = at(std::string(trim(assignment.substr(0, equal))), "--set");
  std::string_view value = std::string_view(assignment).substr(equal + 1);
  if (option.type() != "text" || !option.allowed().empty())
    value = trim(value);
  else if (equal > 0 && assignment[equal - 1] == ' ')  // "key = value"
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  option.set(std::string(value), "command line");
}

namespace {

// Sets the options of a TOML file, each by its key.
class TomlFile {
 public:
  TomlFile(Options& options, const std::string& file)
      : options_(options), file_(file), folder_(std::filesystem::path(file).parent_path()) {}

  std::string origin(const toml::node& node) const { return join_text(file_, ":", node.source().begin.line); }

  void read(const toml::table& table, const std::string& prefix, const std::vector<std::string>& ignored) {
    for (const auto& [name, node] : table) {
      const std::string key = prefix.empty() ? std::string(name.str()) : prefix + "." + std::string(name.str());
      if (std::ranges::find(ignored, key) != ignored.end()) continue;
      if (const auto* inner = node.as_table(); inner && !options_.find(key)) {
        read(*inner, key, ignored);
        continue;
      }
      Option& option = options_.at(key, origin(node));
      if (const auto* list = node.as_array()) {
        std::vector<std::string> values;
        for (const auto& element : *list) values.push_back(resolved(option, scalar(element, origin(node), key)));
        option.set_list(values, origin(node));
      } else {
        option.set(resolved(option, scalar(node, origin(node), key)), origin(node));
      }
    }
  }

 private:
  static std::string scalar(const toml::node& node, const std::string& origin, const std::string& key) {
    if (auto text = scalar_text(node)) return *text;
    throw UserError(join_text(origin, ": ", key, ": expected a text, a number, true, false or a list of them"));
  }
  std::string resolved(const Option& option, const std::string& text) const {
    if (!option.is_path() || text.empty()) return text;
    return source_in(folder_, text);  // an absolute path is not changed
  }

  Options& options_;
  const std::string& file_;
  std::filesystem::path folder_;
};

}  // namespace

void Options::read_toml(const std::string& file, const std::vector<std::string>& ignored_tables) {
  TomlFile(*this, file).read(parse_toml(file), "", ignored_tables);
}

void Options::read_tables(const std::string& file, const std::string& name, const std::vector<std::string>& prefixes) {
  const toml::table root = parse_toml(file);
  const auto* tables = root[name].as_array();
  if (!tables) return;
  TomlFile toml(*this, file);
  for (std::size_t i = 0; i < tables->size() && i < prefixes.size(); ++i)
    if (const auto* table = (*tables)[i].as_table()) toml.read(*table, prefixes[i], {});
}

void Options::require_all() const {
  std::vector<std::string> missing;
  for (const auto& option : options_)
    if (option.is_required() && option.origin() == "default") missing.push_back(option.key() + " (" + option.help() + ")");
  if (!missing.empty()) throw UserError("missing in the configuration: " + join_list(missing, ", "));
}

std::string Options::to_toml(const std::vector<std::string>& left_out) const {
  // Keys without a table first, then table by table, as TOML requires.
  std::ostringstream text;
  std::string current;
  for (const bool top : {true, false})
    for (const auto& option : options_) {
      const auto dot = option.key().rfind('.');
      if ((dot == std::string::npos) != top) continue;
      if (!top && std::ranges::find(left_out, option.key().substr(0, dot)) != left_out.end()) continue;
      if (!top && option.key().substr(0, dot) != current) {
        current = option.key().substr(0, dot);
        text << "\n[" << current << "]\n";
      }
      text << (top ? option.key() : option.key().substr(dot + 1)) << " = " << option.value_text() << "\n";
    }
  return text.str();
}

}  // namespace millesime
