#pragma once
// Simplifies and smooths the arcs of one block together.
//
// The arrangement of the arcs is valid before and after every step. A chain of edges is replaced by another one between the same vertices
// only if no other vertex lies in or on what is between the two: then nothing can cross, since an edge that crosses the new chain would
// have to end between them (or, where the new chain is not straight, an edge test shows it). So patches keep their neighbours, holes stay
// in their patch, and nothing collapses. A step that would break this is held back, and counted.
//
// Douglas and Peucker 1973, Cartographica 10(2); Visvalingam and Whyatt 1993, The Cartographic Journal 30(1); Chaikin 1974, Computer
// Graphics and Image Processing 3; the cubic Hermite spline takes its tangents from the neighbouring vertices (Catmull and Rom 1974).

#include <vector>

#include "pipeline/coverage/arcs.h"
#include "pipeline/coverage/coverage_options.h"

namespace millesime {

// Changes Arc::line. `block` gives the place of the block; results depend on it and on the arcs only.
OutlineCounts shape_outlines(const BlockPatches& block, std::vector<Arc>& arcs, const OutlineOptions& options);

}  // namespace millesime
