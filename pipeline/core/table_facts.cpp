// {"made_by": "millesime samples export", "table": "<checksum of the table>", "year": 2021, "static": ["elevation"],
//  "series": [{"source": "sentinel2", "bands": ["B2", ...], "unit": [0.0001, ...]}],                  unit: as in SampleSeries
//  "parts": [{"tile": "T31TCJ", "reference": "...", "dates": [["2021-01-03", ...]]}]}     dates: of each series

#include "pipeline/core/table_facts.h"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_number.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/samples_columns.h"

namespace millesime {
namespace {

constexpr const char* kMaker = "millesime samples export";

std::string file_of(const std::string& table) { return table + ".json"; }

TableFacts facts_in(const nlohmann::json& text) {
  TableFacts facts;
  facts.year = whole_number<int>(text.at("year"));
  facts.statics = text.at("static").get<std::vector<std::string>>();
  for (const auto& entry : text.at("series"))
    facts.sources.push_back({entry.at("source").get<std::string>(), entry.at("bands").get<std::vector<std::string>>(),
                             entry.value("unit", std::vector<float>())});
  for (const auto& entry : text.at("parts")) {
    TableFacts::Part part{entry.at("tile").get<std::string>(), entry.at("reference").get<std::string>(), {}};
    for (const auto& list : entry.at("dates")) {
      part.dates.emplace_back();
      for (const auto& date : list) part.dates.back().push_back(Date::parse(date.get<std::string>()));
    }
    if (part.dates.size() != facts.sources.size()) throw UserError("a part lacks the dates of a series");
    facts.parts.push_back(std::move(part));
  }
  return facts;
}

// Whether it knows every series of the table, and every date of it.
bool knows(const TableFacts& facts, const std::vector<std::string>& columns, const std::string& table) {
  return std::ranges::all_of(columns, [&](const std::string& column) {
    const auto observation = as_observation(column, table);
    if (!observation) return true;
    const TableFacts::Source* source = facts.source_of(observation->source, observation->band);
    if (!source) return false;
    const auto s = static_cast<std::size_t>(source - facts.sources.data());
    return std::ranges::any_of(facts.parts, [&](const TableFacts::Part& part) {
      return std::ranges::find(part.dates[s], observation->date) != part.dates[s].end();
    });
  });
}

}  // namespace

const TableFacts::Source* TableFacts::source_of(const std::string& name, const std::string& band) const {
  for (const Source& source : sources)
    if ((name.empty() || name == source.name) && std::ranges::find(source.bands, band) != source.bands.end()) return &source;
  return nullptr;
}

void write_table_facts(const std::vector<Samples>& parts, const std::string& table) {
  const Samples& first = parts.front();
  nlohmann::ordered_json text{{"made_by", kMaker}, {"table", xxh3_of_file(table)}, {"year", first.year}, {"static", first.static_names}};
  text["series"] = nlohmann::ordered_json::array();
  for (const SampleSeries& series : first.series) {
    text["series"].push_back({{"source", series.source}, {"bands", series.bands}});
    if (!series.unit.empty()) text["series"].back()["unit"] = series.unit;
  }
  text["parts"] = nlohmann::ordered_json::array();
  for (const Samples& part : parts) {
    nlohmann::ordered_json entry{{"tile", part.tile}, {"reference", part.reference}};
    entry["dates"] = nlohmann::ordered_json::array();
    for (const SampleSeries& series : part.series) {
      auto list = nlohmann::ordered_json::array();
      for (const Date date : series.dates) list.push_back(date.iso());
      entry["dates"].push_back(std::move(list));
    }
    text["parts"].push_back(std::move(entry));
  }
  write_text(file_of(table), json_text(text, 1) + "\n");
}

std::optional<TableFacts> read_table_facts(const std::string& table, const std::vector<std::string>& columns) {
  const std::string file = file_of(table);
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return std::nullopt;
  try {
    const auto text = nlohmann::json::parse(read_text(file));
    if (!text.is_object() || text.value("made_by", "") != kMaker) return std::nullopt;  // of another program
    TableFacts facts = facts_in(text);
    if (!knows(facts, columns, table)) return std::nullopt;
    facts.unchanged = text.at("table").get<std::string>() == xxh3_of_file(table);
    return facts;
  } catch (const nlohmann::json::exception& damage) {
    throw UserError(join_text(file, ": damaged (", damage.what(), "); export ", table, " again, or remove ", file));
  } catch (const UserError& damage) {
    throw UserError(join_text(file, ": damaged (", damage.what(), "); export ", table, " again, or remove ", file));
  }
}

}  // namespace millesime
