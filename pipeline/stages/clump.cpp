#include "pipeline/stages/clump.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/raster_file.h"

namespace millesime {
namespace {

constexpr std::int64_t kBytesPerPixel = 24;      // of a strip: labels, parts, numbers and what GDAL holds of them
constexpr std::int64_t kLargestStrip = 1 << 24;  // px; more gives no more speed

// Sets that are joined; the lowest member stands for a set (union-find with path halving).
class Joined {
 public:
  std::int64_t size() const { return std::ssize(parent_); }
  std::int32_t add() {
    if (size() >= std::numeric_limits<std::int32_t>::max() - 1) throw UserError("clump: the map has more parts of patches than 2^31");
    parent_.push_back(static_cast<std::int32_t>(parent_.size()));
    return parent_.back();
  }
  std::int32_t root(std::int32_t member) {
    std::int32_t* parent = parent_.data();
    while (parent[member] != member) member = parent[member] = parent[parent[member]];
    return member;
  }
  void join(std::int32_t a, std::int32_t b) {
    a = root(a), b = root(b);
    parent_[static_cast<std::size_t>(std::max(a, b))] = std::min(a, b);
  }

 private:
  std::vector<std::int32_t> parent_;
};

// Walks the map twice in the same strips and gives each run of a row the same part both times.
class Patches {
 public:
  Patches(const MapInput& map, bool corners) : map_(map), corners_(corners) {}

  // The parts of a strip's pixels (-1: no data), row by row: a part goes on from the pixel before or above, or is new. Parts of one
  // patch that meet later are joined.
  void parts_of(const Window& strip, std::vector<std::int32_t>& parts) {
    const int cols = map_.grid().cols;
    labels_.resize(static_cast<std::size_t>(strip.pixels()));
    parts.resize(labels_.size());
    map_.read(strip, labels_.data());
    if (strip.row == 0)
      above_labels_.assign(static_cast<std::size_t>(cols), 0), above_parts_.assign(static_cast<std::size_t>(cols), -1), next_ = 0;
    for (int row = 0; row < strip.height; ++row) {
      const std::int32_t* labels = labels_.data() + std::ptrdiff_t{row} * cols;
      std::int32_t* own = parts.data() + std::ptrdiff_t{row} * cols;
      for (int col = 0; col < cols; ++col) own[col] = labels[col] == 0 ? -1 : part_at(labels, own, col, cols);
      std::copy_n(labels, cols, above_labels_.begin());
      std::copy_n(own, cols, above_parts_.begin());
    }
  }

  Joined& joined() { return joined_; }

 private:
  std::int32_t part_at(const std::int32_t* labels, const std::int32_t* own, int col, int cols) {
    std::int32_t part = -1;
    const auto meets = [&](std::int32_t other) {
      if (part < 0)
        part = other;
      else if (other != part)
        joined_.join(part, other);
    };
    if (col > 0 && labels[col - 1] == labels[col]) meets(own[col - 1]);
    for (int above = std::max(0, corners_ ? col - 1 : col); above <= std::min(cols - 1, corners_ ? col + 1 : col); ++above)
      if (above_labels_[static_cast<std::size_t>(above)] == labels[col]) meets(above_parts_[static_cast<std::size_t>(above)]);
    if (part >= 0) return part;
    if (next_ == joined_.size()) joined_.add();  // the first time that the map is walked
    return static_cast<std::int32_t>(next_++);
  }

  const MapInput& map_;
  bool corners_;
  Joined joined_;
  std::int64_t next_ = 0;
  std::vector<std::int32_t> labels_, above_labels_, above_parts_;
};

// The number of each part's patch, from 1, in the order of the patches' first parts, which is that of their first pixels.
std::vector<std::int32_t> numbers_of(Joined& joined, std::int64_t& patches) {
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(joined.size()));
  patches = 0;
  for (std::int32_t part = 0; part < joined.size(); ++part) {
    const std::int32_t root = joined.root(part);
    numbers[static_cast<std::size_t>(part)] = root == part ? static_cast<std::int32_t>(++patches) : numbers[static_cast<std::size_t>(root)];
  }
  return numbers;
}

}  // namespace

Options ClumpCommand::declare() {
  Options o;
  o.add("map", &map, "class map, 0 = no data").path().required();
  o.add("corners", &corners, "pixels that meet at a corner are one patch, too");
  o.add("output", &output, "map of the patches' numbers to write (int32, 0 = no data)").path().required();
  return o;
}

ClumpCounts clump(const ClumpCommand& command, const Context& context) {
  const MapInput map = open_map(command.map, MapKind::classes, context);
  std::error_code error;
  if (std::filesystem::equivalent(command.map, command.output, error))
    throw UserError(join_text("clump --output: ", command.output, " is the map that is read; give another name"));
  const Grid& grid = map.grid();
  RasterOptions options;
  options.nodata = 0;
  RasterWriter writer(command.output, grid, PixelType::i32, 1, options);
  const std::int64_t most = std::clamp<std::int64_t>(context.memory_bytes / 2 / kBytesPerPixel, 1, kLargestStrip);
  const std::vector<Window> strips = split(grid.whole(), grid.cols, writer.block(), most);

  context.progress->start("clump", 2 * grid.pixels(), "px");
  Patches patches(map, command.corners);
  std::vector<std::int32_t> parts;
  for (const Window& strip : strips) {
    patches.parts_of(strip, parts);
    context.progress->advance(strip.pixels());
  }
  ClumpCounts counts;
  counts.pixels = grid.pixels();
  const std::vector<std::int32_t> numbers = numbers_of(patches.joined(), counts.patches);
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(counts.patches) + 1);
  for (const Window& strip : strips) {
    patches.parts_of(strip, parts);
    for (std::int32_t& part : parts) {
      part = part < 0 ? 0 : numbers[static_cast<std::size_t>(part)];
      ++sizes[static_cast<std::size_t>(part)];
    }
    writer.write(strip, 0, parts.data());
    context.progress->advance(strip.pixels());
  }
  writer.commit();
  context.progress->finish();
  counts.mapped = counts.pixels - sizes[0];
  sizes[0] = 0;
  counts.largest = *std::ranges::max_element(sizes);
  return counts;
}

}  // namespace millesime
