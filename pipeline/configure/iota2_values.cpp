#include "pipeline/configure/iota2_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>

#include "pipeline/configure/iota2_keys.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {

namespace fs = std::filesystem;

bool is_none(const Iota2Entry& entry) {
  return entry.kind == Iota2Entry::Kind::text && (entry.text.empty() || lower(entry.text) == "none");
}

std::string text_of(const Iota2Entry& entry) {
  if (entry.kind != Iota2Entry::Kind::text) throw UserError(join_text(entry.where, ": ", entry.key, ": expected a text"));
  return entry.text;
}

bool flag_of(const Iota2Entry& entry) {
  const std::string word = lower(text_of(entry));
  if (word == "true" || word == "1" || word == "yes") return true;
  if (word == "false" || word == "0" || word == "no" || word == "none") return false;
  throw UserError(join_text(entry.where, ": ", entry.key, ": expected True or False, got \"", shown_text(entry.text), "\""));
}

double number_of(const Iota2Entry& entry) {
  const std::string text = text_of(entry);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    throw UserError(join_text(entry.where, ": ", entry.key, ": expected a number, got \"", shown_text(text), "\""));
  return value;
}

// A list, or a text of words.
std::vector<std::string> words_of(const Iota2Entry& entry) {
  std::vector<std::string> words;
  if (entry.kind == Iota2Entry::Kind::list)
    for (const Iota2Entry& element : entry.entries) words.push_back(text_of(element));
  else
    for (const std::string& word : split_text(text_of(entry), ' '))
      if (!word.empty()) words.push_back(word);
  return words;
}

