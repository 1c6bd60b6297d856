#include "pipeline/learning/search_space.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <sstream>

#include "pipeline/core/chance.h"
#include "pipeline/core/error.h"
#include "pipeline/core/internal/toml.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

constexpr const char* kParameters = "parameters";

std::string text_of(const toml::node& value, const std::string& where) {
  if (const auto text = value.value_exact<std::string>()) return *text;
  if (!value.is_integer() && !value.is_floating_point() && !value.is_boolean())
    throw UserError(where + ": expected numbers, texts or true and false in the list");
  std::ostringstream text;
  value.visit([&](const auto& node) {
    if constexpr (toml::is_value<decltype(node)>) text << std::boolalpha << *node;
  });
  return text.str();
}

void read_range(const toml::table& range, const std::string& file, SearchDimension& dimension) {
  check_keys(file, range, {"from", "to", "scale"});
  const auto from = range["from"].value<double>(), to = range["to"].value<double>();
  if (!from || !to || !(*from < *to))
    throw UserError(join_text(dimension.place, ": ", dimension.key, ": expected from and to, numbers, the first the smaller one"));
  const std::string scale = range["scale"].value_or(std::string("linear"));
  if (scale != "linear" && scale != "log")
    throw UserError(join_text(dimension.place, ": ", dimension.key, ": expected scale = \"linear\" or \"log\", got \"", scale, "\""));
  dimension.from = *from, dimension.to = *to;
  dimension.logarithmic = scale == "log";
  dimension.whole = range["from"].is_integer() && range["to"].is_integer();
  if (dimension.logarithmic && *from <= 0)
    throw UserError(join_text(dimension.place, ": ", dimension.key, ": a logarithmic scale begins above 0, got ", *from));
}

SearchDimension read_dimension(const std::string& file, const std::string& section, const std::string& name, const toml::node& node) {
  SearchDimension dimension;
  dimension.key = section == kParameters ? name : section + "." + name;
  dimension.place = place_of(file, node);
  if (const auto* range = node.as_table()) {
    read_range(*range, file, dimension);
  } else if (const auto* list = node.as_array()) {
    for (const toml::node& value : *list) dimension.choices.push_back(text_of(value, dimension.place));
    if (dimension.choices.empty()) throw UserError(join_text(dimension.place, ": ", dimension.key, ": the list is empty"));
  } else {
    throw UserError(join_text(dimension.place, ": ", dimension.key, ": expected a list of values, or {from = ..., to = ...}"));
  }
  return dimension;
}

std::string shortest(double number) {
  std::ostringstream text;
  text.precision(4);  // more digits of a learning rate tell nothing
  text << number;
  return text.str();
}

}  // namespace

std::string SearchDimension::draw(std::mt19937_64& generator) const {
  if (!choices.empty()) return choices[static_cast<std::size_t>(below(generator, choices.size()))];
  const double share = uniform(generator);
  const double end = whole ? to + 1 : to;  // whole numbers: each as likely as the others
  const double number = logarithmic ? from * std::pow(end / from, share) : from + (end - from) * share;
  return whole ? std::to_string(static_cast<std::int64_t>(std::min(std::floor(number), to))) : shortest(number);
}

std::vector<std::string> SearchDimension::extremes() const { return choices.empty() ? std::vector{shortest(from), shortest(to)} : choices; }

std::vector<std::string> SearchSpace::draw(std::mt19937_64& generator) const {
  std::vector<std::string> values;
  for (const SearchDimension& dimension : dimensions) values.push_back(dimension.key + "=" + dimension.draw(generator));
  return values;
}

SearchSpace read_search_space(const std::string& file) {
  const toml::table root = parse_toml(file);
  check_keys(file, root, {"train", "model", "time", kParameters});
  SearchSpace space;
  for (const auto& [section, node] : root) {
    const auto* table = node.as_table();
    if (!table) throw UserError(join_text(place_of(file, node), ": ", section.str(), ": expected a section, [", section.str(), "]"));
    for (const auto& [name, value] : *table)
      space.dimensions.push_back(read_dimension(file, std::string(section.str()), std::string(name.str()), value));
  }
  if (space.dimensions.empty()) throw UserError(file + ": nothing to search: name options of `millesime train` with their values");
  return space;
}

}  // namespace millesime
