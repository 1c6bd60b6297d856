#include "pipeline/stages/internal/regularise_rule.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <sstream>
#include <tuple>

#include "kernels/ops/majority_filter.h"
#include "pipeline/core/error.h"
#include "pipeline/core/known_nomenclature.h"
#include "pipeline/core/text.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/geodesy.h"

namespace millesime {
namespace {

void check(const RegulariseCommand& command) {
  if (command.majority != 0 && (command.majority < 3 || command.majority % 2 == 0))
    throw UserError(
        join_text("regularise --majority: expected an odd side of 3 to ", kMaxMajoritySize, " px, or 0 for none, got ", command.majority));
  std::error_code error;
  if (std::filesystem::equivalent(command.map, command.output, error))
    throw UserError(join_text("regularise --output: ", command.output, " is the input map; use another name"));
}

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
  if (!nomenclature)
    throw UserError("regularise --groups: expected also --nomenclature, which says what belongs to which group; the map has no legend");
  if (std::ranges::none_of(nomenclature->classes, [](const LandClass& c) { return c.parent != 0; }))
    throw UserError(join_text("regularise --groups: no class of the nomenclature ", nomenclature->name,
                              " has a group; configs/nomenclatures/README.md says how groups are written"));
}

double pixel_m2(const Grid& grid) {
  if (const auto metres = metres_per_unit(grid.crs)) return grid.pixel_width * grid.pixel_height * *metres * *metres;
  const auto areas = pixel_areas(grid);
  return areas ? areas->m2(grid.cols / 2, grid.rows / 2) : grid.pixel_width * grid.pixel_height;
}

// The larger pixels have their corners at multiples of their size, so that maps of neighbouring areas fit; where those of the map have
// not, at the map's corner.
std::optional<LargerPixels> resampling_of(double resolution, const Grid& map) {
  if (resolution == 0) return std::nullopt;
  constexpr double kRounding = 1e-6;  // of a pixel
  const double across = resolution / map.pixel_width, down = resolution / map.pixel_height;
  const int side = static_cast<int>(std::lround(across));
  constexpr int kWidestBlock = 64;
  if (side < 1 || side > kWidestBlock || std::abs(across - side) > kRounding || std::abs(down - side) > kRounding)
    throw UserError(join_text("regularise --resolution: expected a multiple of the map's pixels (", map.pixel_width, ") of up to ",
                              kWidestBlock, ", or 0, got ", resolution));
  if (side == 1) return std::nullopt;
  LargerPixels to;
  to.side = side;
  const double left = std::floor(map.x0 / resolution + kRounding) * resolution,
               top = std::ceil(map.y0 / resolution - kRounding) * resolution;
  const double col = (map.x0 - left) / map.pixel_width, row = (top - map.y0) / map.pixel_height;
  const bool fits = std::abs(col - std::round(col)) < 1e-3 && std::abs(row - std::round(row)) < 1e-3;
  to.col = fits ? static_cast<int>(std::lround(col)) : 0;
  to.row = fits ? static_cast<int>(std::lround(row)) : 0;
  to.grid = {map.crs,
             fits ? left : map.x0,
             fits ? top : map.y0,
             resolution,
             resolution,
             (to.col + map.cols + side - 1) / side,
             (to.row + map.rows + side - 1) / side};
  return to;
}

}  // namespace

double area_of(const std::string& text, const std::string& option) {
  std::istringstream words(text);
  double number = 0;
  std::string unit, more;
  words >> number >> unit;
  if (!words || (words >> more) || !(number > 0) || (unit != "ha" && unit != "m2"))
    throw UserError(join_text(option, ": expected an area such as \"0.1 ha\" or \"500 m2\", got \"", text, "\""));
  constexpr double kM2PerHa = 1e4;
  return unit == "ha" ? number * kM2PerHa : number;
}

LabelsOfCodes::LabelsOfCodes(const MapInput& map) {
  constexpr int kLabels = 255;
  if (map.form().highest <= kLabels) {
    for (int code = 1; code <= kLabels; ++code) codes_.push_back(code);
    return;
  }
  std::vector<bool> occurs(static_cast<std::size_t>(map.form().highest) + 1);
  std::vector<std::uint16_t> codes;
  const RasterInfo& info = map.reader().info();
  constexpr std::int64_t kWindow = 1 << 22;  // px
  for (const Window& window : split(map.grid().whole(), info.block_width, info.block_height, kWindow)) {
    codes.resize(static_cast<std::size_t>(window.pixels()));
    map.read(window, codes.data());
    for (const std::uint16_t code : codes) occurs[code] = true;
  }
  for (int code = 1; code <= map.form().highest; ++code)
    if (occurs[static_cast<std::size_t>(code)]) codes_.push_back(code);
  if (codes_.size() > kLabels)
    throw UserError(join_text("regularise: expected a map of at most ", kLabels, " classes, got ", codes_.size(), " in ", map.path(),
                              "; join classes, e.g. with `millesime nomenclature convert`"));
  label_of_.resize(occurs.size());
  for (std::size_t i = 0; i < codes_.size(); ++i) label_of_[static_cast<std::size_t>(codes_[i])] = static_cast<std::uint8_t>(i + 1);
}

void LabelsOfCodes::read(const MapInput& map, const Window& window, Bytes& labels) const {
  labels.resize(static_cast<std::size_t>(window.pixels()));
  if (label_of_.empty()) return map.read(window, labels.data());
  std::vector<std::uint16_t> codes(labels.size());
  map.read(window, codes.data());
  std::ranges::transform(codes, labels.begin(), [&](std::uint16_t code) { return label_of_[code]; });
}