std::string number_text(double value) {
  std::string text = fixed(value, 6);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string Iota2Places::absolute(const std::string& path) const { return fs::absolute(folder / path).lexically_normal().string(); }

std::string Iota2Places::path_of(const Iota2Entry& entry) {
  std::string path = absolute(text_of(entry));
  if (!fs::exists(path)) notes.push_back(join_text(entry.key, ", line ", entry.line, ": ", path, " is not there now"));
  return path;
}

namespace {

// "class number" of each line of iota2's table of classes; separators are blanks, commas, semicolons.
std::vector<std::string> numbers_by_class(const std::string& file) {
  std::vector<std::string> list;
  if (!fs::is_regular_file(file)) return list;
  for (std::string line : split_text(read_text(file), '\n')) {
    std::ranges::replace_if(
        line, [](char c) { return c == ',' || c == ';' || c == '\t' || c == ':'; }, ' ');
    std::vector<std::string> cells;
    for (const std::string& cell : split_text(trim(line), ' '))
      if (!cell.empty()) cells.emplace_back(trim(cell));
    if (cells.empty() || cells.front().starts_with('#')) continue;
    if (cells.size() < 2) throw UserError(join_text(file, ": expected \"class,number\", got \"", shown_text(line), "\""));
    list.push_back(cells[0] + "=" + cells[1]);
  }
  return list;
}

// A mapping of the values of one key.
class Rule {
 public:
  Rule(const Iota2Entry& mapping, const std::vector<std::string>& known) : mapping_(mapping) {
    if (!mapping.is_mapping()) throw UserError(join_text(mapping.where, ": ", mapping.key, ": expected a mapping { ... }"));
    for (const Iota2Entry& entry : mapping.entries)
      if (std::ranges::none_of(known, [&](const std::string& name) { return iota2_name(name) == iota2_name(entry.key); })) {
        const std::string near = nearest_name(entry.key, known);
        throw UserError(join_text(entry.where, ": ", mapping.key, ": iota2 has no key \"", shown_text(entry.key), "\"; ",
                                  near.empty() ? "expected one of " + join_list(known, ", ") : "did you mean \"" + near + "\"?"));
      }
  }

  const Iota2Entry* find(const char* name) const {
    for (const Iota2Entry& entry : mapping_.entries)
      if (iota2_name(entry.key) == iota2_name(name)) return &entry;
    return nullptr;
  }
  const Iota2Entry& at(const char* name) const {
    if (const Iota2Entry* entry = find(name)) return *entry;
    throw UserError(join_text(mapping_.where, ": ", mapping_.key, ": has no \"", name, "\""));
  }
  std::string word(const char* name, const char* otherwise) const { return find(name) ? lower(text_of(at(name))) : otherwise; }
  std::string number(const char* name) const { return number_text(number_of(at(name))); }

 private:
  const Iota2Entry& mapping_;
};

}  // namespace

std::vector<Iota2Setting> sample_selection(const Iota2Entry& told, Iota2Places& places) {
  const Rule rule(told, {"sampler", "strategy", "strategy.percent.p", "strategy.constant.nb", "strategy.total.v", "strategy.byclass.in",
                         "strategy.smallest", "sampler.periodic.jitter", "per_models", "target_model", "elev.default", "rand", "ram"});
  if (const Iota2Entry* models = rule.find("per_models"); models && !models->entries.empty())
    places.notes.push_back(join_text("sample_selection, line ", models->line, ": per_models is not there; one rule holds for all regions"));
  const std::string name = rule.word("strategy", "all");
  if (name == "all" || name == "smallest") return {{"train.select", {name}}};
  if (name == "constant") return {{"train.select", {name}}, {"train.select_number", {rule.number("strategy.constant.nb")}}};
  if (name == "total") return {{"train.select", {name}}, {"train.select_number", {rule.number("strategy.total.v")}}};
  if (name == "percent")  // of each class in each tile and region, which is the same share of all
    return {{"sample.select", {name}}, {"sample.select_percent", {number_text(100 * number_of(rule.at("strategy.percent.p")))}}};
  if (name != "byclass")
    throw UserError(join_text(rule.at("strategy").where, ": strategy: expected all, percent, constant, total, smallest or byclass, got \"",
                              shown_text(name), "\""));
  const auto list = numbers_by_class(places.path_of(rule.at("strategy.byclass.in")));
  if (list.empty()) return {};
  return {{"train.select_by_class", list, true}};
}

std::vector<Iota2Setting> sample_augmentation(const Iota2Entry& told, Iota2Places& places) {
  const Rule rule(told, {"activate", "target_models", "strategy", "strategy.jitter.stdfactor", "strategy.smote.neighbors",
                         "samples.strategy", "samples.strategy.minNumber", "samples.strategy.byClass"});
  if (!rule.find("activate") || !flag_of(rule.at("activate"))) return {};
  std::vector<Iota2Setting> settings = {{"train.oversample", {rule.word("strategy", "jitter")}}};
  if (rule.find("strategy.jitter.stdfactor"))  // the noise is the deviation of the class divided by it
    settings.push_back({"train.oversample_jitter", {number_text(1 / number_of(rule.at("strategy.jitter.stdfactor")))}});
  if (rule.find("strategy.smote.neighbors")) settings.push_back({"train.oversample_neighbours", {rule.number("strategy.smote.neighbors")}});
  const std::string target = rule.word("samples.strategy", "balance");
  if (target == "minnumber")
    settings.push_back({"train.oversample_to", {rule.number("samples.strategy.minNumber")}});
  else if (target == "byclass") {
    if (const auto list = numbers_by_class(places.path_of(rule.at("samples.strategy.byClass"))); !list.empty())
      settings.push_back({"train.oversample_by_class", list, true});
  } else if (target != "balance") {
    throw UserError(join_text(rule.at("samples.strategy").where, ": samples.strategy: expected minNumber, balance or byClass, got \"",
                              shown_text(target), "\""));
  }
  if (const Iota2Entry* models = rule.find("target_models"))
    if (const auto names = words_of(*models); names != std::vector<std::string>{"all"})
      places.notes.push_back(
          join_text("sample_augmentation, line ", models->line, ": target_models is not there; one rule holds for all regions"));
  return settings;
}

std::vector<Iota2Setting> forest_options(const Iota2Entry& told, Iota2Places& places) {
  std::vector<std::pair<std::string, std::string>> given;
  if (told.is_mapping()) {
    for (const Iota2Entry& entry : told.entries) given.emplace_back(lower(entry.key), text_of(entry));
  } else {
    const std::vector<std::string> words = words_of(told);
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (!words[i].starts_with("-classifier."))
        throw UserError(join_text(told.where, ": ", told.key, ": expected \"-classifier.NAME VALUE\", got \"", shown_text(words[i]), "\""));
      const bool has_value = i + 1 < words.size() && !words[i + 1].starts_with("-classifier.");
      given.emplace_back(lower(words[i].substr(1)), has_value ? words[i + 1] : "");
      i += has_value ? 1 : 0;
    }
  }
  static const std::map<std::string, std::string> known = {{"classifier.rf.max", "train.depth"},
                                                           {"classifier.rf.min", "train.min_leaf"},
                                                           {"classifier.rf.nbtrees", "train.trees"},
                                                           {"classifier.sharkrf.nbtrees", "train.trees"},
                                                           {"classifier.sharkrf.nodesize", "train.min_leaf"}};
  std::vector<Iota2Setting> settings;
  for (const auto& [name, value] : given)
    if (const auto option = known.find(name); option != known.end())
      settings.push_back({option->second, {value}});
    else
      places.notes.push_back(join_text(told.key, ", line ", told.line, ": ", shown_text(name), " is not there"));
  return settings;
}

}  // namespace millesime
