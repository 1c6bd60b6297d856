// What a comparison of two maps says: JSON, text, tables.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "pipeline/core/csv.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/stages/compare.h"

namespace millesime {
namespace {

constexpr std::size_t kChangesListed = 15;  // changes on the terminal

constexpr const char* kNoLastingChange =
    "Most differences of two yearly maps are no lasting change of the land: they are errors of either map, mixed pixels along borders and "
    "crops in rotation. For areas of change use a sample (Olofsson et al. 2014).";

struct Change {
  int from = 0, to = 0;
  std::int64_t pixels = 0;
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

double Comparison::both_right_changed() const {
  double sum = 0;
  if (both_right)
    for (const auto& [pair, pixels] : *both_right)
      if (pair.first != pair.second) sum += pixels;
  return sum;
}

double Comparison::explained() const {
  return both_right && changed() > 0 ? 1 - both_right_changed() / static_cast<double>(changed()) : NAN;
}

std::int64_t Comparison::changed() const {
  std::int64_t same = 0;
  for (int i = 0; i < changes.size(); ++i) same += changes.at(i, i);
  return changes.total() - same;
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
                             {"nomenclature", comparison.nomenclature.name},
                             {"agreement", number(agreement.overall)},
                             {"kappa", number(agreement.kappa)},
                             {"classes", nlohmann::ordered_json::array()},
                             {"changes", nlohmann::ordered_json::array()}};
  if (comparison.both_right)
    out["confidence"] = {{"both_right", number(comparison.both_right_changed())},
                         {"explained", number(comparison.explained())},
                         {"change_expected", number(share(std::llround(comparison.both_right_changed()), comparison.compared()))}};
  out["notes"] = comparison.notes;
  out["notes"].push_back(kNoLastingChange);
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
  if (comparison.both_right)
    for (std::size_t i = 0; i < out["changes"].size(); ++i) {
      auto& change = out["changes"][i];
      change["both_right"] = comparison.both_right->at({change["from"].get<int>(), change["to"].get<int>()});
    }
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
  for (const std::string& note : comparison.notes) text += "\n" + note + "\n";
  if (changes.empty()) return text;
  std::snprintf(line, sizeof line, "\n%13s  largest changes\n", name);
  text += line;
  for (std::size_t i = 0; i < std::min(changes.size(), kChangesListed); ++i) {
    std::snprintf(line, sizeof line, "%13.1f  ", amount(changes[i].from, changes[i].to, changes[i].pixels));
    text += line + name_of(comparison, changes[i].from) + " -> " + name_of(comparison, changes[i].to) + "\n";
  }
  if (changes.size() > kChangesListed) text += join_text("               and ", changes.size() - kChangesListed, " smaller ones\n");
  text += join_text("\n", kNoLastingChange, "\n");
  if (comparison.both_right)
    text += join_text("By the confidence of the maps, both labels are right at ", fixed(100 * (1 - comparison.explained()), 1),
                      " % of the pixels that differ; the other ", fixed(100 * comparison.explained(), 1),
                      " % are explained by errors of the maps alone.\n");
  else
    text += "With --first-confidence and --second-confidence the share that errors of the maps alone explain is computed.\n";
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

std::string matrix_csv(const Comparison& comparison) {
  const ConfusionMatrix& matrix = comparison.changes;
  std::string text = comparison.hectares ? "first \\ second (ha)" : "first \\ second (px)";
  for (const int code : matrix.codes()) text += join_text(",", csv_cell(join_text(code, " ", name_of(comparison, code))));
  text += "\n";
  for (int row = 0; row < matrix.size(); ++row) {
    const int from = matrix.codes()[static_cast<std::size_t>(row)];
    text += csv_cell(join_text(from, " ", name_of(comparison, from)));
    for (int col = 0; col < matrix.size(); ++col) {
      text += ",";
      if (matrix.at(row, col) == 0)
        text += "0";
      else if (comparison.hectares)
        text += fixed(*hectares(comparison, from, matrix.codes()[static_cast<std::size_t>(col)]), 4);
      else
        text += std::to_string(matrix.at(row, col));
    }
    text += "\n";
  }
  return text;
}

}  // namespace millesime
