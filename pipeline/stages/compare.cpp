#include "pipeline/stages/compare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/known_nomenclature.h"
#include "pipeline/core/results.h"
#include "pipeline/core/text.h"
#include "pipeline/io/geodesy.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/common_classes.h"

namespace millesime {
namespace {

constexpr std::int64_t kComparedPixels = 1 << 22;
constexpr int kParts = 10000;  // of a probability; sums of whole numbers do not depend on the windows

using Pair = std::pair<std::int32_t, std::int32_t>;  // codes in the files

struct PairSum {
  std::int64_t pixels = 0, cm2 = 0;
  std::int64_t both_right = 0;  // pixels x kParts
};

// The maps, and their confidences if there are any.
struct Inputs {
  MapInput first, second;
  std::optional<MapInput> first_confidence, second_confidence;

  Inputs(const CompareCommand& command, const Context& context)
      : first(open_map(command.first, MapKind::classes, context)), second(open_map(command.second, MapKind::classes, context)) {
    require_same(first.grid(), second.grid(), command.first + " and " + command.second);
    if (command.first_confidence.empty() != command.second_confidence.empty())
      throw UserError("compare: expected a confidence of both maps (--first-confidence and --second-confidence) or of none, got one");
    if (command.first_confidence.empty()) return;
    first_confidence.emplace(open_map(command.first_confidence, MapKind::confidence, context));
    second_confidence.emplace(open_map(command.second_confidence, MapKind::confidence, context));
    require_same(first.grid(), first_confidence->grid(), command.first + " and " + command.first_confidence);
    require_same(first.grid(), second_confidence->grid(), command.first + " and " + command.second_confidence);
  }

  // In parts of kParts: the probability that both labels of a pixel are right. Empty without confidences.
  void read_both_right(const Window& window, std::vector<std::int64_t>& both) {
    both.clear();
    if (!first_confidence) return;
    const auto n = static_cast<std::size_t>(window.pixels());
    a_.resize(n), b_.resize(n);
    first_confidence->read_probabilities(window, a_.data());
    second_confidence->read_probabilities(window, b_.data());
    for (std::size_t i = 0; i < n; ++i)
      both.push_back(std::isnan(a_[i]) || std::isnan(b_[i]) ? 0 : std::llround(double{a_[i]} * double{b_[i]} * kParts));
  }

  std::vector<Window> windows(const Context& context) const {
    const RasterInfo& info = first.reader().info();
    return split(first.grid().whole(), info.block_width, info.block_height,
                 std::clamp<std::int64_t>(context.memory_bytes / 64, 1, kComparedPixels));
  }

