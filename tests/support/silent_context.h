#pragma once
// A Context on the CPU whose progress nobody watches.

#include "pipeline/stages/stage.h"

namespace millesime::testing {

class SilentContext {
 public:
  SilentContext() { context.progress = &progress_; }
  SilentContext(const SilentContext&) = delete;
  SilentContext& operator=(const SilentContext&) = delete;
  Context context;

 private:
  struct Silence final : Progress {
    void start(const std::string&, std::int64_t, const std::string&) override {}
    void advance(std::int64_t) override {}
    void note(const std::string&) override {}
    void finish() override {}
  } progress_;
};

}  // namespace millesime::testing
