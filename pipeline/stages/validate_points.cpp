#include "pipeline/stages/validate_points.h"

#include <cmath>
#include <map>
#include <set>

#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/stratified_sample.h"
#include "pipeline/core/text.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/point_file.h"
#include "pipeline/stages/design.h"

namespace millesime {
namespace {

constexpr const char* kNoSample =
    "accuracies with intervals need a probability sample. Use a file of `millesime design`; or say how the points were drawn: --sampling "
    "random "
    "(anywhere on the map with equal probability), --sampling stratified (with equal probability within the classes of the map, or of "
    "--strata); or --sampling none for counts without areas and intervals";

struct LabelledPoint {
  std::int64_t id = 0;  // of the design, or the feature id
  Point at;
  int reference = 0;          // 0: none
  int first = 0, second = 0;  // of two interpreters
  bool disagreed = false;     // who have not agreed on a label
};

class Labels {
 public:
  Labels(const ValidateCommand& command, const LabelClasses& classes)
      : field_(command.field.empty() ? "label" : command.field), disagreements_(command.disagreements), classes_(classes) {}

  const std::string& field() const { return field_; }

  // Of the field; where it is empty, of the only interpreter, of two who agree, or of the one who is to be taken.
  LabelledPoint read(const PointRow& row) {
    LabelledPoint point;
    point.id = row.id;
    point.reference = code_of(row, field_), point.first = code_of(row, "label_1"), point.second = code_of(row, "label_2");
    if (point.reference != 0 || field_ != "label") return point;
    point.disagreed = point.first != 0 && point.second != 0 && point.first != point.second;
    if (point.disagreed)
      point.reference = disagreements_ == "first" ? point.first : disagreements_ == "second" ? point.second : 0;
    else
      point.reference = point.first != 0 ? point.first : point.second;
    return point;
  }

  void require_known(const std::string& file) const {
    if (unknown_.empty()) return;
    std::vector<std::string> list;
    for (const auto& [text, n] : unknown_) list.push_back(join_text("\"", text, "\" (", counted(n, "point"), ")"));
    throw UserError(join_text(file, ": expected class codes", classes_.given ? " or names of the nomenclature " + classes_.given->name : "",
                              ", got ", join_list(list, ", "),
                              classes_.given ? "; correct them" : "; correct them, or add --nomenclature for class names"));
  }

 private:
  int code_of(const PointRow& row, const std::string& field) {
    const auto at = row.attributes.find(field);
    if (at == row.attributes.end() || trim(at->second).empty()) return 0;
    const auto code = classes_.code_of(std::string(trim(at->second)));
    if (!code) ++unknown_[at->second];
    return code.value_or(0);
  }

  std::string field_, disagreements_;
  const LabelClasses& classes_;
  std::map<std::string, int> unknown_;
};

struct Placed {
  int col = 0, row = 0;
};

std::int64_t whole_number(const PointRow& row, const std::string& field, const std::string& file) {
  const std::string& text = row.attributes.at(field);
  char* end = nullptr;
  const long long number = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != 0) throw UserError(join_text(file, ": field ", field, ": expected a whole number, got \"", text, "\""));
  return number;
}

// The design of the file: its strata, and the stratum and place of each point.
class Design {
 public:
  Design(const std::string& file, const std::string& crs, double pixel) : file_(file), pixel_(pixel) {
    for (const PointRow& row : read_points(file, kDesignStrata, {"code", "pixels", "hectares"}, ""))
      strata_.push_back({static_cast<int>(whole_number(row, "code", file)), whole_number(row, "pixels", file),
                         std::strtod(row.attributes.at("hectares").c_str(), nullptr), 0, 0});
    for (const PointRow& row : read_points(file, kDesignHidden, {"id", "stratum"}, crs)) {
      const auto code = static_cast<int>(whole_number(row, "stratum", file));
      const auto at = std::ranges::find(strata_, code, &Stratum::code);
      if (at == strata_.end() || !row.point)
        throw UserError(join_text(file, ": layer ", kDesignHidden, ": stratum ", code, " is not in the layer ", kDesignStrata));
      const auto id = whole_number(row, "id", file);
      drawn_[id] = {static_cast<int>(at - strata_.begin()), *row.point};
      if (row.attributes.contains(kDesignCluster)) cluster_of_[id] = whole_number(row, kDesignCluster, file);
      ++at->points;
    }
  }