 private:
  std::vector<float> a_, b_;
};

std::map<Pair, PairSum> count_pairs(Inputs& inputs, const std::optional<PixelAreas>& areas, const Context& context) {
  context.progress->start("compare", inputs.first.grid().pixels(), "px");
  std::map<Pair, PairSum> sums;
  std::vector<std::int32_t> a, b;
  std::vector<std::int64_t> cm2, both;
  for (const Window& window : inputs.windows(context)) {
    a.resize(static_cast<std::size_t>(window.pixels())), b.resize(a.size());
    inputs.first.read(window, a.data());
    inputs.second.read(window, b.data());
    inputs.read_both_right(window, both);
    for (int row = 0; row < window.height; ++row) {
      if (areas) areas->row_cm2(window.col, window.row + row, window.width, cm2);
      for (int col = 0; col < window.width; ++col) {
        const auto i = static_cast<std::size_t>(row) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(col);
        PairSum& sum = sums[{a[i], b[i]}];
        ++sum.pixels;
        if (areas) sum.cm2 += cm2[static_cast<std::size_t>(col)];
        if (!both.empty()) sum.both_right += both[i];
      }
    }
    context.progress->advance(window.pixels());
  }
  context.progress->finish();
  return sums;
}

// Without a nomenclature every code is a class, with the name that the legend of a map has for it.
CommonClasses classes_of_codes(const std::vector<CodesOfMap>& maps, const std::vector<std::optional<Nomenclature>>& legends) {
  std::set<int> codes;
  for (const CodesOfMap& map : maps) codes.insert(map.codes.begin(), map.codes.end());
  std::vector<int> table(static_cast<std::size_t>(codes.empty() ? 0 : *codes.rbegin()) + 1);
  for (std::size_t code = 0; code < table.size(); ++code) table[code] = static_cast<int>(code);
  Nomenclature nomenclature = nomenclature_of_codes({codes.begin(), codes.end()});
  for (LandClass& c : nomenclature.classes)
    for (const std::optional<Nomenclature>& legend : legends)
      if (const auto index = legend ? legend->index_of_code(c.code) : std::nullopt) {
        c.name = legend->at(*index).name, c.name_en = legend->at(*index).name_en, c.color = legend->at(*index).color;
        break;
      }
  return {std::move(nomenclature), std::vector<std::string>(maps.size()), {maps.size(), table}};
}

// Says so where maps are compared code by code that look as if their codes meant different things.
std::string note_on_codes(const std::vector<CodesOfMap>& maps, const std::vector<std::optional<Nomenclature>>& legends) {
  const std::string other = "; with --nomenclature (e.g. oso23), or one for each map, they are compared in common classes.";
  std::size_t common = 0;
  for (const int code : maps[0].codes) {
    if (!maps[1].codes.contains(code)) continue;
    ++common;
    if (!legends[0] || !legends[1]) continue;
    const auto first = legends[0]->index_of_code(code), second = legends[1]->index_of_code(code);
    if (first && second && legends[0]->at(*first).name != legends[1]->at(*second).name)
      return join_text("The legends of the maps name class ", code, " differently: \"", legends[0]->at(*first).name, "\" and \"",
                       legends[1]->at(*second).name, "\"", other);
  }
  if (2 * common >= std::min(maps[0].codes.size(), maps[1].codes.size())) return "";
  return join_text("The maps have ", common, " of ", maps[0].codes.size(), " and ", maps[1].codes.size(),
                   " codes in common, as if they had different nomenclatures", other);
}

// The nomenclature that the command asks for; "" for none.
const std::string& wanted_nomenclature(const CompareCommand& command) {
  return !command.nomenclature.empty()          ? command.nomenclature
         : !command.second_nomenclature.empty() ? command.second_nomenclature
                                                : command.first_nomenclature;
}

void write_maps(const CompareCommand& command, const CommonClasses& classes, Inputs& inputs, const Context& context) {
  RasterOptions options, percent;
  options.nodata = percent.nodata = 0;
  const bool has_colours = std::ranges::any_of(classes.nomenclature.classes, [](const LandClass& c) { return c.color != Color{}; });
  options.nomenclature = has_colours ? &classes.nomenclature : nullptr;
  const Grid& grid = inputs.first.grid();
  RasterWriter changes(command.output + "/changes.tif", grid, class_type(classes.nomenclature.max_code()), 1, options);
  std::optional<RasterWriter> confidence;
  if (inputs.first_confidence) confidence.emplace(command.output + "/changes_confidence.tif", grid, PixelType::u8, 1, percent);
  std::vector<std::int32_t> a, b;
  std::vector<std::int64_t> both;
  for (const Window& window : inputs.windows(context)) {
    a.resize(static_cast<std::size_t>(window.pixels())), b.resize(a.size());
    inputs.first.read(window, a.data());
    inputs.second.read(window, b.data());
    inputs.read_both_right(window, both);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const int from = classes.tables[0][static_cast<std::size_t>(a[i])], to = classes.tables[1][static_cast<std::size_t>(b[i])];
      const bool differs = from != to && from != 0 && to != 0;
      b[i] = differs ? to : 0;
      if (confidence) a[i] = differs ? std::max(1, static_cast<std::int32_t>(both[i] * 100 / kParts)) : 0;
    }
    changes.write(window, 0, b.data());
    if (confidence) confidence->write(window, 0, a.data());
  }
  changes.commit();
  if (confidence) confidence->commit();
}

}  // namespace

