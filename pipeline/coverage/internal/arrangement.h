#pragma once
// Inside pipeline/coverage only: the vertices and edges of the arcs of a block, found by place.

#include <algorithm>
#include <cstddef>
#include <span>
#include <unordered_set>
#include <vector>

#include "pipeline/coverage/arcs.h"

namespace millesime {

// p in or on the triangle, whichever way it turns.
inline bool in_triangle(const Vertex& p, const Vertex& a, const Vertex& b, const Vertex& c) {
  const std::int64_t ab = cross(a, b, p), bc = cross(b, c, p), ca = cross(c, a, p);
  return (ab >= 0 && bc >= 0 && ca >= 0) || (ab <= 0 && bc <= 0 && ca <= 0);
}

// p on the segment a b, ends included.
inline bool on_segment(const Vertex& p, const Vertex& a, const Vertex& b) {
  return cross(a, b, p) == 0 && std::min(a.x, b.x) <= p.x && p.x <= std::max(a.x, b.x) && std::min(a.y, b.y) <= p.y &&
         p.y <= std::max(a.y, b.y);
}

// p inside the closed line (winding number not 0) or on it. The last vertex may or may not repeat the first.
bool in_loop(const Vertex& p, std::span<const Vertex> loop);

// Whether two segments meet elsewhere than in an end that they share.
bool segments_conflict(const Vertex& a, const Vertex& b, const Vertex& c, const Vertex& d);

struct Extent {
  std::int32_t min_x, min_y, max_x, max_y;
  explicit Extent(std::span<const Vertex> points);
};

// Vertices by cells of a pixel.
class VertexIndex {
 public:
  explicit VertexIndex(const BlockPatches& block);
  std::int32_t add(const Vertex& v);
  void remove(std::int32_t spot) { spots_[static_cast<std::size_t>(spot)].alive = false; }

  // Whether `test` is false for all vertices in the extent.
  template <class Test>
  bool none_of(const Extent& extent, Test test) const {
    const int c0 = col(extent.min_x), c1 = col(extent.max_x), r0 = row(extent.min_y), r1 = row(extent.max_y);
    for (int r = r0; r <= r1; ++r)
      for (int c = c0; c <= c1; ++c)
        for (std::int32_t spot = heads_[cell(c, r)]; spot >= 0; spot = spots_[static_cast<std::size_t>(spot)].next) {
          const Spot& s = spots_[static_cast<std::size_t>(spot)];
          if (s.alive && test(s.v, spot)) return false;
        }
    return true;
  }

 private:
  struct Spot {
    Vertex v;
    std::int32_t next;
    bool alive;
  };
  int col(std::int32_t x) const { return std::clamp((x >> kVertexBits) - left_, 0, cols_ - 1); }
  int row(std::int32_t y) const { return std::clamp((y >> kVertexBits) - top_, 0, rows_ - 1); }
  std::size_t cell(int c, int r) const {
    return static_cast<std::size_t>(r) * static_cast<std::size_t>(cols_) + static_cast<std::size_t>(c);
  }

  int left_, top_, cols_, rows_;
  std::vector<std::int32_t> heads_;
  std::vector<Spot> spots_;
};

// Edges by cells of some pixels.
class EdgeIndex {
 public:
  explicit EdgeIndex(const BlockPatches& block);
  std::int32_t add(const Vertex& a, const Vertex& b);
  void remove(std::int32_t edge) { edges_[static_cast<std::size_t>(edge)].alive = false; }
  bool meets_any(const Vertex& a, const Vertex& b, std::int32_t except) const;  // elsewhere than in a shared end

 private:
  struct Edge {
    Vertex a, b;
    bool alive;
  };
  static constexpr int kCellBits = kVertexBits + 2;
  template <class Visit>
  void cells(const Vertex& a, const Vertex& b, Visit visit) const;

  int left_, top_, cols_, rows_;
  std::vector<std::vector<std::int32_t>> cells_;
  std::vector<Edge> edges_;
};

}  // namespace millesime