  const std::vector<Stratum>& strata() const { return strata_; }
  std::size_t size() const { return drawn_.size(); }
  bool clustered() const { return !cluster_of_.empty(); }
  std::int64_t cluster_of(std::int64_t id) const {
    const auto at = cluster_of_.find(id);
    return at == cluster_of_.end() ? 0 : at->second;
  }

  int stratum_of(const LabelledPoint& point) {
    const auto at = drawn_.find(point.id);
    if (at == drawn_.end())
      throw UserError(join_text(file_, ": point ", point.id, " was not drawn: it is not in the layer ", kDesignHidden,
                                "; remove points that were added by hand"));
    if (!used_.insert(point.id).second)
      throw UserError(join_text(file_, ": two points have the id ", point.id, "; keep the one that was drawn"));
    const double moved = std::hypot(point.at.x - at->second.second.x, point.at.y - at->second.second.y);
    if (moved > pixel_ / 2)
      throw UserError(join_text(file_, ": point ", point.id, " was moved by ", moved,
                                " from where it was drawn; a sample is one only at the places that were drawn"));
    return at->second.first;
  }

 private:
  std::string file_;
  double pixel_;
  std::vector<Stratum> strata_;
  std::map<std::int64_t, std::pair<int, Point>> drawn_;  // by id: stratum, place
  std::map<std::int64_t, std::int64_t> cluster_of_;      // by id; none without clusters
  std::set<std::int64_t> used_;
};

// UserError if points that are said to be drawn anywhere on the map lie on its classes as such points practically never do: chi square by
// Wilson and Hilferty 1931.
void require_random(const std::vector<Stratum>& classes, const std::map<int, std::int64_t>& points, const std::string& file) {
  constexpr double kFarthest = 4.5;  // standard deviations: one sample of 300 000
  double pixels = 0, n = 0, chi = 0;
  for (const Stratum& stratum : classes) pixels += static_cast<double>(stratum.pixels);
  for (const auto& [code, count] : points) n += static_cast<double>(count);
  int terms = 0;
  for (const Stratum& stratum : classes) {
    const double wanted = n * static_cast<double>(stratum.pixels) / pixels;
    if (wanted < 5) continue;
    const auto at = points.find(stratum.code);
    const double found = at == points.end() ? 0 : static_cast<double>(at->second);
    chi += (found - wanted) * (found - wanted) / wanted, ++terms;
  }
  if (terms < 2) return;
  const double k = terms - 1;
  if ((std::cbrt(chi / k) - (1 - 2 / (9 * k))) / std::sqrt(2 / (9 * k)) < kFarthest) return;
  throw UserError(join_text(
      file, ": --sampling random: the points lie on the classes of the map as points that are drawn at random never do (chi square ", chi,
      " with ", terms - 1, " degrees of freedom); ", kNoSample));
}

}  // namespace

