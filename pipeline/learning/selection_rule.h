#pragma once
// SelectionRule: how many samples of each class learn (iota2's strategies). The same rule serves where samples are drawn from images
// (section [sample], within each tile and region) and where a model learns from them (section [train], over all files).

#include <string>
#include <vector>

#include "pipeline/core/options.h"

namespace millesime {

struct SelectionRule {
  std::string strategy = "all";
  int number = 0;                     // constant: a class; total: of all classes together
  double percent = 100;               // of each class
  std::vector<std::string> by_class;  // "34=500": so many of class 34, whatever the strategy says; 0 leaves the class out

  void declare(Options& options);                // select, select_number, ... in the section that is open
  void check(const std::string& section) const;  // UserError where options contradict each other
  bool takes_all() const { return strategy == "all" && by_class.empty(); }
  std::string to_text() const;  // "all", "constant 200", ...
};

}  // namespace millesime
