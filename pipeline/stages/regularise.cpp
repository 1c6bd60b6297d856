#include "pipeline/stages/regularise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/base/transfer.h"
#include "kernels/ops/connected_components.h"
#include "kernels/ops/majority_filter.h"
#include "kernels/ops/sieve.h"
#include "pipeline/core/error.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/scratch_map.h"
#include "pipeline/stages/common_classes.h"
#include "pipeline/stages/internal/regularise_rule.h"

namespace millesime {
namespace {

constexpr std::int64_t kWidest = 3 * kMapBlock;  // more makes it no faster
constexpr int kMaxMinPixels = 5000;              // a window reaches twice as far beyond its edges: it stays below 2^31 px

// A window and the part of the map that it needs.
struct Surroundings {
  Window window, read;  // read: the window and its surroundings, within the map
  Surroundings(const Window& wanted, int reach, const Grid& grid)
      : window(wanted),
        read(Window{wanted.col - reach, wanted.row - reach, wanted.width + 2 * reach, wanted.height + 2 * reach}.intersect(grid.whole())) {}
  int col() const { return window.col - read.col; }
  int row() const { return window.row - read.row; }
};

// Square windows that need at most half of the memory with their surroundings.
std::vector<Window> windows_of(const Grid& grid, int reach, std::int64_t bytes_per_pixel, const Context& context) {
  const auto bytes = [&](std::int64_t side) { return (side + 2 * reach) * (side + 2 * reach) * bytes_per_pixel; };
  const std::int64_t memory = context.memory_bytes / 2;
  std::int64_t side = kWidest;
  while (side > kMapBlock && bytes(side) > memory) side -= kMapBlock;
  while (side > 1 && bytes(side) > memory) side /= 2;
  if (bytes(side) > memory)
    throw UserError(join_text("regularise --min-pixels: the sieve reads ", reach, " px around each pixel, for which it needs ",
                              2 * bytes(side) >> 20, " MiB; --memory is ", context.memory_bytes >> 20,
                              " MiB; use more, or a smaller --min-pixels"));
  return split(grid.whole(), static_cast<int>(side), static_cast<int>(side), side * side);
}

// A window that was worked on, and whether that changed anything.
struct Outcome {
  Window window;
  bool changed = true;
};

class Regularisation {
 public:
  Regularisation(const RegulariseCommand& command, const MapInput& map, const RegulariseRule& rule, const Context& context,
                 std::string folder)
      : command_(command),
        map_(map),
        rule_(rule),
        context_(context),
        folder_(std::move(folder)),
        transfer_(Stream(context.device, context.threads)),
        grid_(map.grid()),
        scratch_(folder_, grid_.cols, grid_.rows),
        next_(folder_, grid_.cols, grid_.rows) {}

  const Grid& grid() const { return grid_; }  // of what the steps so far have made
  const ScratchMap& result() const { return scratch_; }
  RegulariseCounts& counts() { return counts_; }

  // The map, filtered or not, is the input of the sieve.
  void read_and_filter() {
    const int reach = command_.majority / 2;
    Bytes labels, filtered;
    for (const Window& window : windows_of(grid_, reach, 2 + 2, context_)) {
      const Surroundings around(window, reach, grid_);
      rule_.labels.read(map_, around.read, labels);
      rule_.require_known(labels);
      filtered.resize(static_cast<std::size_t>(window.pixels()));
      if (command_.majority > 0)
        by_group(rule_.groups, labels, filtered, [&](const Bytes& of_group, Bytes& out) { filter(around, of_group, out); });
      else
        copy_inside(around, labels, filtered);
      restore(around, labels, filtered);
      counts_.by_majority += changed(around, labels, filtered);
      for (const std::uint8_t label : filtered) occurs_[label] = true;
      scratch_.write(window, filtered.data());
      context_.progress->advance(window.pixels());
    }
  }

  // Until nothing changes. `groups`: that patches stay within; none: the whole map is one.
  void sieve_all(int min_pixels, const std::vector<Group>& groups) {
    if (min_pixels < 2) return;
    for (const int connectivity : rule_.connectivities) {
      std::vector<Outcome> last;
      while (sieve_once(min_pixels, connectivity, groups, last)) context_.progress->extend(grid_.pixels());
    }
  }

