#include "pipeline/coverage/coverage.h"

#include <algorithm>
#include <exception>
#include <numeric>
#include <utility>

#include "pipeline/core/error.h"

namespace millesime {

BlockRange blocks_of(const Window& window) {
  // The lattice vertices around the window: one more than pixels.
  const int c0 = window.col / kCoverageBlock, r0 = window.row / kCoverageBlock;
  const int c1 = (window.col + window.width) / kCoverageBlock, r1 = (window.row + window.height) / kCoverageBlock;
  return {c0, r0, c1 - c0 + 1, r1 - r0 + 1};
}

Window pixels_of(const BlockRange& range, int row, int map_cols, int map_rows) {
  const int col = range.first_col * kCoverageBlock - 1, first_row = (range.first_row + row) * kCoverageBlock - 1;
  const int col_end = std::min((range.first_col + range.cols) * kCoverageBlock, map_cols + 1),
            row_end = std::min((range.first_row + row + 1) * kCoverageBlock, map_rows + 1);
  return {col, first_row, col_end - col, row_end - first_row};
}

struct Coverage::Impl {
  OutlineOptions options;
  PixelRule rule = PixelRule::centre;
  std::function<bool(std::uint32_t)> wanted;
  int threads = 1;
  Sink sink;
  OutlineCounts counts;

  // Patches that are not finished; those that were found to be parts of another one point to it.
  std::vector<Patch> patches;
  std::vector<std::int32_t> parent;
  std::vector<std::int32_t> bottom;  // of the last row of pixels so far: the patch, or -1

  std::int32_t root(std::int32_t i) {
    while (parent[static_cast<std::size_t>(i)] != i)
      i = parent[static_cast<std::size_t>(i)] = parent[static_cast<std::size_t>(parent[static_cast<std::size_t>(i)])];
    return i;
  }

  void unite(std::int32_t i, std::int32_t j) {
    if (i < 0 || j < 0) return;
    std::int32_t a = root(i), b = root(j);
    if (a == b) return;
    if (a > b) std::swap(a, b);
    Patch &kept = patches[static_cast<std::size_t>(a)], &joined = patches[static_cast<std::size_t>(b)];
    if (kept.border.vertices.size() < joined.border.vertices.size()) std::swap(kept.border, joined.border);
    kept.border.add(std::move(joined.border));
    kept.sums.add(joined.sums);
    joined.sums = {};
    parent[static_cast<std::size_t>(b)] = a;
  }

  void join(std::vector<BlockResult>& blocks) {
    std::vector<std::int32_t> new_bottom, right;
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      BlockResult& block = blocks[b];
      const auto first = static_cast<std::int32_t>(patches.size());
      for (Patch& patch : block.open) {
        parent.push_back(static_cast<std::int32_t>(patches.size()));
        patches.push_back(std::move(patch));
      }
      const auto numbered = [&](std::vector<std::int32_t>& edge) {
        for (std::int32_t& p : edge) p = p < 0 ? -1 : p + first;
      };
      for (auto* edge : {&block.top, &block.bottom, &block.left, &block.right}) numbered(*edge);
      const std::size_t col = b * kCoverageBlock;
      if (!bottom.empty())
        for (std::size_t c = 0; c < block.top.size(); ++c) unite(bottom[col + c], block.top[c]);
      if (b > 0)
        for (std::size_t r = 0; r < block.left.size(); ++r) unite(right[r], block.left[r]);
      right = std::move(block.right);
      new_bottom.resize(col);
      new_bottom.insert(new_bottom.end(), block.bottom.begin(), block.bottom.end());
    }
    bottom = std::move(new_bottom);
  }

  // Gives away the patches that do not reach the last row, and numbers the others anew.
  void release() {
    std::vector<bool> open(patches.size(), false);
    for (const std::int32_t p : bottom)
      if (p >= 0) open[static_cast<std::size_t>(root(p))] = true;
    std::vector<Patch> kept, finished;
    std::vector<std::int32_t> number(patches.size(), -1);
    for (std::size_t i = 0; i < patches.size(); ++i) {
      if (parent[i] != static_cast<std::int32_t>(i)) continue;
      if (open[i]) {
        number[i] = static_cast<std::int32_t>(kept.size());
        kept.push_back(std::move(patches[i]));
      } else {
        finished.push_back(std::move(patches[i]));
      }
    }
    for (std::int32_t& p : bottom) p = p < 0 ? -1 : number[static_cast<std::size_t>(root(p))];
    patches = std::move(kept);
    parent.resize(patches.size());
    std::iota(parent.begin(), parent.end(), 0);
    std::vector<CoveragePolygon> polygons(finished.size());
    in_parallel(finished.size(), [&](std::size_t i) { polygons[i] = polygon_of(std::move(finished[i])); });
    if (!polygons.empty()) sink(std::move(polygons));
  }

  template <class Work>
  void in_parallel(std::size_t n, Work work) const {
    std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (std::size_t i = 0; i < n; ++i) try {
        work(i);
      } catch (...) {
#pragma omp critical
        if (!failure) failure = std::current_exception();
      }
    if (failure) std::rethrow_exception(failure);
  }
};

Coverage::Coverage(const OutlineOptions& options, PixelRule rule, std::function<bool(std::uint32_t)> wanted, int threads, Sink sink)
    : impl_(new Impl) {
  impl_->options = options;
  impl_->rule = rule;
  impl_->wanted = std::move(wanted);
  impl_->threads = threads;
  impl_->sink = std::move(sink);
}
Coverage::~Coverage() = default;

void Coverage::add(const CoverageStrip& strip) {
  const int n = (strip.cols - 2) / kCoverageBlock + 1;
  std::vector<BlockResult> blocks(static_cast<std::size_t>(n));
  impl_->in_parallel(blocks.size(), [&](std::size_t b) {
    blocks[b] = coverage_block(strip, static_cast<int>(b), impl_->options, impl_->rule, impl_->wanted);
  });
  for (BlockResult& block : blocks) {
    impl_->counts.arcs += block.counts.arcs;
    impl_->counts.held_back += block.counts.held_back;
    impl_->counts.collapsing += block.counts.collapsing;
    if (!block.whole.empty()) impl_->sink(std::move(block.whole));
  }
  impl_->join(blocks);
  impl_->release();
}

OutlineCounts Coverage::finish() {
  impl_->bottom.assign(impl_->bottom.size(), -1);
  impl_->release();
  return impl_->counts;
}

}  // namespace millesime
