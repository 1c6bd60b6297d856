#pragma once
// How the outlines of a coverage are simplified.

#include <cstdint>

namespace millesime {

enum class Simplification { none, douglas_peucker, visvalingam };
enum class Smoothing { none, chaikin, hermite };

struct OutlineOptions {
  Simplification simplification = Simplification::douglas_peucker;
  Smoothing smoothing = Smoothing::none;
  // Pixels. Douglas-Peucker (1973): largest distance of a vertex that is left out from the new outline. Visvalingam and Whyatt (1993):
  // square root of the area of the largest triangle that is cut off.
  double tolerance_px = 0.5;
  double smoothing_px = 0.5;  // Chaikin (1974): largest cut at a corner along an edge; Hermite: distance of new vertices
  bool diagonals = true;      // outlines run through the middles of pixel edges, so that steps become diagonals
};

// What was held back so that the plane stays tiled.
struct OutlineCounts {
  std::int64_t arcs = 0;
  std::int64_t held_back = 0;   // arcs that keep vertices although the tolerance would let them go
  std::int64_t collapsing = 0;  // arcs that keep a vertex because a patch would lose its area
};

}  // namespace millesime
