#include "pipeline/coverage/arcs.h"

#include <array>

#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr std::array<int, 4> kStepX = {0, 1, 0, -1}, kStepY = {-1, 0, 1, 0};

Direction opposite(Direction d) { return static_cast<Direction>((static_cast<int>(d) + 2) % 4); }

Vertex moved(const Vertex& v, Direction d, std::int32_t by) {
  return {v.x + kStepX[static_cast<std::size_t>(d)] * by, v.y + kStepY[static_cast<std::size_t>(d)] * by};
}

class Tracer {
 public:
  Tracer(const BlockPatches& block, bool diagonals)
      : block_(block), diagonals_(diagonals), edges_(static_cast<std::size_t>(block.cols) * static_cast<std::size_t>(block.rows), 0) {
    for (int r = 0; r < block.rows; ++r) {
      const std::int32_t* above = block.patch.data() + std::ptrdiff_t{r} * (block.cols + 1);
      const std::int32_t* below = above + block.cols + 1;
      std::uint8_t* edges = edges_.data() + std::ptrdiff_t{r} * block.cols;
      for (int c = 0; c < block.cols; ++c)
        edges[c] = static_cast<std::uint8_t>(
            (above[c] != above[c + 1]) << int(Direction::north) | (above[c + 1] != below[c + 1]) << int(Direction::east) |
            (below[c] != below[c + 1]) << int(Direction::south) | (above[c] != below[c]) << int(Direction::west));
    }
    left_ = edges_;
  }

  std::vector<Arc> run() {
    // From the pins and junctions first; what is left then are closed arcs.
    for (int r = 0; r < block_.rows; ++r)
      for (int c = 0; c < block_.cols; ++c) {
        const std::uint8_t edges = left_at(c, r);
        if (edges == 0) continue;
        if (r == 0) enter(c, r, Direction::south);
        if (c == 0) enter(c, r, Direction::east);
        if (r == block_.rows - 1) enter(c, r, Direction::north);
        if (c == block_.cols - 1) enter(c, r, Direction::west);
        if (is_junction(c, r))
          for (int d = 0; d < 4; ++d)
            if (left_at(c, r) >> d & 1) from_junction(c, r, static_cast<Direction>(d));
      }
    for (int r = 0; r < block_.rows; ++r)
      for (int c = 0; c < block_.cols; ++c)
        if (left_at(c, r) != 0 && is_corner(c, r)) loop_from(c, r);
    return std::move(arcs_);
  }

 private:
  std::size_t index(int c, int r) const {
    return static_cast<std::size_t>(r) * static_cast<std::size_t>(block_.cols) + static_cast<std::size_t>(c);
  }
  std::uint8_t left_at(int c, int r) const { return left_[index(c, r)]; }
  bool is_junction(int c, int r) const { return __builtin_popcount(edges_[index(c, r)]) > 2; }
  bool is_corner(int c, int r) const {
    constexpr unsigned kStraight = 0b0101, kAcross = 0b1010;
    const unsigned edges = edges_[index(c, r)];
    return edges != 0 && edges != kStraight && edges != kAcross;
  }
  bool inside(int c, int r) const { return c >= 0 && r >= 0 && c < block_.cols && r < block_.rows; }
  Vertex vertex(int c, int r) const { return {(block_.col + c) * kPixel, (block_.row + r) * kPixel}; }
  void take(int c, int r, Direction d) { left_[index(c, r)] = static_cast<std::uint8_t>(left_[index(c, r)] & ~(1u << int(d))); }

  // The patches beside the lattice edge from (c, r) in a direction.
  void sides(int c, int r, Direction d, Arc& arc) const {
    const std::int32_t nw = block_.at(c, r), ne = block_.at(c + 1, r), sw = block_.at(c, r + 1), se = block_.at(c + 1, r + 1);
    switch (d) {
      case Direction::north: arc.left = nw, arc.right = ne; break;
      case Direction::east: arc.left = ne, arc.right = se; break;
      case Direction::south: arc.left = se, arc.right = sw; break;
      case Direction::west: arc.left = sw, arc.right = nw; break;
    }
    arc.exact = !block_.mapped[static_cast<std::size_t>(arc.left)] || !block_.mapped[static_cast<std::size_t>(arc.right)];
  }

