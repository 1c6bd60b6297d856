#pragma once
// A Progress for stages and commands under test: nobody watches.

#include "pipeline/stages/stage.h"

namespace millesime::testing {

class SilentProgress : public Progress {
 public:
  void start(const std::string&, std::int64_t, const std::string&) override {}
  void advance(std::int64_t) override {}
  void note(const std::string&) override {}
  void finish() override {}
};

}  // namespace millesime::testing