  // Pixels of `side` x `side` pixels: the class of most of them; of equals the one of most pixels around, then the lowest.
  void resample() {
    const LargerPixels& to = *rule_.resampling;
    ScratchMap larger(folder_, to.grid.cols, to.grid.rows);
    Bytes labels, out;
    for (const Window& window : windows_of(to.grid, 1, std::int64_t{to.side} * to.side + 1, context_)) {
      const Window inside = Window{window.col * to.side - to.col - 1, window.row * to.side - to.row - 1, window.width * to.side + 2,
                                   window.height * to.side + 2}
                                .intersect(grid_.whole());
      labels.resize(static_cast<std::size_t>(inside.pixels()));
      if (!inside.empty()) scratch_.read(inside, labels.data());
      out.resize(static_cast<std::size_t>(window.pixels()));
      for (int row = 0; row < window.height; ++row)
        for (int col = 0; col < window.width; ++col) {
          const Window block{(window.col + col) * to.side - to.col, (window.row + row) * to.side - to.row, to.side, to.side};
          out[static_cast<std::size_t>(row) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(col)] =
              rule_.most_frequent(labels, inside, block);
        }
      larger.write(window, out.data());
    }
    grid_ = to.grid;
    scratch_ = std::move(larger);
    next_ = ScratchMap(folder_, grid_.cols, grid_.rows);
  }

 private:
  // Labels, component, size, two contacts, winner and result; on the host the labels and two results.
  static constexpr std::int64_t kSieveBytes = 1 + 4 * 4 + 1 + 1 + 3;

  // work(labels, result) on the labels of each group, 0 elsewhere; what it leaves 0 belongs to another. Without groups, on all.
  template <class Work>
  static void by_group(const std::vector<Group>& groups, const Bytes& labels, Bytes& result, Work work) {
    if (groups.empty()) return work(labels, result);
    std::ranges::fill(result, std::uint8_t{0});
    Bytes of_group(labels.size()), part(result.size());
    for (const Group& group : groups) {
      std::ranges::transform(labels, of_group.begin(), [&](std::uint8_t label) { return group[label] ? label : std::uint8_t{0}; });
      if (std::ranges::none_of(of_group, [](std::uint8_t label) { return label != 0; })) continue;
      work(of_group, part);
      std::ranges::transform(result, part, result.begin(), [](std::uint8_t whole, std::uint8_t one) { return one != 0 ? one : whole; });
    }
  }

  // Whether it changed anything. `last`: what the pass before did; where it changed nothing around a window, this one would change nothing.
  bool sieve_once(int min_pixels, int connectivity, const std::vector<Group>& groups, std::vector<Outcome>& last) {
    const int reach = 2 * min_pixels;
    std::int64_t n = 0;
    std::vector<Outcome> outcomes;
    Bytes labels, sieved;
    for (const Window& window : windows_of(grid_, reach, kSieveBytes, context_)) {
      const Surroundings around(window, reach, grid_);
      const bool idle = !last.empty() && std::ranges::none_of(last, [&](const Outcome& outcome) {
        return outcome.changed && !outcome.window.intersect(around.read).empty();
      });
      labels.resize(static_cast<std::size_t>(idle ? window.pixels() : around.read.pixels()));
      scratch_.read(idle ? window : around.read, labels.data());
      std::int64_t here = 0;
      if (idle) {
        next_.write(window, labels.data());
      } else {
        sieved.resize(static_cast<std::size_t>(window.pixels()));
        sieve_window(around, labels, min_pixels, connectivity, groups, sieved);
        if (connectivity == 4) restore(around, labels, sieved);
        here = changed(around, labels, sieved);
        next_.write(window, sieved.data());
      }
      n += here;
      outcomes.push_back({window, here > 0});
      context_.progress->advance(window.pixels());
    }
    std::swap(scratch_, next_);
    last = std::move(outcomes);
    counts_.by_sieve += n;
    counts_.passes += n > 0 ? 1 : 0;
    return n > 0;
  }

