#include "pipeline/stages/regularise.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
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

namespace millesime {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Group = std::array<bool, 256>;  // which labels belong to it

// The kernels work on labels of 8 bits: the codes of a map of 8 bits themselves, else the place of a code among those that occur, from 1.
// Both keep the order of the codes, which decides ties.
class LabelsOfCodes {
 public:
  // UserError for a map of more than 255 classes.
  explicit LabelsOfCodes(const MapInput& map) {
    if (map.form().highest <= 255) {
      for (int code = 1; code <= 255; ++code) codes_.push_back(code);
      return;
    }
    std::vector<bool> occurs(static_cast<std::size_t>(map.form().highest) + 1);
    std::vector<std::uint16_t> codes;
    const RasterInfo& info = map.reader().info();
    for (const Window& window : split(map.grid().whole(), info.block_width, info.block_height, 1 << 22)) {
      codes.resize(static_cast<std::size_t>(window.pixels()));
      map.read(window, codes.data());
      for (const std::uint16_t code : codes) occurs[code] = true;
    }
    for (int code = 1; code <= map.form().highest; ++code)
      if (occurs[static_cast<std::size_t>(code)]) codes_.push_back(code);
    if (codes_.size() > 255)
      throw UserError(join_text("regularise: expected a map of at most 255 classes, got ", codes_.size(), " in ", map.path(),
                                "; join classes, e.g. with `millesime nomenclature convert`"));
    label_of_.resize(occurs.size());
    for (std::size_t i = 0; i < codes_.size(); ++i) label_of_[static_cast<std::size_t>(codes_[i])] = static_cast<std::uint8_t>(i + 1);
  }

  void read(const MapInput& map, const Window& window, Bytes& labels) const {
    if (label_of_.empty()) return map.read(window, labels.data());
    std::vector<std::uint16_t> codes(labels.size());
    map.read(window, codes.data());
    std::ranges::transform(codes, labels.begin(), [&](std::uint16_t code) { return label_of_[code]; });
  }
  void write(const Bytes& labels, const Window& window, RasterWriter& writer) const {
    if (label_of_.empty()) return writer.write(window, 0, labels.data());
    std::vector<std::uint16_t> codes(labels.size());
    std::ranges::transform(labels, codes.begin(), [&](std::uint8_t label) { return static_cast<std::uint16_t>(code_of(label)); });
    writer.write(window, 0, codes.data());
  }
  int code_of(std::uint8_t label) const { return label == 0 ? 0 : codes_[label - std::size_t{1}]; }
  // Nothing for a code that the map does not have.
  std::optional<std::uint8_t> label_of(int code) const {
    const auto place = std::ranges::lower_bound(codes_, code);
    if (place == codes_.end() || *place != code) return std::nullopt;
    return static_cast<std::uint8_t>(place - codes_.begin() + 1);
  }

 private:
  std::vector<int> codes_;              // of the labels from 1
  std::vector<std::uint8_t> label_of_;  // by code; empty: the label is the code
};

std::vector<Group> groups_of(const Nomenclature& nomenclature, const LabelsOfCodes& labels) {
  std::map<int, Group> by_parent;
  std::vector<Group> groups;
  for (const LandClass& c : nomenclature.classes) {
    const auto label = labels.label_of(c.code);
    if (!label) continue;
    Group& group = c.parent == 0 ? groups.emplace_back() : by_parent[c.parent];
    group[*label] = true;
  }
  for (const auto& [parent, group] : by_parent) groups.push_back(group);
  return groups;
}

void require_groups(const std::optional<Nomenclature>& nomenclature) {
  if (!nomenclature) throw UserError("regularise --groups: expected also --nomenclature, which says what belongs to which group");
  if (std::ranges::none_of(nomenclature->classes, [](const LandClass& c) { return c.parent != 0; }))
    throw UserError(join_text("regularise --groups: no class of the nomenclature ", nomenclature->name,
                              " has a group; configs/nomenclatures/README.md says how groups are written"));
}

constexpr int kBlock = 512;          // of the files that are written, px
constexpr int kMaxMinPixels = 5000;  // a window reaches twice as far beyond its edges: it stays below 2^31 px

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
  std::int64_t side = 16 * kBlock;
  while (side > kBlock && bytes(side) > memory) side -= kBlock;
  while (side > 1 && bytes(side) > memory) side /= 2;
  if (bytes(side) > memory)
    throw UserError(join_text("regularise --min-pixels: the sieve reads ", reach, " px around each pixel, for which it needs ",
                              2 * bytes(side) >> 20, " MiB; --memory is ", context.memory_bytes >> 20,
                              " MiB; use more, or a smaller --min-pixels"));
  return split(grid.whole(), static_cast<int>(side), static_cast<int>(side), side * side);
}

