#include "pipeline/coverage/coverage_block.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "pipeline/core/error.h"
#include "pipeline/coverage/outline.h"

namespace millesime {
namespace {

// Numbers the 4-connected patches of the block, in the order of their first pixels.
struct Labelled {
  BlockPatches patches;
  std::vector<std::uint32_t> labels;  // of each patch
};

Labelled label_block(const CoverageStrip& strip, int first_col, int width) {
  const int height = strip.rows;
  Labelled result;
  BlockPatches& block = result.patches;
  block.col = strip.col + first_col + 1, block.row = strip.row + 1;
  block.cols = width - 1, block.rows = height - 1;
  block.patch.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  std::vector<std::int32_t> parent;
  std::vector<std::uint32_t> label_of;
  const auto root = [&](std::int32_t i) {
    while (parent[static_cast<std::size_t>(i)] != i)
      i = parent[static_cast<std::size_t>(i)] = parent[static_cast<std::size_t>(parent[static_cast<std::size_t>(i)])];
    return i;
  };
  for (int r = 0; r < height; ++r) {
    const std::uint32_t* labels = strip.labels.data() + std::ptrdiff_t{r} * strip.cols + first_col;
    std::int32_t* patch = block.patch.data() + std::ptrdiff_t{r} * width;
    for (int c = 0; c < width; ++c) {
      const bool west = c > 0 && labels[c - 1] == labels[c], north = r > 0 && labels[c - strip.cols] == labels[c];
      if (west) {
        patch[c] = patch[c - 1];
        if (north && patch[c - width] != patch[c]) {
          const std::int32_t a = root(patch[c - width]), b = root(patch[c]);
          parent[static_cast<std::size_t>(std::max(a, b))] = std::min(a, b);
          patch[c] = std::min(a, b);
        }
      } else if (north) {
        patch[c] = patch[c - width];
      } else {
        patch[c] = static_cast<std::int32_t>(parent.size());
        parent.push_back(patch[c]);
        label_of.push_back(labels[c]);
      }
    }
  }
  std::vector<std::int32_t> number(parent.size(), -1);
  for (std::size_t i = 0; i < parent.size(); ++i)
    if (root(static_cast<std::int32_t>(i)) == static_cast<std::int32_t>(i)) {
      number[i] = static_cast<std::int32_t>(result.labels.size());
      result.labels.push_back(label_of[i]);
    }
  for (std::size_t i = 0; i < parent.size(); ++i) number[i] = number[static_cast<std::size_t>(root(static_cast<std::int32_t>(i)))];
  for (std::int32_t& p : block.patch) p = number[static_cast<std::size_t>(p)];
  for (const std::uint32_t label : result.labels) block.mapped.push_back(label != 0);
  return result;
}

// Sums of all patches of a block. The pixels of its first row and column belong to the blocks before.
class BlockSums {
 public:
  BlockSums(const CoverageStrip& strip, int first_col, const BlockPatches& block, std::size_t patches)
      : strip_(strip),
        block_(block),
        first_col_(first_col),
        sums_(patches),
        classes_(patches * static_cast<std::size_t>(strip.class_count)) {}

  void add_pixels() {
    const int width = block_.cols + 1;
    for (int r = 1; r <= block_.rows; ++r) {
      const std::int32_t* patch = block_.patch.data() + std::ptrdiff_t{r} * width;
      const std::int64_t* cm2 = strip_.cm2.empty() ? nullptr : strip_.cm2.data() + std::ptrdiff_t{r} * strip_.cols + first_col_;
      for (int c = 1; c <= block_.cols; ++c) {
        if (!block_.mapped[static_cast<std::size_t>(patch[c])]) continue;
        if (cm2) sums_[static_cast<std::size_t>(patch[c])].cm2 += cm2[c];
        if (has_statistics())
          for (int y = 0; y < strip_.fine; ++y)
            for (int x = 0; x < strip_.fine; ++x)
              add(patch[c], fine_index((first_col_ + c) * strip_.fine + x, r * strip_.fine + y), kWholePixel);
      }
    }
  }

