#pragma once
// The columns of a table of samples (samples.h documents them): what each is, and the series, statics and seeds that follow.

#include <cstddef>
#include <string>
#include <vector>

#include "pipeline/core/csv.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/table_rules.h"

namespace millesime {

struct TableColumn {
  enum class Role { label, group, x, y, region, split, observation, fixed, ignored };
  Role role = Role::fixed;
  std::size_t source = 0, band = 0, date = 0;  // of an observation
  std::size_t index = 0;                       // of a split or a static input
};

// Also sets up `samples` without rows. UserError with file and column.
std::vector<TableColumn> plan_columns(const CsvReader& table, const TableRules& rules, Samples& samples);

}  // namespace millesime