class Regularisation {
 public:
  // `groups`: that the filter and the first passes of the sieve stay within; none: the whole map is one.
  Regularisation(const RegulariseCommand& command, const MapInput& map, const LabelsOfCodes& labels, std::vector<Group> groups,
                 const Context& context, const std::string& folder)
      : command_(command),
        map_(map),
        labels_(labels),
        groups_(std::move(groups)),
        context_(context),
        transfer_(Stream(context.device, context.threads)),
        scratch_(folder, map.grid().cols, map.grid().rows),
        next_(folder, map.grid().cols, map.grid().rows) {
    counts_.pixels = grid().pixels();
  }

  const ScratchMap& result() const { return scratch_; }
  RegulariseCounts& counts() { return counts_; }

  // The map, filtered or not, is the input of the sieve.
  void read_and_filter() {
    const int reach = command_.majority / 2;
    Bytes labels, filtered;
    for (const Window& window : windows_of(grid(), reach, 2, context_)) {
      const Surroundings around(window, reach, grid());
      labels.resize(static_cast<std::size_t>(around.read.pixels()));
      labels_.read(map_, around.read, labels);
      if (!groups_.empty()) require_known(labels);
      filtered.resize(static_cast<std::size_t>(window.pixels()));
      if (command_.majority > 0)
        by_group(groups_, labels, filtered, [&](const Bytes& of_group, const Group*, Bytes& out) { filter(around, of_group, out); });
      else
        filtered = labels;
      counts_.by_majority += changed(around, labels, filtered);
      for (const std::uint8_t label : filtered) occurs_[label] = true;
      scratch_.write(window, filtered.data());
      context_.progress->advance(window.pixels());
    }
  }

  // Until nothing changes, within groups and then across them.
  void sieve_all() {
    if (!groups_.empty())
      while (sieve_once(groups_)) context_.progress->extend(grid().pixels());
    while (sieve_once({})) context_.progress->extend(grid().pixels());
  }

 private:
  // A label, component, size, two contacts, winner and result; on the host the labels, those of a group, its result and the result.
  static constexpr std::int64_t kSieveBytes = 1 + 4 * 4 + 1 + 1 + 4;

  const Grid& grid() const { return map_.grid(); }

  // work(labels, group, result) on the labels of each group, 0 elsewhere; what it leaves 0 belongs to another. Without groups, on all.
  template <class Work>
  static void by_group(const std::vector<Group>& groups, const Bytes& labels, Bytes& result, Work work) {
    if (groups.empty()) return work(labels, nullptr, result);
    std::ranges::fill(result, std::uint8_t{0});
    Bytes of_group(labels.size()), part(result.size());
    for (const Group& group : groups) {
      std::ranges::transform(labels, of_group.begin(), [&](std::uint8_t label) { return group[label] ? label : std::uint8_t{0}; });
      if (std::ranges::none_of(of_group, [](std::uint8_t label) { return label != 0; })) continue;
      work(of_group, &group, part);
      std::ranges::transform(result, part, result.begin(), [](std::uint8_t whole, std::uint8_t one) { return one != 0 ? one : whole; });
    }
  }

  // The labels that occur, of a group or of the map.
  Bytes classes_of(const Group* group) const {
    Bytes classes;
    for (std::size_t label = 1; label < 256; ++label)
      if (occurs_[label] && (!group || (*group)[label])) classes.push_back(static_cast<std::uint8_t>(label));
    return classes;
  }

  // Whether it changed anything.
  bool sieve_once(const std::vector<Group>& groups) {
    const int reach = 2 * command_.min_pixels;
    std::int64_t n = 0;
    Bytes labels, sieved;
    for (const Window& window : windows_of(grid(), reach, kSieveBytes, context_)) {
      const Surroundings around(window, reach, grid());
      labels.resize(static_cast<std::size_t>(around.read.pixels()));
      scratch_.read(around.read, labels.data());
      sieved.resize(static_cast<std::size_t>(window.pixels()));
      by_group(groups, labels, sieved,
               [&](const Bytes& of_group, const Group* group, Bytes& out) { sieve_window(around, of_group, classes_of(group), out); });
      n += changed(around, labels, sieved);
      next_.write(window, sieved.data());
      context_.progress->advance(window.pixels());
    }
    std::swap(scratch_, next_);
    counts_.by_sieve += n;
    counts_.passes += n > 0 ? 1 : 0;
    return n > 0;
  }

