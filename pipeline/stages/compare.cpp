#include "pipeline/stages/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/csv.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/results.h"
#include "pipeline/core/text.h"
#include "pipeline/io/geodesy.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/raster_file.h"

namespace millesime {
namespace {

constexpr std::int64_t kWindowPixels = 1 << 22;
constexpr std::size_t kListed = 15;  // changes on the terminal

struct Change {
  int from = 0, to = 0;
  std::int64_t pixels = 0;
};

struct Amount {
  std::int64_t pixels = 0, cm2 = 0;
};

// Every pair of different classes that occurs, the largest first.
std::vector<Change> changes_of(const ConfusionMatrix& matrix) {
  std::vector<Change> changes;
  for (int row = 0; row < matrix.size(); ++row)
    for (int col = 0; col < matrix.size(); ++col)
      if (row != col && matrix.at(row, col) > 0)
        changes.push_back(
            {matrix.codes()[static_cast<std::size_t>(row)], matrix.codes()[static_cast<std::size_t>(col)], matrix.at(row, col)});
  std::ranges::stable_sort(changes, std::greater{}, &Change::pixels);
  return changes;
}

const std::string& name_of(const Comparison& comparison, int code) {
  return comparison.nomenclature.at(*comparison.nomenclature.index_of_code(code)).name;
}

// Hectares of all pairs with this class of the first map and this one of the second; 0 stands for every class.
std::optional<double> hectares(const Comparison& comparison, int first, int second) {
  if (!comparison.hectares) return std::nullopt;
  double sum = 0;
  for (const auto& [pair, ha] : *comparison.hectares)
    if ((first == 0 || first == pair.first) && (second == 0 || second == pair.second)) sum += ha;
  return sum;
}

// null where the number is undefined or not there
nlohmann::ordered_json number(std::optional<double> value) {
  return value && !std::isnan(*value) ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

double share(std::int64_t part, std::int64_t whole) { return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : NAN; }

}  // namespace

std::int64_t Comparison::changed() const {
  std::int64_t same = 0;
  for (int i = 0; i < changes.size(); ++i) same += changes.at(i, i);
  return changes.total() - same;
}

Options CompareCommand::declare() {
  Options o;
  o.add("first", &first, "map of class codes, e.g. of the earlier year").path().required();
  o.add("second", &second, "map of class codes on the same grid").path().required();
  o.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file; default: codes without names")
      .names("nomenclature");
  o.add("output", &output, "folder for comparison.json and changes.csv").path();
  o.add("map", &map, "also write changes.tif: the second map's class where the first one has another, 0 elsewhere");
  return o;
}

Comparison compare_maps(const CompareCommand& command, const Context& context) {
  if (command.map && command.output.empty()) throw UserError("compare --map: expected also --output, the folder for changes.tif");
  const MapInput first = open_map(command.first, MapKind::classes, context), second = open_map(command.second, MapKind::classes, context);
  require_same(first.grid(), second.grid(), command.first + " and " + command.second);
  std::optional<Nomenclature> nomenclature;
  if (!command.nomenclature.empty()) nomenclature = Nomenclature::load(command.nomenclature);

  Comparison result;
  const Grid& grid = first.grid();
  const std::optional<PixelAreas> areas = pixel_areas(grid);
  std::unique_ptr<RasterWriter> writer;
  RasterOptions options;
  options.nodata = 0;
  options.nomenclature = nomenclature ? &*nomenclature : nullptr;
  if (command.map) {
    const int highest = std::max({first.form().highest, second.form().highest, nomenclature ? nomenclature->max_code() : 0});
    writer = std::make_unique<RasterWriter>(command.output + "/changes.tif", grid, class_type(highest), 1, options);
  }
  const auto windows = split(grid.whole(), first.reader().info().block_width, first.reader().info().block_height,
                             std::clamp<std::int64_t>(context.memory_bytes / 64, 1, kWindowPixels));
  context.progress->start("compare", grid.whole().pixels(), "px");
  std::map<std::pair<std::int32_t, std::int32_t>, Amount> counts;
  std::vector<std::int32_t> a, b;
  std::vector<std::int64_t> cm2;
  for (const Window& window : windows) {
    a.resize(static_cast<std::size_t>(window.pixels())), b.resize(a.size());
    first.read(window, a.data());
    second.read(window, b.data());
    for (int row = 0; row < window.height; ++row) {
      if (areas) areas->row_cm2(window.col, window.row + row, window.width, cm2);
      for (int col = 0; col < window.width; ++col) {
        const auto i = static_cast<std::size_t>(row) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(col);
        Amount& amount = counts[{a[i], b[i]}];
        ++amount.pixels;
        if (areas) amount.cm2 += cm2[static_cast<std::size_t>(col)];
        if (a[i] == b[i] || a[i] == 0) b[i] = 0;  // the values of changes.tif
      }
    }
    if (writer) writer->write(window, 0, b.data());
    context.progress->advance(window.pixels());
  }
  context.progress->finish();
  if (areas) result.hectares.emplace();
  for (const auto& [pair, amount] : counts) {
    const auto& [from, to] = pair;
    if (from == 0 && to == 0)
      result.neither += amount.pixels;
    else if (to == 0)
      result.only_first += amount.pixels;
    else if (from == 0)
      result.only_second += amount.pixels;
    else {
      result.changes.add(from, to, amount.pixels);
      if (areas) (*result.hectares)[pair] = hectares_of_cm2(amount.cm2);
    }
  }
  if (result.compared() == 0)
    throw UserError(
        join_text(command.first, " and ", command.second, ": no pixel has a class in both maps; expected two class maps, 0 = no class"));
  if (nomenclature) require_known_classes(result.changes, *nomenclature, command.first + " and " + command.second);
  result.nomenclature = nomenclature ? *nomenclature : nomenclature_of_codes(result.changes.codes());
  if (writer) writer->commit();
  if (!command.output.empty()) {
    write_text(command.output + "/changes.csv", changes_csv(result));
    write_text(command.output + "/comparison.json", json_text(to_json(result), 2) + "\n");
  }
  return result;
}

nlohmann::ordered_json to_json(const Comparison& comparison) {
  const ConfusionMatrix& matrix = comparison.changes;
  const Accuracy agreement = measure(matrix);
  nlohmann::ordered_json out{{"pixels",
                              {{"compared", comparison.compared()},
                               {"changed", comparison.changed()},
                               {"only_first", comparison.only_first},
                               {"only_second", comparison.only_second},
                               {"neither", comparison.neither}}},
                             {"agreement", number(agreement.overall)},
                             {"kappa", number(agreement.kappa)},
                             {"classes", nlohmann::ordered_json::array()},
                             {"changes", nlohmann::ordered_json::array()}};
  for (const ClassAccuracy& c : agreement.classes)
    out["classes"].push_back({{"code", c.code},
                              {"name", name_of(comparison, c.code)},
                              {"first", c.reference},
                              {"second", c.produced},
                              {"first_ha", number(hectares(comparison, c.code, 0))},
                              {"second_ha", number(hectares(comparison, 0, c.code))},
                              {"kept", number(share(c.agreed, c.reference))},
                              {"f_score", number(c.f_score)}});
  for (const Change& change : changes_of(matrix))
    out["changes"].push_back({{"from", change.from},
                              {"to", change.to},
                              {"from_name", name_of(comparison, change.from)},
                              {"to_name", name_of(comparison, change.to)},
                              {"pixels", change.pixels},
                              {"ha", number(hectares(comparison, change.from, change.to))}});
  return out;
}

std::string to_text(const Comparison& comparison) {
  const Accuracy agreement = measure(comparison.changes);
  const char* name = comparison.hectares ? "ha" : "px";
  const auto amount = [&](int first, int second, std::int64_t pixels) {
    return hectares(comparison, first, second).value_or(static_cast<double>(pixels));
  };
  char line[160];
  std::snprintf(line, sizeof line, "agreement  %.4f, kappa %.4f, %lld of %lld px differ\n", agreement.overall, agreement.kappa,
                static_cast<long long>(comparison.changed()), static_cast<long long>(comparison.compared()));
  std::string text = line;
  if (comparison.only_first + comparison.only_second > 0)
    text += join_text("without a class in one map: ", comparison.only_second, " px in the first, ", comparison.only_first,
                      " px in the second\n");
  std::snprintf(line, sizeof line, "\n  code %13s %13s %13s    kept  class\n", join_text("first, ", name).c_str(),
                join_text("second, ", name).c_str(), "difference");
  text += line;
  for (const ClassAccuracy& c : agreement.classes) {
    const double first = amount(c.code, 0, c.reference), second = amount(0, c.code, c.produced);
    std::snprintf(line, sizeof line, "%6d %13.1f %13.1f %+13.1f  %6.3f  ", c.code, first, second, second - first,
                  share(c.agreed, c.reference));
    text += line + name_of(comparison, c.code) + "\n";
  }
  const auto changes = changes_of(comparison.changes);
  if (changes.empty()) return text;
  std::snprintf(line, sizeof line, "\n%13s  largest changes\n", name);
  text += line;
  for (std::size_t i = 0; i < std::min(changes.size(), kListed); ++i) {
    std::snprintf(line, sizeof line, "%13.1f  ", amount(changes[i].from, changes[i].to, changes[i].pixels));
    text += line + name_of(comparison, changes[i].from) + " -> " + name_of(comparison, changes[i].to) + "\n";
  }
  if (changes.size() > kListed) text += join_text("               and ", changes.size() - kListed, " smaller ones\n");
  return text;
}

std::string changes_csv(const Comparison& comparison) {
  std::string text = "first,first_name,second,second_name,pixels,ha\n";
  const ConfusionMatrix& matrix = comparison.changes;
  for (int row = 0; row < matrix.size(); ++row)
    for (int col = 0; col < matrix.size(); ++col) {
      if (matrix.at(row, col) == 0) continue;
      const int from = matrix.codes()[static_cast<std::size_t>(row)], to = matrix.codes()[static_cast<std::size_t>(col)];
      text += join_text(from, ",", csv_cell(name_of(comparison, from)), ",", to, ",", csv_cell(name_of(comparison, to)), ",",
                        matrix.at(row, col), ",", comparison.hectares ? join_text(*hectares(comparison, from, to)) : std::string(), "\n");
    }
  return text;
}

}  // namespace millesime