  void move(const Arc& arc, PixelRule rule) {
    if (arc.exact) return;
    const std::int64_t twice = transferred_area(arc);
    if (twice != 0 && !strip_.cm2.empty()) {
      const Vertex& middle = arc.line[arc.line.size() / 2];
      const int c = std::clamp((middle.x >> kVertexBits) - strip_.col, 0, strip_.cols - 1),
                r = std::clamp((middle.y >> kVertexBits) - strip_.row, 0, strip_.rows - 1);
      const auto pixel = static_cast<double>(
          strip_.cm2[static_cast<std::size_t>(r) * static_cast<std::size_t>(strip_.cols) + static_cast<std::size_t>(c)]);
      const std::int64_t cm2 = std::llround(static_cast<double>(twice) / 2 / (double(kPixel) * kPixel) * pixel);
      sums_[static_cast<std::size_t>(arc.left)].cm2 += cm2;
      sums_[static_cast<std::size_t>(arc.right)].cm2 -= cm2;
    }
    if (!has_statistics()) return;
    transfers_of(arc, strip_.fine, rule, transfers_);
    for (const PixelTransfer& t : transfers_)
      for (int col = t.col; col < t.col_end; ++col) {
        const std::size_t pixel = fine_index(col - strip_.col * strip_.fine, t.row - strip_.row * strip_.fine);
        add(arc.left, pixel, t.weight);
        add(arc.right, pixel, -t.weight);
      }
  }

  PatchSums of(std::size_t patch) const {
    PatchSums sums = sums_[patch];
    const auto n = static_cast<std::ptrdiff_t>(strip_.class_count);
    const auto first = classes_.begin() + static_cast<std::ptrdiff_t>(patch) * n;
    if (!strip_.classes.empty()) sums.classes.assign(first, first + n);
    return sums;
  }

 private:
  bool has_statistics() const { return !strip_.classes.empty() || !strip_.confidence.empty() || !strip_.validity.empty(); }
  std::size_t fine_index(int col, int row) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(strip_.cols * strip_.fine) + static_cast<std::size_t>(col);
  }

  void add(std::int32_t patch, std::size_t pixel, std::int64_t weight) {
    PatchSums& sums = sums_[static_cast<std::size_t>(patch)];
    sums.pixels += weight;
    if (!has_class(pixel)) return;
    sums.classified += weight;
    if (!strip_.classes.empty())
      classes_[static_cast<std::size_t>(patch) * static_cast<std::size_t>(strip_.class_count) + strip_.classes[pixel] - 1] += weight;
    if (!strip_.confidence.empty()) sums.confidence += weight * strip_.confidence[pixel];
    if (!strip_.validity.empty()) {
      const std::int64_t validity = strip_.validity[pixel];
      sums.validity += weight * validity;
      sums.validity2 += weight * validity * validity;
    }
  }

  // Without a class map a pixel has a class where its confidence and its validity have a value.
  bool has_class(std::size_t pixel) const {
    if (!strip_.classes.empty()) return strip_.classes[pixel] != 0;
    return (strip_.confidence.empty() || strip_.confidence[pixel] != 0) && (strip_.validity.empty() || strip_.validity[pixel] != 0);
  }

  const CoverageStrip& strip_;
  const BlockPatches& block_;
  int first_col_;
  std::vector<PatchSums> sums_;
  std::vector<std::int64_t> classes_;  // [patch][class]
  std::vector<PixelTransfer> transfers_;
};

bool is_pin(const Vertex& v) {
  constexpr std::int32_t kBlock = kCoverageBlock * kPixel;
  return (v.x + kPixel / 2) % kBlock == 0 || (v.y + kPixel / 2) % kBlock == 0;
}

// Twice the area; positive where the patch is inside. In whole numbers: the outermost ring of a map of 2^18 px fits.
double ring_area(const std::vector<Vertex>& ring) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i + 1 < ring.size(); ++i)
    sum -= (std::int64_t{ring[i].x} - ring[0].x + ring[i + 1].x - ring[0].x) * (std::int64_t{ring[i + 1].y} - ring[i].y);
  return static_cast<double>(sum);
}

