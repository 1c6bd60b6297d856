#pragma once
// The columns of a table of samples (samples.h documents them): what each is, and the series, statics and seeds that follow.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/csv.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/table_facts.h"
#include "pipeline/core/table_rules.h"

namespace millesime {

struct Observation {  // a column such as B4_20210601, B4_2021-06-01 or B4_2021152, or asc:VV_20210601 with its source
  std::string source, band;
  Date date;
};

// Nothing for other columns. UserError, which begins with `where`, for a day that there is not.
std::optional<Observation> as_observation(const std::string& name, const std::string& where);

struct TableColumn {
  enum class Role { label, group, tile, tile_part, x, y, longitude, latitude, region, split, observation, fixed, ignored };
  Role role = Role::fixed;
  Role also = Role::fixed;                     // of a static input: longitude or latitude, if it says them, too
  std::size_t source = 0, band = 0, date = 0;  // of an observation
  std::size_t index = 0;                       // of a split or a static input
};

// Calls columns such as LABEL, X or Lon what this program calls them, unless the rules or `facts` name them otherwise, or several might be
// it.
void name_columns(CsvReader& table, const TableRules& rules, const TableFacts* facts);

// Also sets up `samples` without rows. `facts`: what is known of the table besides, or nullptr. UserError with file and column.
std::vector<TableColumn> plan_columns(const CsvReader& table, const TableRules& rules, const TableFacts* facts, Samples& samples);

}  // namespace millesime
