#include "pipeline/configure/written_config.h"

#include <algorithm>
#include <map>

#include "pipeline/core/text.h"
#include "pipeline/core/utf8.h"
#include "pipeline/io/census.h"

namespace millesime {

std::string comment(const std::string& text) {
  std::string line = "# ";
  for (const char c : utf8_of_bytes(text)) line += static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? ' ' : c;
  return line;
}

std::string to_commented_toml(const Options& options, const std::vector<SourceOptions>& sources) {
  const std::vector<std::string> of_sources = source_sections(sources);
  std::string text, current;
  const auto write = [&](const Option& option, const std::string& section) {
    if (option.origin() == "default") return;
    if (section != current)
      text += "\n" + (std::ranges::find(of_sources, section) != of_sources.end() ? "[[source]]" : "[" + section + "]") + "\n";
    current = section;
    const std::string line = option.key().substr(section.empty() ? 0 : section.size() + 1) + " = " + option.value_text();
    text += line + std::string(line.size() < 44 ? 44 - line.size() : 1, ' ') + comment(option.origin()) + "\n";
  };
  const auto section_of = [](const Option& option) {
    const auto dot = option.key().rfind('.');
    return dot == std::string::npos ? std::string() : option.key().substr(0, dot);
  };
  for (const Option& option : options.all())
    if (section_of(option).empty()) write(option, "");
  for (const Option& option : options.all())
    if (!section_of(option).empty()) write(option, section_of(option));
  return text;
}

std::vector<std::pair<int, int>> years_of_source(const SourceOptions& source, const std::vector<std::string>& tiles) {
  std::map<int, int> years;
  const auto sensor = make_sensor(source.sensor);
  const Date before = Date::from_ymd(1900, 1, 1);  // every product lies outside this period, so none is opened
  for (const std::string& tile : tiles)
    for (const OutsidePeriod& product : sensor->take_census(census_request(source, tile, before, before)).outside_period)
      ++years[product.date.year()];
  return {years.begin(), years.end()};
}

}  // namespace millesime
