#pragma once
// Progress that only keeps its notes, for tests.

#include <string>
#include <vector>

#include "pipeline/core/progress.h"

namespace millesime::testing {

class SilentProgress : public Progress {
 public:
  void start(const std::string&, std::int64_t, const std::string&) override {}
  void advance(std::int64_t) override {}
  void note(const std::string& text) override { notes.push_back(text); }
  void finish() override {}
  std::vector<std::string> notes;
};

}  // namespace millesime::testing
