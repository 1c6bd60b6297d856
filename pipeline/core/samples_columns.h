#pragma once
// The columns of a table of samples; pipeline/core/samples.h documents their names.

#include <cstddef>
#include <vector>

#include "pipeline/core/csv.h"
#include "pipeline/core/samples.h"

namespace millesime {

enum class ColumnRole { label, group, x, y, region, split, observation, fixed };

struct SampleColumn {
  ColumnRole role = ColumnRole::fixed;
  std::size_t source = 0, band = 0, date = 0;  // of an observation
  std::size_t index = 0;                       // of a split or a static input
};

// The role of each column. Stores the series (with dates, bands and scales of 1), the names of the statics and the number of seeds in
// `samples`. UserError for columns that are missing, double or inconsistent.
std::vector<SampleColumn> plan_columns(const CsvReader& table, Samples& samples);

}  // namespace millesime