Options CompareCommand::declare() {
  Options o;
  o.add("first", &first, "map of class codes, e.g. of the earlier year").path().required();
  o.add("second", &second, "map of class codes on the same grid").path().required();
  o.add("nomenclature", &nomenclature,
        "the classes: a name in configs/nomenclatures, or a file; default: those of the legends of the maps, else codes without names")
      .names("nomenclature");
  o.add("first_nomenclature", &first_nomenclature, "classes of the first map, if they are others; default: found by its codes")
      .names("nomenclature");
  o.add("second_nomenclature", &second_nomenclature, "classes of the second map, if they are others; default: found by its codes")
      .names("nomenclature");
  o.add("first_confidence", &first_confidence, "confidence of the first map: how much of the difference errors explain").path();
  o.add("second_confidence", &second_confidence, "confidence of the second map").path();
  names.declare(o);
  o.add("output", &output, "folder for comparison.json, changes.csv and matrix.csv").path();
  o.add("map", &map,
        "also write changes.tif: the second map's class where the first one has another, 0 elsewhere; with confidences also "
        "changes_confidence.tif: the probability that both are right, %");
  return o;
}

Comparison compare_maps(const CompareCommand& command, const Context& context) {
  if (command.map && command.output.empty()) throw UserError("compare --map: expected also --output, the folder for changes.tif");
  Inputs inputs(command, context);
  const std::optional<PixelAreas> areas = pixel_areas(inputs.first.grid());
  const std::map<Pair, PairSum> sums = count_pairs(inputs, areas, context);

  std::vector<CodesOfMap> maps = {{command.first, {}, command.first_nomenclature}, {command.second, {}, command.second_nomenclature}};
  for (const auto& [pair, sum] : sums) {
    if (pair.first != 0) maps[0].codes.insert(pair.first);
    if (pair.second != 0) maps[1].codes.insert(pair.second);
  }
  std::string wanted = wanted_nomenclature(command);
  std::vector<std::optional<Nomenclature>> legends;
  if (wanted.empty()) {
    for (const CodesOfMap& map : maps) legends.push_back(RasterReader(map.file).legend());
    const auto first = legends[0] ? known_nomenclature(*legends[0]) : std::nullopt;
    const auto second = legends[1] ? known_nomenclature(*legends[1]) : std::nullopt;
    if (first && second) wanted = maps[1].nomenclature = second->name, maps[0].nomenclature = first->name;
  }
  CommonClasses classes = wanted.empty() ? classes_of_codes(maps, legends) : common_classes(maps, Nomenclature::load(wanted));

  classes.nomenclature = command.names.named(std::move(classes.nomenclature));

  Comparison result;
  if (wanted.empty())
    if (std::string note = note_on_codes(maps, legends); !note.empty()) result.notes.push_back(std::move(note));
  result.nomenclature = classes.nomenclature;
  for (std::size_t i = 0; i < maps.size() && !wanted.empty(); ++i)
    if (classes.own[i] != classes.nomenclature.name)
      result.notes.push_back(join_text(maps[i].file, ": its classes are those of ", classes.own[i], "; compared as those of ",
                                       classes.nomenclature.name, "."));
  std::map<std::pair<int, int>, PairSum> of_classes;
  for (const auto& [pair, sum] : sums) {
    const int from = classes.class_of(maps, 0, pair.first), to = classes.class_of(maps, 1, pair.second);
    if (from == 0 && to == 0)
      result.neither += sum.pixels;
    else if (to == 0)
      result.only_first += sum.pixels;
    else if (from == 0)
      result.only_second += sum.pixels;
    else {
      result.changes.add(from, to, sum.pixels);
      PairSum& all = of_classes[{from, to}];
      all.cm2 += sum.cm2, all.both_right += sum.both_right;
    }
  }
  if (result.compared() == 0)
    throw UserError(
        join_text(command.first, " and ", command.second, ": no pixel has a class in both maps; expected two class maps, 0 = no class"));
  if (areas) result.hectares.emplace();
  if (inputs.first_confidence) result.both_right.emplace();
  for (const auto& [pair, sum] : of_classes) {
    if (areas) (*result.hectares)[pair] = hectares_of_cm2(sum.cm2);
    if (result.both_right) (*result.both_right)[pair] = static_cast<double>(sum.both_right) / kParts;
  }
  if (command.map) write_maps(command, classes, inputs, context);
  if (!command.output.empty()) {
    write_text(command.output + "/changes.csv", changes_csv(result));
    write_text(command.output + "/matrix.csv", matrix_csv(result));
    write_text(command.output + "/comparison.json", json_text(to_json(result), 2) + "\n");
  }
  return result;
}

}  // namespace millesime
