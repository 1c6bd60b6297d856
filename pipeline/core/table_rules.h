#pragma once
// What the caller of read_samples_csv() says about a table, beyond what stands in it.

#include <string>
#include <vector>

#include "pipeline/core/options.h"

namespace millesime {

struct TableRules {
  std::vector<std::string> statics;  // static columns to read although they number rows or polygons, or name places; {"all"}: whatever
  std::vector<std::string> ignored;  // columns to leave out
  std::vector<std::string> missing;  // numbers that stand for missing values; {"none"}: every number is one

  void declare(Options& options);               // static, ignore, missing
  bool takes(const std::string& column) const;  // named in statics
  TableRules for_reading() const;               // for data that a model judges: its list of static inputs says which columns count
};

}  // namespace millesime
