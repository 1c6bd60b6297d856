#pragma once
// Fusion of several label maps of one grid into one. 0 is no data and does not vote.
//
// majority: the label with most votes; on a tie of votes the tied label with the highest single confidence among its votes; still a tie
//   (equal votes and equal highest confidence): undecided.
// Dempster-Shafer (Dempster 1967, Shafer 1976; as in OTB's FusionOfClassifications): map m that says c puts the belief
//   mass[m][c] on {c} and the rest on "any class". Singletons only, so Dempster's rule has the closed form
//   belief(c) ~ (1 - prod_{m says c} (1 - mass[m][c])) * prod_{m says other} (1 - mass[m][label_m]), normalised by the
//   non-conflicting mass; the label of highest belief wins, an exact tie is undecided.
//
// Undecided gets a label that no map has, or the lowest tied label with `resolve`. Confidence, 0..100: majority, the highest among the maps
// that voted for the winner; Dempster-Shafer, trunc(100 * belief).

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

inline constexpr int kMaxMaps = 32;

enum class Fusion : std::uint8_t { majority, dempster_shafer };

struct FuseMapsArgs {
  std::int64_t pixels = 0;
  int n_maps = 0;  // at most kMaxMaps
  Fusion method = Fusion::majority;
  bool resolve = false;
  std::uint16_t undecided = 0;                // its label
  const std::uint16_t* labels = nullptr;      // [map][pixel]
  const std::uint8_t* confidences = nullptr;  // [map][pixel], 0..100; null: all alike
  const float* mass = nullptr;                // [map][label < n_labels], in [0, 1]; Dempster-Shafer only
  int n_labels = 0;                           // with mass; no label of a map is larger
  std::uint16_t* label = nullptr;             // [pixel]
  std::uint8_t* confidence = nullptr;         // [pixel], may be null
};

void fuse_maps(const Stream& stream, const FuseMapsArgs& args);

}  // namespace millesime
