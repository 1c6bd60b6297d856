#pragma once
// The rows of a table by what they are samples of: a part for each tile, with the acquisitions of that tile.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/core/samples.h"
#include "pipeline/core/table_facts.h"

namespace millesime {

class TableParts {
 public:
  void begin_row() { tile_ = part_ = {}; }
  void tile(std::string_view cell) { tile_ = cell; }
  void part(std::string_view cell) { part_ = cell; }  // of several with one tile
  void end_row();

  // Parts in order of appearance, their samples in the order of the rows. Their dates: those of the tile according to `facts`, or those on
  // which one of its samples has a value; of a table of one part all.
  std::vector<Samples> split(Samples&& samples, const TableFacts* facts) const;

 private:
  std::string tile_, part_;
  std::vector<std::size_t> of_row_;
  std::map<std::pair<std::string, std::string>, std::size_t> numbers_;
  std::vector<std::string> tiles_;
};

}  // namespace millesime
