#include "pipeline/coverage/outline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <queue>
#include <set>
#include <span>
#include <utility>

#include "pipeline/coverage/internal/arrangement.h"

namespace millesime {
namespace {

double length(const Vertex& a, const Vertex& b) { return std::hypot(double(b.x) - a.x, double(b.y) - a.y); }

double distance_to_segment(const Vertex& p, const Vertex& a, const Vertex& b) {
  const double dx = double(b.x) - a.x, dy = double(b.y) - a.y, squared = dx * dx + dy * dy;
  if (squared == 0) return length(p, a);
  const double t = std::clamp(((double(p.x) - a.x) * dx + (double(p.y) - a.y) * dy) / squared, 0.0, 1.0);
  return std::hypot(double(p.x) - (a.x + t * dx), double(p.y) - (a.y + t * dy));
}

class Outlines {
 public:
  Outlines(const BlockPatches& block, std::vector<Arc>& arcs, const OutlineOptions& options)
      : block_(block), arcs_(arcs), options_(options), index_(block), spots_(arcs.size()) {
    for (std::size_t a = 0; a < arcs.size(); ++a) {
      for (const Vertex& v : arcs[a].line) spots_[a].push_back(index_.add(v));
      if (arcs[a].line.size() == 2) edges_.insert(edge_key(arcs[a].line[0], arcs[a].line[1]));
    }
    counts_.arcs = static_cast<std::int64_t>(arcs.size());
  }

  OutlineCounts run() {
    for (std::size_t a = 0; a < arcs_.size(); ++a) {
      if (arcs_[a].exact) continue;
      held_ = collapsing_ = false;
      if (options_.simplification == Simplification::douglas_peucker) douglas_peucker(a);
      if (options_.simplification == Simplification::visvalingam) visvalingam(a);
      counts_.held_back += held_ ? 1 : 0;
      counts_.collapsing += collapsing_ ? 1 : 0;
    }
    if (options_.smoothing == Smoothing::chaikin)
      for (std::size_t a = 0; a < arcs_.size(); ++a)
        for (int pass = 0; pass < kChaikinPasses && !arcs_[a].exact; ++pass) chaikin(a);
    if (options_.smoothing == Smoothing::hermite) hermite_all();
    return counts_;
  }

 private:
  static constexpr int kChaikinPasses = 2;    // each doubles the vertices; after two of them corners look round at the scale of pixels
  static constexpr int kMostNewVertices = 8;  // of Hermite along an edge

  using EdgeKey = std::pair<std::uint64_t, std::uint64_t>;
  static EdgeKey edge_key(const Vertex& a, const Vertex& b) { return std::minmax(key_of(a), key_of(b)); }

  // Edges on the line between two blocks would belong to both.
  bool along_block_line(const Vertex& a, const Vertex& b) const {
    const auto on_edge = [](std::int32_t u, std::int32_t v, int first, int n) {
      return u == v && (u == first * kPixel - kPixel / 2 || u == (first + n) * kPixel - kPixel / 2);
    };
    return on_edge(a.x, b.x, block_.col, block_.cols) || on_edge(a.y, b.y, block_.row, block_.rows);
  }

  // No other vertex in or on what lies between the line from i to j and the straight edge. `reach`: no vertex of the line is further away.
  bool free_between(std::size_t a, std::size_t i, std::size_t j, double reach) const {
    const std::span<const Vertex> chain(arcs_[a].line.data() + i, j - i + 1);
    const Vertex p = chain.front(), q = chain.back();
    const double limit = (reach + 1) * length(p, q);
    const std::int32_t first = spots_[a][i], last = spots_[a][j];
    return index_.none_of(Extent(chain), [&](const Vertex& v, std::int32_t spot) {
      if ((spot >= first && spot <= last) || v == p || v == q) return false;
      return std::abs(static_cast<double>(cross(p, q, v))) <= limit && in_loop(v, chain);
    });
  }

