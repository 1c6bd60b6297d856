#pragma once
// Progress that only keeps its notes, for tests.

#include <string>
#include <vector>

#include "pipeline/core/silent_progress.h"

namespace millesime::testing {

class SilentProgress : public millesime::SilentProgress {
 public:
  void note(const std::string& text) override { notes.push_back(text); }
  std::vector<std::string> notes;
};

}  // namespace millesime::testing