  void require_known(const Bytes& labels) const {
    for (const std::uint8_t label : labels)
      if (label != 0 && std::ranges::none_of(groups_, [&](const Group& group) { return group[label]; }))
        throw UserError(join_text("regularise --groups: ", command_.map, " holds the class ", labels_.code_of(label),
                                  ", which the nomenclature ", command_.nomenclature, " does not have; add it there, with its group"));
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

  void sieve_window(const Surroundings& around, const Bytes& labels, const Bytes& classes, Bytes& sieved) {
    const Stream& stream = transfer_.stream();
    const std::int64_t pixels = around.read.pixels();
    const Buffer<std::uint8_t> in = transfer_.to_device(labels);
    Buffer<std::int32_t> component(context_.device, pixels), size(context_.device, pixels), contact(context_.device, pixels),
        most_contact(context_.device, pixels);
    Buffer<std::uint8_t> winner(context_.device, pixels), out(context_.device, pixels);
    const int connectivity = command_.corners ? 8 : 4;
    connected_components(stream, {around.read.width, around.read.height, connectivity, in.data(), component.data(), size.data()});
    sieve(stream, {around.read.width, around.read.height, connectivity, command_.min_pixels, in.data(), component.data(), size.data(),
                   classes.data(), static_cast<int>(classes.size()), contact.data(), most_contact.data(), winner.data(), out.data()});
    const Bytes whole = transfer_.to_host(out);
    for (int row = 0; row < around.window.height; ++row)
      std::copy_n(whole.begin() + std::ptrdiff_t{around.row() + row} * around.read.width + around.col(), around.window.width,
                  sieved.begin() + std::ptrdiff_t{row} * around.window.width);
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
  const LabelsOfCodes& labels_;
  std::vector<Group> groups_;
  const Context& context_;
  Transfer transfer_;
  ScratchMap scratch_, next_;
  std::array<bool, 256> occurs_ = {};
  RegulariseCounts counts_;
};

void check(const RegulariseCommand& command) {
  if (command.majority != 0 && (command.majority < 3 || command.majority % 2 == 0))
    throw UserError(
        join_text("regularise --majority: expected an odd side of 3 to ", kMaxMajoritySize, " px, or 0 for none, got ", command.majority));
  std::error_code error;
  if (std::filesystem::equivalent(command.map, command.output, error))
    throw UserError(join_text("regularise --output: ", command.output, " is the input map; use another name"));
}

}  // namespace

Options RegulariseCommand::declare() {
  Options options;
  options.add("map", &map, "class map, 0 = no data").path().required();
  options.add("majority", &majority, "side of the square whose most frequent class a pixel takes, odd; 0: no majority filter")
      .unit("px")
      .range(0, kMaxMajoritySize);
  options.add("min_pixels", &min_pixels, "smaller patches take the class that they touch most; 0: no sieve")
      .unit("px")
      .range(0, kMaxMinPixels);
  options.add("corners", &corners, "pixels that touch at a corner belong to one patch, too");
  options.add("groups", &groups, "the filter and the sieve work within the nomenclature's level-1 groups first");
  options
      .add("nomenclature", &nomenclature,
           "the classes: a name in configs/nomenclatures, or a file, for palette and names; default: those of the map")
      .names("nomenclature");
  options.add("output", &output, "map to write").path().required();
  return options;
}

RegulariseCounts regularise(const RegulariseCommand& command, const Context& context) {
  check(command);
  const MapInput map = open_map(command.map, MapKind::classes, context);
  const LabelsOfCodes codes(map);
  const std::filesystem::path folder = std::filesystem::path(command.output).parent_path();
  std::optional<Nomenclature> legend;
  if (!command.nomenclature.empty()) legend = Nomenclature::load(command.nomenclature);
  if (command.groups) require_groups(legend);
  Regularisation work(command, map, codes, command.groups ? groups_of(*legend, codes) : std::vector<Group>{}, context,
                      folder.empty() ? "." : folder.string());
  const Grid& grid = map.grid();
  if (!legend) legend = map.reader().legend();
  RasterOptions options;
  options.nodata = 0;
  options.nomenclature = legend ? &*legend : nullptr;
  options.block = kBlock;
  RasterWriter writer(command.output, grid, class_type(std::max(map.form().highest, legend ? legend->max_code() : 0)), 1,
                      options);  // creates the folder

  context.progress->start("regularise", 2 * grid.pixels(), "px");
  work.read_and_filter();
  if (command.min_pixels > 1) work.sieve_all();
  Bytes labels;
  for (const Window& window : split(grid.whole(), grid.cols, writer.block(), 1 << 24)) {
    labels.resize(static_cast<std::size_t>(window.pixels()));
    work.result().read(window, labels.data());
    codes.write(labels, window, writer);
    work.counts().mapped += std::ranges::count_if(labels, [](std::uint8_t label) { return label != 0; });
  }
  writer.commit();
  context.progress->finish();
  return work.counts();
}

}  // namespace millesime
