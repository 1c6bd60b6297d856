#include "pipeline/stages/validate_points.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/land_blocks.h"
#include "pipeline/core/stratified_sample.h"
#include "pipeline/core/text.h"
#include "pipeline/io/map_input.h"
#include "pipeline/io/point_file.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/confusion_places.h"
#include "pipeline/stages/design.h"
#include "pipeline/stages/judged_map.h"

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

  void require_known(const std::string& file, const std::string& unit) const {
    if (unknown_.empty()) return;
    std::vector<std::string> list;
    for (const auto& [text, ids] : unknown_) {
      constexpr std::size_t kNamed = 5;
      std::vector<std::string> named;
      for (std::size_t i = 0; i < std::min(ids.size(), kNamed); ++i) named.push_back(ids[i]);
      list.push_back(join_text("\"", text, "\" (", counted(ids.size(), unit), ", id ", join_list(named, ", "),
                               ids.size() > kNamed ? ", ..." : "", ")"));
    }
    throw UserError(join_text(file, ": expected class codes", classes_.given ? " or names of the nomenclature " + classes_.given->name : "",
                              ", got ", join_list(list, ", "),
                              classes_.given ? "; correct them" : "; correct them, or add --nomenclature for class names"));
  }

 private:
  int code_of(const PointRow& row, const std::string& field) {
    const auto at = row.attributes.find(field);
    if (at == row.attributes.end() || trim(at->second).empty()) return 0;
    const auto code = classes_.code_of(std::string(trim(at->second)));
    if (!code) {
      const auto id = row.attributes.find("id");  // of the design
      unknown_[at->second].push_back(id == row.attributes.end() ? std::to_string(row.id) : id->second);
    }
    return code.value_or(0);
  }

  std::string field_, disagreements_;
  const LabelClasses& classes_;
  std::map<std::string, std::vector<std::string>> unknown_;  // text -> ids of the units
};

std::int64_t whole_number(const PointRow& row, const std::string& field, const std::string& file) {
  const std::string& text = row.attributes.at(field);
  char* end = nullptr;
  const long long number = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != 0) throw UserError(join_text(file, ": field ", field, ": expected a whole number, got \"", text, "\""));
  return number;
}

// A unit as it was drawn.
struct DrawnUnit {
  int stratum = 0;  // position
  Point at;
  std::optional<Feature> square;  // of a block
  double size = 1;                // pixels of a block that had a class
  std::int64_t cluster = 0;       // number of the draw; 0 without clusters
};

// The design of the file: its strata, and the units that were drawn.
class Design {
 public:
  Design(const std::string& file, const Grid& grid) : file_(file), blocks_(has_layer(file, kDesignBlocks)), pixel_(grid.pixel_width) {
    const char* units = blocks_ ? kDesignBlocks : kDesignPixels;
    for (const PointRow& row : read_points(file, kDesignStrata, {"code", units, "hectares"}, ""))
      strata_.push_back({static_cast<int>(whole_number(row, "code", file)), whole_number(row, units, file),
                         std::strtod(row.attributes.at("hectares").c_str(), nullptr), 0, 0});
    if (blocks_)
      for (Feature& square : read_polygons(file, kDesignHidden, {"id", "stratum", kDesignPixels}, grid.crs).features) {
        const PointRow row{square.id, square.centroid(), square.attributes};
        DrawnUnit& drawn = enter(row);
        drawn.size = static_cast<double>(whole_number(row, kDesignPixels, file)), drawn.square = std::move(square);
      }
    else
      for (const PointRow& row : read_points(file, kDesignHidden, {"id", "stratum"}, grid.crs)) enter(row);
  }

  const std::vector<Stratum>& strata() const { return strata_; }
  std::size_t size() const { return drawn_.size(); }
  bool clustered() const { return clustered_; }

  // UserError unless it is where it was drawn, and no second one with its number.
  const DrawnUnit& unit_of(const LabelledPoint& point) {
    const std::string unit = blocks_ ? "block" : "point";
    const auto at = drawn_.find(point.id);
    if (at == drawn_.end())
      throw UserError(join_text(file_, ": ", unit, " ", point.id, " was not drawn: it is not in the layer ", kDesignHidden, "; remove ",
                                unit, "s that were added by hand"));
    if (!used_.insert(point.id).second)
      throw UserError(join_text(file_, ": two ", unit, "s have the id ", point.id, "; keep the one that was drawn"));
    const double moved = std::hypot(point.at.x - at->second.at.x, point.at.y - at->second.at.y);
    if (moved > pixel_ / 2)
      throw UserError(join_text(file_, ": ", unit, " ", point.id, " was moved by ", moved,
                                " from where it was drawn; a sample is one only at the places that were drawn"));
    return at->second;
  }