// Without pins on straight lines, and from its smallest vertex on: the ring is the same whatever it was put together from.
std::vector<Vertex> finished_ring(const std::vector<Vertex>& open) {
  std::vector<Vertex> ring;
  const std::size_t n = open.size();
  for (std::size_t i = 0; i < n; ++i)
    if (!is_pin(open[i]) || cross(open[(i + n - 1) % n], open[i], open[(i + 1) % n]) != 0) ring.push_back(open[i]);
  const auto first = std::ranges::min_element(ring, {}, [](const Vertex& v) { return std::pair(v.y, v.x); });
  std::rotate(ring.begin(), first, ring.end());
  ring.push_back(ring.front());
  return ring;
}

}  // namespace

void PatchBorder::add(const Arc& arc, bool reversed) {
  const auto opposite = [](Direction d) { return static_cast<Direction>((static_cast<int>(d) + 2) % 4); };
  pieces.push_back({static_cast<std::uint32_t>(vertices.size()), static_cast<std::uint32_t>(arc.line.size()),
                    reversed ? opposite(arc.end) : arc.start, reversed ? opposite(arc.start) : arc.end, arc.closed});
  if (reversed)
    vertices.insert(vertices.end(), arc.line.rbegin(), arc.line.rend());
  else
    vertices.insert(vertices.end(), arc.line.begin(), arc.line.end());
}

void PatchBorder::add(PatchBorder&& other) {
  const auto shift = static_cast<std::uint32_t>(vertices.size());
  vertices.insert(vertices.end(), other.vertices.begin(), other.vertices.end());
  for (BorderPiece piece : other.pieces) {
    piece.first += shift;
    pieces.push_back(piece);
  }
  other = {};
}

CoveragePolygon polygon_of(Patch&& patch) {
  const PatchBorder& border = patch.border;
  const std::size_t n = border.pieces.size();
  const auto first_of = [&](const BorderPiece& piece) { return border.vertices[piece.first]; };
  const auto last_of = [&](const BorderPiece& piece) { return border.vertices[piece.first + piece.count - 1]; };
  std::vector<std::pair<std::uint64_t, std::uint32_t>> starts;  // by vertex
  for (std::uint32_t i = 0; i < n; ++i) starts.emplace_back(key_of(first_of(border.pieces[i])), i);
  std::ranges::sort(starts);
  const auto next_of = [&](const BorderPiece& piece) {
    const std::uint64_t key = key_of(last_of(piece));
    auto found = std::ranges::lower_bound(starts, std::pair(key, std::uint32_t{0}));
    MILLESIME_CHECK(found != starts.end() && found->first == key, "an arc without continuation");
    // Where the patch meets itself at a corner the ring turns right, around the pixel that is not of the patch: rings touch there, and
    // none touches itself.
    const auto right = static_cast<Direction>((static_cast<int>(piece.end) + 1) % 4);
    if (const auto other = found + 1; other != starts.end() && other->first == key && border.pieces[other->second].start == right) ++found;
    return found->second;
  };
  std::vector<bool> used(n, false);
  std::vector<std::vector<Vertex>> rings;
  std::vector<Vertex> ring;
  for (std::uint32_t first = 0; first < n; ++first) {
    if (used[first]) continue;
    ring.clear();
    std::uint32_t i = first;
    do {
      MILLESIME_CHECK(!used[i], "an arc that is part of two rings");
      used[i] = true;
      const BorderPiece& piece = border.pieces[i];
      const auto begin = border.vertices.begin() + piece.first;
      ring.insert(ring.end(), begin, begin + piece.count - 1);
      if (piece.closed) break;
      i = next_of(piece);
    } while (i != first);
    rings.push_back(finished_ring(ring));
  }
  const auto outer = std::ranges::find_if(rings, [](const auto& r) { return ring_area(r) > 0; });
  MILLESIME_CHECK(outer != rings.end(), "a patch without outer ring");
  std::iter_swap(rings.begin(), outer);
  std::ranges::sort(rings.begin() + 1, rings.end(), {}, [](const auto& r) { return std::tuple(r[0].y, r[0].x, r[1].y, r[1].x); });
  CoveragePolygon polygon;
  polygon.label = patch.label;
  polygon.sums = std::move(patch.sums);
  std::size_t total = 0;
  for (const auto& r : rings) total += r.size();
  polygon.vertices.reserve(total);
  for (const auto& r : rings) {
    polygon.vertices.insert(polygon.vertices.end(), r.begin(), r.end());
    polygon.ring_ends.push_back(static_cast<std::uint32_t>(polygon.vertices.size()));
  }
  return polygon;
}

