#include "pipeline/coverage/internal/arrangement.h"

namespace millesime {

bool in_loop(const Vertex& p, std::span<const Vertex> loop) {
  int winding = 0;
  for (std::size_t i = 0; i < loop.size(); ++i) {
    const Vertex &a = loop[i], &b = loop[i + 1 == loop.size() ? 0 : i + 1];
    if (on_segment(p, a, b)) return true;
    if (a.y <= p.y) {
      if (b.y > p.y && cross(a, b, p) > 0) ++winding;
    } else if (b.y <= p.y && cross(a, b, p) < 0) {
      --winding;
    }
  }
  return winding != 0;
}

bool segments_conflict(const Vertex& a, const Vertex& b, const Vertex& c, const Vertex& d) {
  const auto along = [](const Vertex& shared, const Vertex& p, const Vertex& q) {  // both go the same way from the shared end
    return cross(shared, p, q) == 0 && (std::int64_t{p.x} - shared.x) * (std::int64_t{q.x} - shared.x) +
                                               (std::int64_t{p.y} - shared.y) * (std::int64_t{q.y} - shared.y) >
                                           0;
  };
  const bool ac = a == c, ad = a == d, bc = b == c, bd = b == d;
  if ((ac && bd) || (ad && bc)) return true;
  if (ac) return along(a, b, d);
  if (ad) return along(a, b, c);
  if (bc) return along(b, a, d);
  if (bd) return along(b, a, c);
  const auto sign = [](std::int64_t v) { return (v > 0) - (v < 0); };
  if (sign(cross(a, b, c)) * sign(cross(a, b, d)) < 0 && sign(cross(c, d, a)) * sign(cross(c, d, b)) < 0) return true;
  return on_segment(c, a, b) || on_segment(d, a, b) || on_segment(a, c, d) || on_segment(b, c, d);
}

Extent::Extent(std::span<const Vertex> points) : min_x(points[0].x), min_y(points[0].y), max_x(points[0].x), max_y(points[0].y) {
  for (const Vertex& p : points) {
    min_x = std::min(min_x, p.x), max_x = std::max(max_x, p.x);
    min_y = std::min(min_y, p.y), max_y = std::max(max_y, p.y);
  }
}

VertexIndex::VertexIndex(const BlockPatches& block)
    : left_(block.col - 1),
      top_(block.row - 1),
      cols_(block.cols + 1),
      rows_(block.rows + 1),
      heads_(static_cast<std::size_t>(cols_) * static_cast<std::size_t>(rows_), -1) {}

std::int32_t VertexIndex::add(const Vertex& v) {
  std::int32_t& head = heads_[cell(col(v.x), row(v.y))];
  spots_.push_back({v, head, true});
  head = static_cast<std::int32_t>(spots_.size()) - 1;
  return head;
}

EdgeIndex::EdgeIndex(const BlockPatches& block)
    : left_((block.col - 1) * kPixel >> kCellBits),
      top_((block.row - 1) * kPixel >> kCellBits),
      cols_(((block.col + block.cols) * kPixel >> kCellBits) - left_ + 1),
      rows_(((block.row + block.rows) * kPixel >> kCellBits) - top_ + 1),
      cells_(static_cast<std::size_t>(cols_) * static_cast<std::size_t>(rows_)) {}

template <class Visit>
void EdgeIndex::cells(const Vertex& a, const Vertex& b, Visit visit) const {
  const int c0 = (std::min(a.x, b.x) >> kCellBits) - left_, c1 = (std::max(a.x, b.x) >> kCellBits) - left_;
  const int r0 = (std::min(a.y, b.y) >> kCellBits) - top_, r1 = (std::max(a.y, b.y) >> kCellBits) - top_;
  for (int r = r0; r <= r1; ++r)
    for (int c = c0; c <= c1; ++c) visit(static_cast<std::size_t>(r) * static_cast<std::size_t>(cols_) + static_cast<std::size_t>(c));
}

std::int32_t EdgeIndex::add(const Vertex& a, const Vertex& b) {
  edges_.push_back({a, b, true});
  const auto edge = static_cast<std::int32_t>(edges_.size()) - 1;
  cells(a, b, [&](std::size_t cell) { cells_[cell].push_back(edge); });
  return edge;
}

bool EdgeIndex::meets_any(const Vertex& a, const Vertex& b, std::int32_t except) const {
  bool meets = false;
  cells(a, b, [&](std::size_t cell) {
    if (meets) return;
    for (const std::int32_t i : cells_[cell]) {
      const Edge& edge = edges_[static_cast<std::size_t>(i)];
      if (i != except && edge.alive && segments_conflict(a, b, edge.a, edge.b)) {
        meets = true;
        return;
      }
    }
  });
  return meets;
}

}  // namespace millesime