  // An arc that comes in over the edge of the block, into (c, r) by direction d.
  void enter(int c, int r, Direction d) {
    const Direction back = opposite(d);
    if (!(left_at(c, r) >> int(back) & 1)) return;
    Arc arc;
    sides(c, r, back, arc);
    std::swap(arc.left, arc.right);
    arc.start = d;
    arc.lattice.push_back(moved(vertex(c, r), back, kPixel / 2));
    take(c, r, back);
    follow(std::move(arc), c, r, d);
  }

  void from_junction(int c, int r, Direction d) {
    Arc arc;
    sides(c, r, d, arc);
    arc.start = d;
    arc.lattice.push_back(vertex(c, r));
    leave(std::move(arc), c, r, d);
  }

  // Over the edge from (c, r) in direction d.
  void leave(Arc arc, int c, int r, Direction d) {
    take(c, r, d);
    const int next_c = c + kStepX[static_cast<std::size_t>(d)], next_r = r + kStepY[static_cast<std::size_t>(d)];
    if (!inside(next_c, next_r)) {
      arc.lattice.push_back(moved(vertex(c, r), d, kPixel / 2));
      return finish(std::move(arc), d);
    }
    take(next_c, next_r, opposite(d));
    follow(std::move(arc), next_c, next_r, d);
  }

  // At (c, r), where the arc arrived by direction d.
  void follow(Arc arc, int c, int r, Direction d) {
    while (!is_junction(c, r)) {
      const unsigned others = edges_[index(c, r)] & ~(1u << int(opposite(d)));
      const auto onward = static_cast<Direction>(__builtin_ctz(others));
      if (onward != d) arc.lattice.push_back(vertex(c, r));
      if (arc.closed && !(left_at(c, r) >> int(onward) & 1)) return finish(std::move(arc), d);  // the loop is where it began
      take(c, r, onward);
      d = onward;
      const int next_c = c + kStepX[static_cast<std::size_t>(d)], next_r = r + kStepY[static_cast<std::size_t>(d)];
      if (!inside(next_c, next_r)) {
        arc.lattice.push_back(moved(vertex(c, r), d, kPixel / 2));
        return finish(std::move(arc), d);
      }
      c = next_c, r = next_r;
      take(c, r, opposite(d));
    }
    arc.lattice.push_back(vertex(c, r));
    finish(std::move(arc), d);
  }

  void loop_from(int c, int r) {
    const auto d = static_cast<Direction>(__builtin_ctz(left_at(c, r)));
    Arc arc;
    sides(c, r, d, arc);
    arc.start = d;
    arc.closed = true;
    arc.lattice.push_back(vertex(c, r));
    leave(std::move(arc), c, r, d);
  }

  void finish(Arc arc, Direction end) {
    arc.end = end;
    if (arc.exact || !diagonals_)
      arc.line = arc.lattice;
    else
      cut_corners(arc);
    arcs_.push_back(std::move(arc));
  }

  // From the middle of a pixel edge to the middle of the next one, straight on or diagonally.
  static void cut_corners(Arc& arc) {
    const auto towards = [](const Vertex& from, const Vertex& to) {
      const auto sign = [](std::int32_t v) { return (v > 0) - (v < 0); };
      return Vertex{from.x + sign(to.x - from.x) * kPixel / 2, from.y + sign(to.y - from.y) * kPixel / 2};
    };
    const auto push = [&](const Vertex& v) {
      if (arc.line.empty() || arc.line.back() != v) arc.line.push_back(v);
    };
    const std::size_t n = arc.lattice.size();
    if (!arc.closed) push(arc.lattice.front());
    for (std::size_t i = arc.closed ? 0 : 1; i + 1 < n; ++i) {
      const Vertex& before = i == 0 ? arc.lattice[n - 2] : arc.lattice[i - 1];
      push(towards(arc.lattice[i], before));
      push(towards(arc.lattice[i], arc.lattice[i + 1]));
    }
    push(arc.closed ? arc.line.front() : arc.lattice.back());
  }

  const BlockPatches& block_;
  bool diagonals_;
  std::vector<std::uint8_t> edges_, left_;  // bit d: there is a border in direction d; and no arc has it yet
  std::vector<Arc> arcs_;
};

}  // namespace

std::vector<Arc> trace_arcs(const BlockPatches& block, bool diagonals) { return Tracer(block, diagonals).run(); }

}  // namespace millesime