 private:
  DrawnUnit& enter(const PointRow& row) {
    const auto code = static_cast<int>(whole_number(row, "stratum", file_));
    const auto stratum = std::ranges::find(strata_, code, &Stratum::code);
    if (stratum == strata_.end() || !row.point)
      throw UserError(join_text(file_, ": layer ", kDesignHidden, ": stratum ", code, " is not in the layer ", kDesignStrata));
    ++stratum->points;
    DrawnUnit& drawn = drawn_[whole_number(row, "id", file_)];
    drawn.stratum = static_cast<int>(stratum - strata_.begin()), drawn.at = *row.point;
    if (row.attributes.contains(kDesignCluster)) drawn.cluster = whole_number(row, kDesignCluster, file_), clustered_ = true;
    return drawn;
  }

  std::string file_;
  bool blocks_, clustered_ = false;
  double pixel_;
  std::vector<Stratum> strata_;
  std::map<std::int64_t, DrawnUnit> drawn_;  // by id
  std::set<std::int64_t> used_;
};

// Of the layer that interpreters have filled in; the point of a block is its middle.
std::vector<PointRow> read_labels(const std::string& file, const std::string& layer, const std::string& field, bool blocks,
                                  const std::string& crs) {
  if (!blocks) return read_points(file, layer, {field}, crs);
  std::vector<PointRow> rows;
  for (const Feature& square : read_polygons(file, layer, {field}, crs).features)
    rows.push_back({square.id, square.centroid(), square.attributes});
  return rows;
}

// UserError if points that are said to be drawn anywhere on the map lie on its classes as such points practically never do: chi square by
// Wilson and Hilferty 1931.
void require_random(const std::vector<Stratum>& classes, const std::map<int, std::int64_t>& points, const std::string& file) {
  constexpr double kFarthest = 4.5;  // standard deviations: one sample of 300 000
  double pixels = 0, n = 0, chi = 0;
  for (const Stratum& stratum : classes) pixels += static_cast<double>(stratum.units);
  for (const auto& [code, count] : points) n += static_cast<double>(count);
  int terms = 0;
  for (const Stratum& stratum : classes) {
    const double wanted = n * static_cast<double>(stratum.units) / pixels;
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

// Beside what the estimates need of a point.
struct Judgement {
  std::int64_t id = 0;
  Point at;
  double confidence = 0;  // of the map
};

// What the points say of the confidence and of the confusions of the map, by the hectares that they stand for.
void weigh(const std::vector<JudgedPoint>& points, const std::vector<Judgement>& judgements, const std::vector<double>& hectares,
           const std::string& crs, PointsAccuracy& result) {
  ConfusionPlaces places;
  const double metres = metres_of_unit(crs);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const JudgedPoint& point = points[i];
    const Judgement& of = judgements[i];
    if (point.produced == 0) continue;
    if (result.counts.calibration)
      result.counts.calibration->add_weighted(std::clamp(of.confidence, 0.0, 1.0), point.produced == point.reference, hectares[i]);
    places.add({point.reference, point.produced, {"", of.id}, {"", block_of(of.at, kPlaceKm, metres)}, of.at, hectares[i]});
  }
  result.confusions = places.result(crs);
}

}  // namespace

bool holds_design(const std::string& file) { return has_layer(file, kDesignHidden) && has_layer(file, kDesignStrata); }

