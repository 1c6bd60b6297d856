#pragma once
// A Context on the CPU without a shown progress.

#include "pipeline/core/context.h"
#include "tests/support/silent_progress.h"

namespace millesime::testing {

class SilentContext {
 public:
  SilentContext() { context.progress = &progress_; }
  SilentContext(const SilentContext&) = delete;
  SilentContext& operator=(const SilentContext&) = delete;
  Context context;

 private:
  SilentProgress progress_;
};

}  // namespace millesime::testing
