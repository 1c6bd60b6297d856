#pragma once
// Fusion of several label maps of one grid into one. 0 is no data and does not vote.
//
// majority: the label with most votes; on a tie the tied label with the highest single confidence; still a tie: undecided.
// Dempster-Shafer (Dempster 1967, Shafer 1976; as in OTB's FusionOfClassifications): map m that says c puts the belief
//   mass[m][c] on {c} and the rest on "any class". Singletons only, so Dempster's rule has the closed form
//   belief(c) ~ (1 - prod_{m says c} (1 - mass[m][c])) * prod_{m says other} (1 - mass[m][label_m]), normalised by the
//   non-conflicting mass; the label of highest belief wins, an exact tie is undecided.
//
// Undecided is 255, or the lowest tied label with `resolve`. Confidence, 0..100: majority, the highest among the maps that voted for
// the winner; Dempster-Shafer, trunc(100 * belief).

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

inline constexpr std::uint8_t kUndecided = 255;
inline constexpr int kMaxMaps = 32;

enum class Fusion : std::uint8_t { majority, dempster_shafer };

struct FuseMapsArgs {
  std::int64_t pixels = 0;
  int n_maps = 0;  // at most kMaxMaps
  Fusion method = Fusion::majority;
  bool resolve = false;
  const std::uint8_t* labels = nullptr;       // [map][pixel]
  const std::uint8_t* confidences = nullptr;  // [map][pixel], 0..100; null: all alike
  const float* mass = nullptr;                // [map][label 0..255], in [0, 1]; Dempster-Shafer only
  std::uint8_t* label = nullptr;              // [pixel]
  std::uint8_t* confidence = nullptr;         // [pixel], may be null
};

void fuse_maps(const Stream& stream, const FuseMapsArgs& args);

}  // namespace millesime
