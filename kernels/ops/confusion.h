#pragma once
// Confusion: how often each reference label met each predicted label. 0 is no data in both and is not counted.
//   counts[reference][predicted] += 1

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

inline constexpr int kLabels = 256;

struct ConfusionArgs {
  std::int64_t pixels = 0;
  const std::uint8_t* reference = nullptr;  // [pixel]
  const std::uint8_t* predicted = nullptr;  // [pixel]
  std::uint64_t* counts = nullptr;          // [kLabels][kLabels], added to
};

void confusion(const Stream& stream, const ConfusionArgs& args);

}  // namespace millesime
