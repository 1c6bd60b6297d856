#pragma once
// Progress that nobody sees: for --quiet, for work inside of work whose progress is shown, and for tests.

#include "pipeline/core/progress.h"

namespace millesime {

class SilentProgress : public Progress {
 public:
  void start(const std::string&, std::int64_t, const std::string&) override {}
  void advance(std::int64_t) override {}
  void note(const std::string&) override {}
  void finish() override {}
};

}  // namespace millesime