void LabelsOfCodes::write(const Bytes& labels, const Window& window, RasterWriter& writer) const {
  if (label_of_.empty()) return writer.write(window, 0, labels.data());
  std::vector<std::uint16_t> codes(labels.size());
  std::ranges::transform(labels, codes.begin(), [&](std::uint8_t label) { return static_cast<std::uint16_t>(code_of(label)); });
  writer.write(window, 0, codes.data());
}

std::optional<std::uint8_t> LabelsOfCodes::label_of(int code) const {
  const auto place = std::ranges::lower_bound(codes_, code);
  if (place == codes_.end() || *place != code) return std::nullopt;
  return static_cast<std::uint8_t>(place - codes_.begin() + 1);
}

void RegulariseRule::require_known(const Bytes& of) const {
  if (expected)
    for (const std::uint8_t label : of)
      if (label != 0 && !(*expected)[label])
        throw UserError(join_text(map, ": expected classes of the nomenclature ", nomenclature, ", got also code ", labels.code_of(label),
                                  "; use the nomenclature of the map"));
  if (groups.empty()) return;
  for (const std::uint8_t label : of)
    if (label != 0 && std::ranges::none_of(groups, [&](const Group& group) { return group[label]; }))
      throw UserError(join_text("regularise --groups: ", map, " holds the class ", labels.code_of(label), ", which the nomenclature ",
                                nomenclature, " does not have; add it there, with its group"));
}

std::uint8_t RegulariseRule::most_frequent(const Bytes& of, const Window& inside, const Window& block) const {
  struct Votes {
    std::uint8_t label;
    int in, around;
  };
  std::array<Votes, 64> votes;  // in the order of their first pixels; more than fit in a block of 64 pixels lose
  std::size_t n = 0;
  for (int row = block.row - 1; row <= block.row + block.height; ++row)
    for (int col = block.col - 1; col <= block.col + block.width; ++col) {
      if (!inside.contains(col, row)) continue;
      const std::uint8_t label = of[static_cast<std::size_t>(row - inside.row) * static_cast<std::size_t>(inside.width) +
                                    static_cast<std::size_t>(col - inside.col)];
      if (label == 0) continue;
      std::size_t i = 0;
      while (i < n && votes[i].label != label) ++i;
      if (i == votes.size()) continue;
      if (i == n) votes[n++] = {label, 0, 0};
      votes[i].in += block.contains(col, row) ? 1 : 0;
      ++votes[i].around;
    }
  const Votes* best = nullptr;
  for (std::size_t i = 0; i < n; ++i) {
    const Votes& v = votes[i];
    if (v.in == 0) continue;
    const auto rank = [&](const Votes& one) { return std::tuple(kept[one.label], one.in, one.around, -int{one.label}); };
    if (!best || rank(v) > rank(*best)) best = &v;
  }
  return best ? best->label : std::uint8_t{0};
}

RegulariseRule rule_of(const RegulariseCommand& command, const MapInput& map) {
  check(command);
  RegulariseRule rule(map);
  std::optional<Nomenclature> nomenclature;
  if (!command.nomenclature.empty()) {
    nomenclature = Nomenclature::load(command.nomenclature);
  } else if (const auto legend = map.reader().legend()) {
    const auto known = known_nomenclature(*legend);
    nomenclature = known ? known : legend;
  }
  rule.map = command.map;
  rule.nomenclature = nomenclature && !nomenclature->name.empty() ? nomenclature->name : command.nomenclature;
  if (!command.nomenclature.empty() && !command.groups) {
    rule.expected.emplace();
    for (const LandClass& c : nomenclature->classes)
      if (const auto label = rule.labels.label_of(c.code)) (*rule.expected)[*label] = true;
  }
  if (command.groups) {
    require_groups(nomenclature);
    rule.groups = groups_of(*nomenclature, rule.labels);
  }
  rule.connectivities = command.connectivity == "8" ? std::vector{8} : command.connectivity == "4" ? std::vector{4} : std::vector{8, 4};
  for (const std::string& name : command.keep) {
    const std::optional<int> code = code_of_class(name, nomenclature ? &*nomenclature : nullptr);
    if (!code || *code == 0)
      throw UserError(join_text("regularise --keep: \"", name, "\" is no class",
                                nomenclature ? " of the nomenclature " + nomenclature->name : "", "; expected codes or names"));
    if (const auto label = rule.labels.label_of(*code)) rule.kept[*label] = rule.keeps_any = true;
  }
  rule.resampling = resampling_of(command.resolution, map.grid());
  rule.last_min_pixels = rule.resampling ? command.min_pixels_resampled : command.min_pixels;
  if (!command.min_area.empty()) {
    const double m2 = pixel_m2(rule.resampling ? rule.resampling->grid : map.grid());
    constexpr double kRounding = 1e-9;
    const double pixels = std::ceil(area_of(command.min_area, "regularise --min-area") / m2 - kRounding);
    constexpr double kMost = 5000;
    if (pixels > kMost)
      throw UserError(join_text("regularise --min-area: ", command.min_area, " are ", pixels, " pixels; expected at most ", kMost));
    rule.last_min_pixels = std::max(rule.last_min_pixels, static_cast<int>(pixels));
  }
  return rule;
}

}  // namespace millesime
