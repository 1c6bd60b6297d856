// Apart from series_world.cpp, which scripts/gpu-check builds without the test framework.

#include "kernels/ops/gap_fill.h"
#include "tests/support/guarded.h"
#include "tests/support/series_world.h"

namespace millesime::testing {

std::vector<std::int16_t> filled(const std::vector<std::int32_t>& days, const std::vector<std::int32_t>& targets, int n_bands,
                                 std::int64_t pixels, const std::vector<std::int16_t>& samples, const std::vector<std::uint8_t>& valid) {
  Guarded<std::int16_t> out(static_cast<std::int64_t>(targets.size()) * n_bands * pixels);
  GapFillArgs args;
  args.pixels = pixels;
  args.n_dates = static_cast<int>(days.size());
  args.n_bands = n_bands;
  args.n_targets = static_cast<int>(targets.size());
  args.days = days.data();
  args.target_days = targets.data();
  args.samples = samples.data();
  args.valid = valid.data();
  args.filled = out.data();
  gap_fill(Device{}, args);
  out.expect_untouched_bands("gap_fill");
  return out.values();
}

}  // namespace millesime::testing
