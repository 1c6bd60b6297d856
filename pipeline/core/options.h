#pragma once
// Options declared once. A struct names each of its fields in declare():
//
//   struct TimeOptions {
//     int step_days = 10;
//     void declare(Options& options) {
//       options.section("time");
//       options.add("step_days", step_days, "distance of the target dates").unit("days").range(1, 366);
//     }
//   };
//
// The declaration gives the TOML key time.step_days, --set time.step_days=..., the command-line flag --step-days, the
// checks, the help text, the reference page and effective.toml. The struct must outlive the Options that point into it.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace millesime {

using OptionTarget = std::variant<bool*, std::int64_t*, int*, double*, std::string*, std::vector<std::string>*>;

class Option {
 public:
  Option(std::string key, OptionTarget target, std::string help);

  // Limits of the value. Each returns *this so that calls can be chained.
  Option& unit(std::string text);
  Option& range(double min, double max);  // closed
  Option& choices(std::vector<std::string> names);
  Option& path();   // relative paths are relative to the configuration file
  Option& dates();  // a text or a list of them: days, YYYY-MM-DD or YYYYMMDD
  Option& required();
  Option& names(std::string kind);      // of the value: "nomenclature", "architecture"...; for help and completion, not checked here
  Option& read_by(std::string reader);  // only this kind of model reads it (models/base/option_readers.h); the help says so
  Option& repeated();                   // of a list: one value a flag, `--set a=1 --set b=2`, and commas belong to the value

  const std::string& key() const { return key_; }  // "time.step_days"
  std::string flag() const;                        // "--step-days": the last part of the key, dashes for underscores
  const std::string& help() const { return help_; }
  const std::string& unit() const { return unit_; }
  const std::vector<std::string>& allowed() const { return choices_; }
  std::optional<double> min() const { return min_; }
  std::optional<double> max() const { return max_; }     // may be infinite
  const std::string& kind() const { return kind_; }      // of names(), or ""
  const std::string& reader() const { return reader_; }  // of read_by(), or ""
  const std::string& default_text() const { return default_; }
  const std::string& origin() const { return origin_; }  // "default", a file with its line, or "command line"
  bool is_path() const { return path_; }
  bool is_required() const { return required_; }
  bool is_repeated() const { return repeated_; }
  bool is_bool() const { return std::holds_alternative<bool*>(target_); }
  bool is_list() const { return std::holds_alternative<std::vector<std::string>*>(target_); }
  std::string type() const;        // "integer", "number", "text", "date", "list", "yes/no"
  std::string range_text() const;  // "1 to 366", "a, b or c", or ""
  std::string value_text() const;  // as a TOML literal

  // Sets the value from text on a command line (a list: comma-separated). UserError with key, origin, expected and got.
  void set(const std::string& text, const std::string& origin);
  void set_list(const std::vector<std::string>& values, const std::string& origin);
  void take(const Option& other);  // the value and the origin of one of the same type

 private:
  void check(const std::string& origin) const;

  std::string key_;
  OptionTarget target_;
  std::string help_, unit_, kind_, reader_, default_, origin_ = "default";
  std::optional<double> min_, max_;
  std::vector<std::string> choices_;
  bool path_ = false, dates_ = false, required_ = false, repeated_ = false;
};

class Options {
 public:
  void section(std::string name);  // prefix of the keys that follow; "" for none
  Option& add(const std::string& name, OptionTarget target, std::string help);

  const std::vector<Option>& all() const { return options_; }
  std::vector<Option>& all() { return options_; }
  Option* find(const std::string& key);
  Option& at(const std::string& key, const std::string& origin);  // UserError that suggests the nearest known key

  void set(const std::string& assignment);  // "time.step_days=5" from --set
  // Reads a TOML file: every key must be declared; relative paths are resolved against the file's folder.
  // Tables with a name in `ignored_tables` (arrays of tables with their own declarations) are not read.
  void read_toml(const std::string& file, const std::vector<std::string>& ignored_tables = {});
  // The tables [[name]] of a TOML file: the keys of the first under prefixes[0] + ".", and so on.
  void read_tables(const std::string& file, const std::string& name, const std::vector<std::string>& prefixes);
  void require_all() const;  // UserError listing required keys without a value
  // effective.toml: every key with its value, but those of `left_out` sections.
  std::string to_toml(const std::vector<std::string>& left_out = {}) const;

 private:
  std::string section_;
  std::vector<Option> options_;
};

}  // namespace millesime
