#pragma once
// Connected components of a label map: connected pixels of one label, over their edges (connectivity 4) or also over their
// corners (8). Label 0 is no data and belongs to no component.
//
//   component[pixel] = the lowest index (row * width + col) of the pixel's component; kNoComponent if the label is 0
//   size[pixel]      = pixels of the component whose lowest index this is; 0 elsewhere
//
// Both are unique: they do not depend on threads or on the order of work. The whole map must be in memory, 9 bytes
// a pixel; sieve.h says how far a window must extend if only small components matter.
//
// Runs of a row are joined by union-find with an atomic minimum (Playne and Hawick 2018, "A new algorithm for parallel connected-component
// labelling on GPUs", IEEE TPDS 29(6)), with path halving (Jaiganesh and Burtscher 2018, ECL-CC).

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

inline constexpr std::int32_t kNoComponent = -1;

struct ConnectedComponentsArgs {
  int width = 0, height = 0;             // fewer than 2^31 pixels
  int connectivity = 4;                  // or 8
  const std::uint8_t* labels = nullptr;  // [pixel]
  std::int32_t* component = nullptr;     // [pixel]
  std::int32_t* size = nullptr;          // [pixel]
};

void connected_components(const Stream& stream, const ConnectedComponentsArgs& args);

}  // namespace millesime
