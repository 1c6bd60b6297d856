#pragma once
// Sieve by a minimum mapping unit: a component of fewer than min_pixels pixels takes the label that it touches most.
//
// Contact with a label is the number of pairs of neighbours (of the components' connectivity), one pixel in the small component and the
// other in a component of that label with at least min_pixels pixels. If contacts are equal, the lowest label wins. A component that
// touches no such component is kept. All components are decided at once, on the input map. Label 0 stays 0 and gives no contact.
// With groups of labels, a component has contact with components of its own group alone, and takes a label of that.
//
// Repeated until nothing changes, it leaves small components only where no component around them is large enough. Whether a component
// is small can be seen within min_pixels - 1 of its pixels, and so can the size of those that it touches: to sieve a window of a map,
// the input must extend 2 * min_pixels beyond the window on each side that is not the edge of the map.

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

struct SieveArgs {
  int width = 0, height = 0;                // fewer than 2^31 pixels
  int connectivity = 4;                     // of the components
  int min_pixels = 10;                      // that are kept
  const std::uint8_t* labels = nullptr;     // [pixel]
  const std::int32_t* component = nullptr;  // [pixel], of connected_components.h
  const std::int32_t* size = nullptr;       // [pixel], of connected_components.h
  const std::uint8_t* classes = nullptr;    // [n_classes], in host memory: the labels that occur, rising, without 0
  int n_classes = 0;
  const std::uint8_t* group = nullptr;   // [256], of each label; null: all labels are one group
  std::int32_t* contact = nullptr;       // [pixel], work memory
  std::int32_t* most_contact = nullptr;  // [pixel], work memory
  std::uint8_t* winner = nullptr;        // [pixel], work memory
  std::uint8_t* sieved = nullptr;        // [pixel]
};

void sieve(const Stream& stream, const SieveArgs& args);

}  // namespace millesime