BlockResult coverage_block(const CoverageStrip& strip, int index, const OutlineOptions& options, PixelRule rule,
                           const std::function<bool(std::uint32_t)>& wanted) {
  const int first_col = index * kCoverageBlock, width = std::min(kCoverageBlock + 1, strip.cols - first_col);
  MILLESIME_CHECK(width >= 2 && strip.rows >= 2, "a block of ", width, " x ", strip.rows, " pixels");
  const Labelled labelled = label_block(strip, first_col, width);
  const BlockPatches& block = labelled.patches;
  std::vector<Arc> arcs = trace_arcs(block, options.diagonals);
  BlockResult result;
  result.cols = width, result.rows = strip.rows;
  result.counts = shape_outlines(block, arcs, options);

  BlockSums sums(strip, first_col, block, labelled.labels.size());
  sums.add_pixels();
  for (const Arc& arc : arcs) sums.move(arc, rule);

  std::vector<bool> is_open(labelled.labels.size(), false), is_wanted(labelled.labels.size(), false);
  for (std::size_t p = 0; p < is_wanted.size(); ++p) is_wanted[p] = labelled.labels[p] != 0 && wanted(labelled.labels[p]);
  for (int c = 0; c < width; ++c)
    is_open[static_cast<std::size_t>(block.at(c, 0))] = is_open[static_cast<std::size_t>(block.at(c, block.rows))] = true;
  for (int r = 0; r < strip.rows; ++r)
    is_open[static_cast<std::size_t>(block.at(0, r))] = is_open[static_cast<std::size_t>(block.at(block.cols, r))] = true;

  std::vector<Patch> patches(labelled.labels.size());
  for (const Arc& arc : arcs) {
    if (is_wanted[static_cast<std::size_t>(arc.left)]) patches[static_cast<std::size_t>(arc.left)].border.add(arc, false);
    if (is_wanted[static_cast<std::size_t>(arc.right)]) patches[static_cast<std::size_t>(arc.right)].border.add(arc, true);
  }
  std::vector<std::int32_t> place(patches.size(), -1);
  for (std::size_t p = 0; p < patches.size(); ++p) {
    if (!is_wanted[p]) continue;
    patches[p].label = labelled.labels[p];
    patches[p].sums = sums.of(p);
    if (is_open[p]) {
      place[p] = static_cast<std::int32_t>(result.open.size());
      result.open.push_back(std::move(patches[p]));
    } else {
      result.whole.push_back(polygon_of(std::move(patches[p])));
    }
  }
  const auto along = [&](int c, int r) { return place[static_cast<std::size_t>(block.at(c, r))]; };
  for (int c = 0; c < width; ++c) result.top.push_back(along(c, 0)), result.bottom.push_back(along(c, block.rows));
  for (int r = 0; r < strip.rows; ++r) result.left.push_back(along(0, r)), result.right.push_back(along(block.cols, r));
  return result;
}

}  // namespace millesime
