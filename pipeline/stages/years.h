#pragma once
// Years beside each other: the maps of several years on one grid, the areas of their classes with intervals, and what changed from group to
// group. A command on plain files, window by window; memory does not depend on the size of the maps. Maps may have different nomenclatures
// (common_classes.h).

#include <string>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/core/options.h"
#include "pipeline/reports/years_report.h"

namespace millesime {

struct YearsCommand {
  std::vector<std::string> maps;      // class maps of one grid; 0 is no class
  std::vector<std::string> years;     // {}: the year in each file's name
  std::vector<std::string> accuracy;  // accuracy.json of each map, "-" for none; {}: the one beside each map that is in a folder of its own
  std::string nomenclature = "oso23";      // the classes that are wanted
  std::vector<std::string> nomenclatures;  // of each map; {}: found by their codes
  std::string title;                       // default: Land cover, in the language of the page
  std::string language = "en";
  std::string output;  // .html

  Options declare();
};

// UserError: fewer than two maps, years twice or out of order, other grids, nomenclatures that do not convert, codes that none has, no
// pixel with a class in every year.
YearsData years_data(const YearsCommand& command, const Context& context);
void write_years(const YearsCommand& command, const YearsData& data);  // atomic
std::string to_text(const YearsData& data);                            // for a terminal

}  // namespace millesime
