#pragma once
// SelectionRule: the number of training samples of each class (iota2's strategies). The same rule is used for drawing samples from images
// (section [sample], within each tile and region) and for training a model on them (section [train], over all files).

#include <string>
#include <vector>

#include "pipeline/core/options.h"

namespace millesime {

struct SelectionRule {
  std::string strategy = "all";
  int number = 0;                     // constant: a class; total: of all classes together
  double percent = 100;               // of each class
  std::vector<std::string> by_class;  // "34=500": number for class 34, overrides the strategy; 0 leaves the class out

  void declare(Options& options);                // select, select_number, ... in the section that is open
  void check(const std::string& section) const;  // UserError if options contradict each other
  bool takes_all() const { return strategy == "all" && by_class.empty(); }
  std::string to_text() const;  // "all", "constant 200", ...
};

}  // namespace millesime