  bool free_triangle(const Vertex& a, const Vertex& b, const Vertex& c) const {
    const std::array<Vertex, 3> triangle = {a, b, c};
    return index_.none_of(Extent(triangle),
                          [&](const Vertex& v, std::int32_t) { return v != a && v != b && v != c && in_triangle(v, a, b, c); });
  }

  // Whether a straight edge may replace the line from i to j; `whole`: its ends are ends of the arc (or of its halves), which others share.
  bool may_join(std::size_t a, std::size_t i, std::size_t j, bool whole, double reach) {
    const Vertex p = arcs_[a].line[i], q = arcs_[a].line[j];
    if (along_block_line(p, q)) return held_ = true, false;
    if (whole && edges_.contains(edge_key(p, q))) return collapsing_ = true, false;
    if (!free_between(a, i, j, reach)) return held_ = true, false;
    return true;
  }

  void douglas_peucker(std::size_t a) {
    Arc& arc = arcs_[a];
    const std::vector<Vertex>& line = arc.line;
    const std::size_t last = line.size() - 1;
    if (last < 2) return;
    const double tolerance = options_.tolerance_px * kPixel;
    std::vector<bool> kept(line.size(), false);
    const bool loop = line.front() == line.back();
    std::size_t middle = 0;  // of a loop: the vertex furthest from its first
    if (loop) {
      for (std::size_t k = 1; k < last; ++k)
        if (length(line[0], line[k]) > length(line[0], line[middle])) middle = k;
    }
    const auto is_end = [&](std::size_t i) { return i == 0 || i == last || (loop && i == middle); };
    std::vector<std::pair<std::size_t, std::size_t>> ranges;
    if (loop)
      ranges = {{middle, last}, {0, middle}};
    else
      ranges = {{0, last}};
    while (!ranges.empty()) {
      const auto [i, j] = ranges.back();
      ranges.pop_back();
      kept[i] = kept[j] = true;
      if (j == i + 1) {
        if (is_end(i) && is_end(j)) edges_.insert(edge_key(line[i], line[j]));
        continue;
      }
      std::size_t furthest = i + 1;
      double most = -1;
      for (std::size_t k = i + 1; k < j; ++k)
        if (const double d = distance_to_segment(line[k], line[i], line[j]); d > most) most = d, furthest = k;
      const bool whole = is_end(i) && is_end(j);
      if (line[i] != line[j] && most <= tolerance && may_join(a, i, j, whole, most)) {
        for (std::size_t k = i + 1; k < j; ++k) index_.remove(spots_[a][k]);
        if (whole) edges_.insert(edge_key(line[i], line[j]));
        continue;
      }
      ranges.emplace_back(furthest, j);
      ranges.emplace_back(i, furthest);
    }
    keep(a, kept);
  }

  void visvalingam(std::size_t a) {
    Arc& arc = arcs_[a];
    const std::vector<Vertex>& line = arc.line;
    const std::size_t n = line.size();
    if (n < 3) return;
    const bool loop = line.front() == line.back();
    const double tolerance = options_.tolerance_px * kPixel, largest = 2 * tolerance * tolerance;
    std::vector<std::size_t> before(n), after(n);
    std::vector<bool> kept(n, true);
    for (std::size_t i = 0; i < n; ++i) before[i] = i - 1, after[i] = i + 1;
    const auto size = [&](std::size_t i) { return std::abs(cross(line[before[i]], line[i], line[after[i]])); };
    using Entry = std::pair<std::int64_t, std::size_t>;  // twice the area, vertex
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    for (std::size_t i = 1; i + 1 < n; ++i) queue.emplace(size(i), i);
    std::size_t left = n;
    while (!queue.empty() && static_cast<double>(queue.top().first) <= largest) {
      const auto [area, i] = queue.top();
      queue.pop();
      if (!kept[i] || area != size(i)) continue;
      const std::size_t b = before[i], c = after[i];
      const bool whole = b == 0 && c == n - 1;
      constexpr std::size_t kSmallestLoop = 4;  // a triangle and its first vertex again
      if ((loop && left <= kSmallestLoop) || (whole && edges_.contains(edge_key(line[b], line[c])))) {
        collapsing_ = true;
        continue;
      }
      if (along_block_line(line[b], line[c]) || !free_triangle(line[b], line[i], line[c])) continue;  // until a neighbour changes
      kept[i] = false;
      --left;
      index_.remove(spots_[a][i]);
      if (whole) edges_.insert(edge_key(line[b], line[c]));
      after[b] = c, before[c] = b;
      if (b > 0) queue.emplace(size(b), b);
      if (c + 1 < n) queue.emplace(size(c), c);
    }
    for (std::size_t i = 1; i + 1 < n; ++i)
      if (kept[i] && !collapsing_ && static_cast<double>(size(i)) <= largest) held_ = true;
    keep(a, kept);
  }

