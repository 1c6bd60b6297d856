#pragma once
// What a table of samples that was exported cannot say itself: TABLE.json beside TABLE. With it a table is read back as the samples that it
// was made of; without it, or where it does not belong to the table any more, the table is read as any other.

#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/samples.h"

namespace millesime {

struct TableFacts {
  struct Source {
    std::string name;
    std::vector<std::string> bands;
    std::vector<float> unit = {};  // as in SampleSeries
  };
  struct Part {
    std::string tile, reference;           // as in Samples
    std::vector<std::vector<Date>> dates;  // of each source
  };
  int year = 0;
  std::vector<std::string> statics;
  std::vector<Source> sources;
  std::vector<Part> parts;
  bool unchanged = false;  // the table is as it was written: each of its numbers is one

  const Source* source_of(const std::string& source, const std::string& band) const;  // `source` may be "", where one has that band
};

// For a table that has been written. Atomic.
void write_table_facts(const std::vector<Samples>& parts, const std::string& table);

// Nothing without such a file, or if the table has series that it does not know: `columns` are those of the table. UserError if it is
// damaged.
std::optional<TableFacts> read_table_facts(const std::string& table, const std::vector<std::string>& columns);

}  // namespace millesime