  void filter(const Surroundings& around, const Bytes& labels, Bytes& filtered) {
    const Stream& stream = transfer_.stream();
    const Buffer<std::uint8_t> in = transfer_.to_device(labels);
    Buffer<std::uint8_t> out(context_.device, around.window.pixels());
    MajorityFilterArgs args;
    args.size = command_.majority;
    args.cols = around.read.width, args.rows = around.read.height;
    args.width = around.window.width, args.height = around.window.height;
    args.col = around.col(), args.row = around.row();
    args.labels = in.data();
    args.filtered = out.data();
    majority_filter(stream, args);
    transfer_.to_host(filtered.data(), out.data(), filtered.size());
  }

  void sieve_window(const Surroundings& around, const Bytes& labels, int min_pixels, int connectivity, const std::vector<Group>& groups,
                    Bytes& sieved) {
    const std::int64_t pixels = around.read.pixels();
    const Buffer<std::uint8_t> in = transfer_.to_device(labels);
    Buffer<std::int32_t> component(context_.device, pixels), size(context_.device, pixels);
    connected_components(transfer_.stream(),
                         {around.read.width, around.read.height, connectivity, in.data(), component.data(), size.data()});
    Buffer<std::int32_t> contact(context_.device, pixels), most_contact(context_.device, pixels);
    Buffer<std::uint8_t> winner(context_.device, pixels), out(context_.device, pixels);
    Bytes classes, group_of(256, 0);
    for (std::size_t label = 1; label < occurs_.size(); ++label)
      if (occurs_[label]) classes.push_back(static_cast<std::uint8_t>(label));
    for (std::size_t group = 0; group < groups.size(); ++group)
      for (std::size_t label = 0; label < group_of.size(); ++label)
        if (groups[group][label]) group_of[label] = static_cast<std::uint8_t>(group);
    const Buffer<std::uint8_t> group = transfer_.to_device(group_of);
    SieveArgs args;
    args.width = around.read.width, args.height = around.read.height;
    args.connectivity = connectivity, args.min_pixels = min_pixels;
    args.labels = in.data(), args.component = component.data(), args.size = size.data();
    args.classes = classes.data(), args.n_classes = static_cast<int>(classes.size());
    if (!groups.empty()) args.group = group.data();
    args.contact = contact.data(), args.most_contact = most_contact.data();
    args.winner = winner.data(), args.sieved = out.data();
    sieve(transfer_.stream(), args);
    copy_inside(around, transfer_.to_host(out), sieved);
  }

  static void copy_inside(const Surroundings& around, const Bytes& whole, Bytes& inside) {
    for (int row = 0; row < around.window.height; ++row)
      std::copy_n(whole.begin() + std::ptrdiff_t{around.row() + row} * around.read.width + around.col(), around.window.width,
                  inside.begin() + std::ptrdiff_t{row} * around.window.width);
  }

  // Pixels of the classes to keep are what they were.
  void restore(const Surroundings& around, const Bytes& before, Bytes& after) const {
    if (!rule_.keeps_any) return;
    for (int row = 0; row < around.window.height; ++row) {
      const std::uint8_t* old = before.data() + std::ptrdiff_t{around.row() + row} * around.read.width + around.col();
      std::uint8_t* now = after.data() + std::ptrdiff_t{row} * around.window.width;
      for (int col = 0; col < around.window.width; ++col)
        if (rule_.kept[old[col]]) now[col] = old[col];
    }
  }

  static std::int64_t changed(const Surroundings& around, const Bytes& before, const Bytes& after) {
    std::int64_t n = 0;
    for (int row = 0; row < around.window.height; ++row) {
      const std::uint8_t* old = before.data() + std::ptrdiff_t{around.row() + row} * around.read.width + around.col();
      const std::uint8_t* now = after.data() + std::ptrdiff_t{row} * around.window.width;
      for (int col = 0; col < around.window.width; ++col) n += old[col] != now[col] ? 1 : 0;
    }
    return n;
  }