  void keep(std::size_t a, const std::vector<bool>& kept) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < kept.size(); ++i)
      if (kept[i]) arcs_[a].line[n] = arcs_[a].line[i], spots_[a][n] = spots_[a][i], ++n;
    arcs_[a].line.resize(n);
    spots_[a].resize(n);
  }

  // The place on the edge b -> to where the corner b is cut: a quarter of the edge, or less where that is longer than the limit. The share
  // is a power of two that gives whole numbers, so that the place lies on the edge.
  static Vertex cut(const Vertex& b, const Vertex& to, double limit) {
    const std::int32_t dx = to.x - b.x, dy = to.y - b.y;
    int halvings = 2;
    const double whole = std::hypot(double(dx), double(dy));
    while (std::ldexp(whole, -halvings) > limit) ++halvings;
    while (halvings > 1 && ((dx | dy) & ((1 << halvings) - 1)) != 0) --halvings;
    return halvings < 2 ? b : Vertex{b.x + (dx >> halvings), b.y + (dy >> halvings)};
  }

  void chaikin(std::size_t a) {
    Arc& arc = arcs_[a];
    const std::vector<Vertex> old = arc.line;
    const std::vector<std::int32_t> old_spots = spots_[a];
    const std::size_t last = old.size() - 1;
    std::vector<Vertex> line;
    std::vector<std::int32_t> spots;
    const auto push = [&](const Vertex& v, std::int32_t spot) { line.push_back(v), spots.push_back(spot); };
    if (!arc.closed) push(old[0], old_spots[0]);
    const double limit = options_.smoothing_px * kPixel;
    for (std::size_t i = arc.closed ? 0 : 1; i < last; ++i) {
      const Vertex &b = old[i], &before = old[i == 0 ? last - 1 : i - 1], &after = old[i + 1];
      const Vertex p = cut(b, before, limit), q = cut(b, after, limit);
      if (p == b || q == b || cross(before, b, after) == 0 || !free_triangle(p, b, q)) {
        push(b, old_spots[i]);
        continue;
      }
      index_.remove(old_spots[i]);
      if (i == 0) index_.remove(old_spots[last]);
      push(p, index_.add(p));
      push(q, index_.add(q));
    }
    if (arc.closed)
      push(line[0], spots[0]);
    else
      push(old[last], old_spots[last]);
    arc.line = std::move(line);
    spots_[a] = std::move(spots);
  }

  void hermite_all() {
    EdgeIndex edges(block_);
    std::vector<std::vector<std::int32_t>> of_arc(arcs_.size());
    for (std::size_t a = 0; a < arcs_.size(); ++a)
      for (std::size_t i = 0; i + 1 < arcs_[a].line.size(); ++i) of_arc[a].push_back(edges.add(arcs_[a].line[i], arcs_[a].line[i + 1]));
    for (std::size_t a = 0; a < arcs_.size(); ++a)
      if (!arcs_[a].exact && arcs_[a].line.size() > 2) hermite(a, edges, of_arc[a]);
  }

  bool within_block(const Vertex& v) const {
    const auto within = [](std::int32_t u, int first, int n) {
      return u > first * kPixel - kPixel / 2 && u < (first + n) * kPixel - kPixel / 2;
    };
    return within(v.x, block_.col, block_.cols) && within(v.y, block_.row, block_.rows);
  }