PointsAccuracy validate_points(const ValidateCommand& command, const LabelClasses& named, const Context& context) {
  const JudgedMap map(command, context);
  const Grid& grid = map.grid();
  const bool designed = holds_design(command.reference), blocks = designed && has_layer(command.reference, kDesignBlocks);
  PointsAccuracy result;
  if (blocks) result.unit = "block";
  const std::string& unit = result.unit;
  if (command.sampling == "design" && !designed)
    throw UserError(join_text(command.reference, ": points, and no design of a sample; ", kNoSample));
  if (blocks && command.sampling != "design")
    throw UserError(join_text(command.reference, ": blocks of `millesime design`, and --sampling ", command.sampling,
                              ", which is for points; leave it out"));
  const std::string layer = command.layer.empty() && designed ? blocks ? kDesignBlocks : kDesignPoints : command.layer;
  Labels labels(command, named);
  const std::vector<PointRow> rows = read_labels(command.reference, layer, labels.field(), blocks, grid.crs);

  std::optional<Design> plan;
  std::vector<Stratum> strata, classes;
  std::optional<MapInput> strata_map;
  if (command.sampling == "design") plan.emplace(command.reference, grid);
  if (command.sampling == "random") classes = count_strata(command.classification, "", context);
  if (command.sampling == "stratified") {
    strata = count_strata(command.classification, command.strata, context);
    if (!command.strata.empty()) strata_map.emplace(open_map(command.strata, MapKind::classes, context));
  }
  if (plan) strata = plan->strata();
  if (!classes.empty()) {
    Stratum whole;
    for (const Stratum& part : classes) whole.units += part.units, whole.hectares += part.hectares;
    strata = {whole};
  }

  result.counts = {command.classification, {}, map.has_confidence() ? std::optional(Calibration{}) : std::nullopt, 0};
  std::vector<JudgedPoint> judged;
  std::vector<Judgement> judgements;
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
        throw UserError(join_text(command.reference, ": ", unit, " ", point.id, " lies outside of ", command.classification,
                                  ", which covers ", to_text(grid), "; a sample of another map says nothing about this one"));
      ++result.counts.unmapped;
      continue;
    }
    const Window pixel{static_cast<int>(col), static_cast<int>(row_of), 1, 1};
    DrawnUnit drawn;
    if (plan) drawn = plan->unit_of(point);
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
    const ShownClass shown = drawn.square ? map.in(*drawn.square, pixel) : map.at(pixel);
    result.counts.add(point.reference, shown.produced, command.sampling == "none" ? std::optional(shown.confidence) : std::nullopt);
    // A design says how much of the map has lost its class since; other points on such places lie beside what they were drawn from.
    if (shown.produced == 0 && !plan) continue;
    if (command.sampling == "none") continue;
    ++on_class[shown.produced];
    if (command.sampling == "stratified") {
      std::int32_t stratum_code = shown.produced;
      if (strata_map) strata_map->read(pixel, &stratum_code);
      const auto at = std::ranges::find(strata, stratum_code, &Stratum::code);
      if (at == strata.end())
        throw UserError(join_text(command.reference, ": point ", point.id, " lies where ", command.strata, " has no stratum"));
      drawn.stratum = static_cast<int>(at - strata.begin());
    }
    judged.push_back({drawn.stratum, shown.produced, point.reference, 1, drawn.cluster, drawn.size});
    judgements.push_back({point.id, point.at, shown.confidence});
  }
  labels.require_known(command.reference, unit);
  if (left_out > 0 && command.disagreements == "error")
    throw UserError(join_text(
        command.reference, ": expected one label of each ", unit, ", got two that differ, and none in field ", labels.field(), ", of ",
        counted(left_out, unit), " (the first has the id ", first_left_out,
        "); agree on them in that field, or say what counts: --disagreements first or second, the label of that interpreter, or leave_out, "
        "which makes a map look better than it is where interpreters disagree more often on what is wrong"));
  if (result.counts.confusion.total() == 0)
    throw UserError(join_text(command.reference, ": no ", unit, " has a label in field ", labels.field(), " on a mapped pixel of ",
                              command.classification, " (", counted(result.points, unit), ", ", result.unlabelled, " without a label)"));
  if (command.sampling == "random") require_random(classes, on_class, command.reference);
  if (command.sampling != "none") {
    const bool clustered = plan && plan->clustered();
    const double whole = strata.front().hectares;
    result.areas = clustered ? estimate_clusters(whole, judged) : estimate(strata, judged);
    weigh(judged, judgements, clustered ? represented_hectares_of_clusters(whole, judged) : represented_hectares(strata, judged), grid.crs,
          result);
  }
  if (interpreters.total() > 0) {
    const Accuracy both = measure(interpreters);
    result.agreement = Agreement{both.total, both.overall, both.kappa};
  }
  if (plan) result.missing = static_cast<std::int64_t>(plan->size()) - result.points;
  if (const std::int64_t without = result.unlabelled + result.missing; without > 0)
    context.progress->note(join_text(command.reference, ": ", without, " of ", result.points + result.missing, " ", unit, "s have no label",
                                     result.missing > 0 ? join_text(" (", result.missing, " are not in the layer any more)") : "",
                                     "; the estimates take them for missing at random"));
  if (result.counts.unmapped > 0)
    context.progress->note(join_text(command.reference, ": ", counted(result.counts.unmapped, unit), " with a label on no data of ",
                                     command.classification, "; the estimates are of the part of the map that has a class"));
  return result;
}

}  // namespace millesime