  const RegulariseCommand& command_;
  const MapInput& map_;
  const RegulariseRule& rule_;
  const Context& context_;
  std::string folder_;
  Transfer transfer_;
  Grid grid_;
  ScratchMap scratch_, next_;
  std::array<bool, 256> occurs_ = {};
  RegulariseCounts counts_;
};

}  // namespace

void RegulariseOptions::declare(Options& options) {
  options.add("majority", &majority, "side of the square whose most frequent class a pixel takes, odd; 0: no majority filter")
      .unit("px")
      .range(0, kMaxMajoritySize);
  options.add("min_pixels", &min_pixels, "smaller patches take the class that they touch most (iota2's umc1); 0: no sieve")
      .unit("px")
      .range(0, kMaxMinPixels);
  options
      .add("connectivity", &connectivity,
           "pixels of one patch share an edge (4), touch at a corner (8), or the first sieve is by 8 and another by 4")
      .choices({"4", "8", "8 then 4"});
  options.add("groups", &groups, "the filter and the sieve work within the nomenclature's level-1 groups first");
  options
      .add("resolution", &resolution,
           "pixel size of the result, a multiple of the map's: each pixel takes the most frequent class of those that it covers; 0: the "
           "map's")
      .unit("units of the CRS")
      .range(0, 1e6);
  options
      .add("min_pixels_resampled", &min_pixels_resampled,
           "smaller patches of the larger pixels take the class that they touch most (iota2's umc2); 0: no sieve")
      .unit("px")
      .range(0, kMaxMinPixels);
  options.add("min_area", &min_area, "minimum mapping unit of the result, e.g. \"0.1 ha\" or \"500 m2\"; default: min_pixels");
  options.add("keep", &keep, "classes that may be one pixel wide (codes or names, e.g. roads and water)");
}

RegulariseCommand::RegulariseCommand() {
  majority = 3;
  connectivity = "4";
  groups = false;
  resolution = 0;
  min_pixels_resampled = 0;
  min_area = "";
}

Options RegulariseCommand::declare() {
  Options options;
  options.add("map", &map, "class map, 0 = no data").path().required();
  RegulariseOptions::declare(options);
  options
      .add("nomenclature", &nomenclature,
           "the classes: a name in configs/nomenclatures, or a file, for palette, names and groups; default: those of the map")
      .names("nomenclature");
  names.declare(options);
  options.add("output", &output, "map to write").path().required();
  return options;
}

RegulariseCounts regularise(const RegulariseCommand& command, const Context& context) {
  const MapInput map = open_map(command.map, MapKind::classes, context);
  const RegulariseRule rule = rule_of(command, map);
  const std::filesystem::path folder = std::filesystem::path(command.output).parent_path();
  std::optional<Nomenclature> legend;
  if (!command.nomenclature.empty())
    legend = Nomenclature::load(command.nomenclature), require_same_meanings({command.map}, &*legend, context);
  else
    legend = map.reader().legend();
  if (!command.nomenclature.empty()) legend = command.names.named(*std::move(legend));
  Regularisation work(command, map, rule, context, folder.empty() ? "." : folder.string());
  RasterOptions options;
  options.nodata = 0;
  options.nomenclature = legend ? &*legend : nullptr;
  const Grid grid = rule.resampling ? rule.resampling->grid : map.grid();
  RasterWriter writer(command.output, grid, class_type(std::max(map.form().highest, legend ? legend->max_code() : 0)), 1,
                      options);  // creates the folder

  context.progress->start("regularise", 2 * map.grid().pixels(), "px");
  work.read_and_filter();
  if (command.groups) work.sieve_all(command.min_pixels, rule.groups);
  if (rule.resampling) {
    if (!command.groups) work.sieve_all(command.min_pixels, {});
    work.resample();
    work.sieve_all(command.min_pixels_resampled, rule.groups);
  }
  work.sieve_all(rule.last_min_pixels, {});
  Bytes labels;
  for (const Window& window : split(grid.whole(), grid.cols, writer.block(), 1 << 22)) {
    labels.resize(static_cast<std::size_t>(window.pixels()));
    work.result().read(window, labels.data());
    rule.labels.write(labels, window, writer);
    work.counts().mapped += std::ranges::count_if(labels, [](std::uint8_t label) { return label != 0; });
  }
  work.counts().pixels = grid.pixels();
  writer.commit();
  context.progress->finish();
  return work.counts();
}

}  // namespace millesime