  void hermite(std::size_t a, EdgeIndex& edges, const std::vector<std::int32_t>& edge_of) {
    Arc& arc = arcs_[a];
    const std::vector<Vertex> old = arc.line;
    const std::size_t last = old.size() - 1;
    const auto tangent = [&](std::size_t i) {  // of length 1
      const bool end = !arc.closed && (i == 0 || i == last);
      const Vertex &from = end ? old[i == 0 ? 0 : last - 1] : old[i == 0 || i == last ? last - 1 : i - 1],
                   &to = end ? old[i == 0 ? 1 : last] : old[i == last ? 1 : i + 1];
      const double whole = length(from, to);
      return whole == 0 ? std::pair(0.0, 0.0) : std::pair((double(to.x) - from.x) / whole, (double(to.y) - from.y) / whole);
    };
    std::vector<Vertex> line = {old[0]}, chain;
    const double step = options_.smoothing_px * kPixel;
    for (std::size_t i = 0; i < last; ++i) {
      const Vertex &p = old[i], &q = old[i + 1];
      const double whole = length(p, q);
      const int parts = std::clamp(static_cast<int>(std::ceil(whole / step)), 1, kMostNewVertices + 1);
      const auto [px, py] = tangent(i);
      const auto [qx, qy] = tangent(i + 1);
      chain = {p};
      for (int k = 1; k < parts; ++k) {
        const double t = static_cast<double>(k) / parts, t2 = t * t, t3 = t2 * t;
        const double h00 = 2 * t3 - 3 * t2 + 1, h10 = t3 - 2 * t2 + t, h01 = 3 * t2 - 2 * t3, h11 = t3 - t2;
        const Vertex v{static_cast<std::int32_t>(std::lround(h00 * p.x + h10 * whole * px + h01 * q.x + h11 * whole * qx)),
                       static_cast<std::int32_t>(std::lround(h00 * p.y + h10 * whole * py + h01 * q.y + h11 * whole * qy))};
        if (v != chain.back() && v != q) chain.push_back(v);
      }
      chain.push_back(q);
      if (chain.size() > 2 && is_free(chain, edges, edge_of[i])) {
        edges.remove(edge_of[i]);
        for (std::size_t k = 0; k + 1 < chain.size(); ++k) edges.add(chain[k], chain[k + 1]);
        for (std::size_t k = 1; k + 1 < chain.size(); ++k) {
          index_.add(chain[k]);
          line.push_back(chain[k]);
        }
      } else if (chain.size() > 2) {
        ++counts_.held_back;
      }
      line.push_back(q);
    }
    arc.line = std::move(line);
  }

  // Whether the chain may replace its straight edge.
  bool is_free(const std::vector<Vertex>& chain, const EdgeIndex& edges, std::int32_t straight) const {
    const Vertex p = chain.front(), q = chain.back();
    for (std::size_t k = 1; k + 1 < chain.size(); ++k)
      if (!within_block(chain[k])) return false;
    for (std::size_t k = 0; k + 1 < chain.size(); ++k) {
      if (edges.meets_any(chain[k], chain[k + 1], straight)) return false;
      for (std::size_t m = k + 1; m + 1 < chain.size(); ++m)
        if (segments_conflict(chain[k], chain[k + 1], chain[m], chain[m + 1])) return false;
    }
    return index_.none_of(Extent(chain), [&](const Vertex& v, std::int32_t) { return v != p && v != q && in_loop(v, chain); });
  }

  const BlockPatches& block_;
  std::vector<Arc>& arcs_;
  const OutlineOptions& options_;
  VertexIndex index_;
  std::vector<std::vector<std::int32_t>> spots_;  // of the vertices of each arc
  std::set<EdgeKey> edges_;                       // arcs, and halves of closed ones, that are a single edge
  OutlineCounts counts_;
  bool held_ = false, collapsing_ = false;
};

}  // namespace

OutlineCounts shape_outlines(const BlockPatches& block, std::vector<Arc>& arcs, const OutlineOptions& options) {
  return Outlines(block, arcs, options).run();
}

}  // namespace millesime