PointsAccuracy validate_points(const ValidateCommand& command, const LabelClasses& named, const Context& context) {
  const MapInput map = open_map(command.classification, MapKind::classes, context);
  const Grid& grid = map.grid();
  const bool designed = has_layer(command.reference, kDesignHidden) && has_layer(command.reference, kDesignStrata);
  if (command.sampling == "design" && !designed)
    throw UserError(join_text(command.reference, ": points, and no design of a sample; ", kNoSample));
  const std::string layer = command.layer.empty() && designed ? kDesignPoints : command.layer;
  Labels labels(command, named);
  const std::vector<PointRow> rows = read_points(command.reference, layer, {labels.field()}, grid.crs);

  std::optional<Design> plan;
  std::vector<Stratum> strata, classes;
  std::optional<MapInput> strata_map;
  if (command.sampling == "design") plan.emplace(command.reference, grid.crs, grid.pixel_width);
  if (command.sampling == "random") classes = count_strata(command.classification, "", context);
  if (command.sampling == "stratified") {
    strata = count_strata(command.classification, command.strata, context);
    if (!command.strata.empty()) strata_map.emplace(open_map(command.strata, MapKind::classes, context));
  }
  if (plan) strata = plan->strata();
  if (!classes.empty()) {
    Stratum whole;
    for (const Stratum& part : classes) whole.pixels += part.pixels, whole.hectares += part.hectares;
    strata = {whole};
  }

  PointsAccuracy result;
  result.counts = {command.classification, {}, std::nullopt, 0};
  std::vector<JudgedPoint> judged;
  std::map<int, std::int64_t> on_class;
  std::map<std::pair<int, int>, std::int64_t> point_at;  // by row and column, without a design
  ConfusionMatrix interpreters;
  std::int64_t left_out = 0, first_left_out = 0;  // points on which two interpreters disagree
  for (const PointRow& row : rows) {
    if (!row.point) continue;
    LabelledPoint point = labels.read(row);
    if (plan) point.id = whole_number(row, "id", command.reference);
    point.at = *row.point;
    const double col = std::floor(grid.col(point.at.x)), row_of = std::floor(grid.row(point.at.y));
    if (!(col >= 0 && row_of >= 0 && col < grid.cols && row_of < grid.rows)) {
      if (command.sampling != "none")
        throw UserError(join_text(command.reference, ": point ", point.id, " lies outside of ", command.classification, ", which covers ",
                                  to_text(grid), "; a sample of another map says nothing about this one"));
      ++result.counts.unmapped;
      continue;
    }
    const Window pixel{static_cast<int>(col), static_cast<int>(row_of), 1, 1};
    std::int32_t produced = 0, stratum_code = 0;
    map.read(pixel, &produced);
    const int planned = plan ? plan->stratum_of(point) : 0;
    if (!plan && command.sampling != "none") {
      const auto [first, is_new] = point_at.emplace(std::pair(pixel.row, pixel.col), point.id);
      if (!is_new)
        throw UserError(join_text(command.reference, ": points ", first->second, " and ", point.id, " lie in one pixel of ",
                                  command.classification, " (x ", fixed(point.at.x, 1), ", y ", fixed(point.at.y, 1),
                                  "); expected each pixel once, or the intervals would be too narrow: keep one of the points, or use "
                                  "--sampling none for counts"));
    }
    ++result.points;
    if (point.first != 0 && point.second != 0) interpreters.add(point.first, point.second);
    result.disagreed += point.disagreed;
    if (point.reference == 0) {
      result.unlabelled += !point.disagreed;
      if (point.disagreed && left_out++ == 0) first_left_out = point.id;
      continue;
    }
    result.counts.add(point.reference, produced, std::nullopt);
    // A design says how much of the map has lost its class since; other points on such places lie beside what they were drawn from.
    if (produced == 0 && !plan) continue;
    if (command.sampling == "none") continue;
    ++on_class[produced];
    int stratum = planned;
    if (command.sampling == "stratified") {
      stratum_code = produced;
      if (strata_map) strata_map->read(pixel, &stratum_code);
      const auto at = std::ranges::find(strata, stratum_code, &Stratum::code);
      if (at == strata.end())
        throw UserError(join_text(command.reference, ": point ", point.id, " lies where ", command.strata, " has no stratum"));
      stratum = static_cast<int>(at - strata.begin());
    }
    judged.push_back({stratum, produced, point.reference, 1, plan ? plan->cluster_of(point.id) : 0});
  }
  labels.require_known(command.reference);
  if (left_out > 0 && command.disagreements == "error")
    throw UserError(join_text(
        command.reference, ": expected one label of each point, got two that differ, and none in field ", labels.field(), ", of ",
        counted(left_out, "point"), " (the first has the id ", first_left_out,
        "); agree on them in that field, or say what counts: --disagreements first or second, the label of that interpreter, or leave_out, "
        "which makes a map look better than it is where interpreters disagree more often on what is wrong"));
  if (result.counts.confusion.total() == 0)
    throw UserError(join_text(command.reference, ": no point has a label in field ", labels.field(), " on a mapped pixel of ",
                              command.classification, " (", counted(result.points, "point"), ", ", result.unlabelled, " without a label)"));
  if (command.sampling == "random") require_random(classes, on_class, command.reference);
  if (plan && plan->clustered())
    result.areas = estimate_clusters(strata.front().hectares, judged);
  else if (command.sampling != "none")
    result.areas = estimate(strata, judged);
  if (interpreters.total() > 0) {
    const Accuracy both = measure(interpreters);
    result.agreement = Agreement{both.total, both.overall, both.kappa};
  }
  if (plan) result.missing = static_cast<std::int64_t>(plan->size()) - result.points;
  if (const std::int64_t without = result.unlabelled + result.missing; without > 0)
    context.progress->note(join_text(command.reference, ": ", without, " of ", result.points + result.missing, " points have no label",
                                     result.missing > 0 ? join_text(" (", result.missing, " are not in the layer any more)") : "",
                                     "; the estimates take them for missing at random"));
  if (result.counts.unmapped > 0)
    context.progress->note(join_text(command.reference, ": ", counted(result.counts.unmapped, "point"), " with a label on no data of ",
                                     command.classification, "; the estimates are of the part of the map that has a class"));
  return result;
}

}  // namespace millesime
