#pragma once
// Files with the accuracy of one or several runs: RESULTS.txt in the layout of iota2, and accuracy.json.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/accuracy.h"
#include "pipeline/core/nomenclature.h"

namespace millesime {

// One map compared with its reference.
struct MapAccuracy {
  std::string name;  // "seed 0", "final map", or the file it was read from
  ConfusionMatrix confusion;
  std::optional<Calibration> calibration;               // if the map has a confidence
  std::int64_t unmapped = 0;                            // reference pixels where the map has no class (0); not in the matrix
  std::int64_t of_two_classes = 0;                      // pixels in reference polygons of two classes; they count for none
  std::optional<std::int64_t> polygons = std::nullopt;  // that the pixels of the matrix are of, if it is known
  std::vector<int> not_judged = {};                     // classes of the samples of which no pixel judged this map
  std::optional<std::int64_t> blocks = std::nullopt;    // that those pixels are in, if it is known

  // A pixel of a reference class that the map shows as `produced`. `confidence`: of the map, 0 to 1.
  void add(std::int32_t reference, std::int32_t produced, std::optional<double> confidence);
};

// Pixels of one class of the reference that the map shows as another one, and where most of them are. Of a sample they are its points (or
// blocks), each of which is a polygon of its own.
struct PlacedConfusion {
  int reference = 0, produced = 0;
  std::int64_t pixels = 0, polygons = 0;
  std::int64_t in_one_polygon = 0;     // of that polygon which has most of them
  std::int64_t there = 0;              // in that block (reference.block_km) which has most of them
  double longitude = 0, latitude = 0;  // the middle of those; NaN where the map's reference system is a local one
  double hectares = 0;                 // of the map that the points of a sample stand for; 0: of no sample
  bool operator==(const PlacedConfusion&) const = default;
};

struct AccuracyReport {
  std::string reference;          // one sentence: the reference of the maps
  std::vector<MapAccuracy> runs;  // one a seed
  std::optional<MapAccuracy> final_map;
  // Of the final map, where the reference spans more than five blocks: by polygons in blocks that a model learned from, and in blocks that
  // none did. Neighbouring fields are alike: the second is what a place without reference polygons may expect.
  std::optional<MapAccuracy> near_learners = {}, far_from_learners = {};
  std::vector<PlacedConfusion> confusions = {};       // of the final map, the most pixels (of a sample: hectares) first
  std::map<int, std::int64_t> learned_polygons = {};  // of each class, that a model learned from
  // Of points: how they were drawn (ValidateCommand::sampling), "" for polygons, and what they say of the map by that design. The matrices
  // then count points, without the weights of the design.
  std::string sampling = {};
  std::string unit = "point";  // of the sample: point or block
  std::optional<AreaAccuracy> areas = {};
};

// Of the final map, or of the only run; null where neither says what the map is worth.
const ConfusionMatrix* judging_matrix(const AccuracyReport& report);

// accuracy.json and RESULTS.txt of a report (atomic). Of points, RESULTS.txt begins with what they say by their design.
void write_report(const AccuracyReport& report, const Nomenclature& nomenclature, const std::string& json_file,
                  const std::string& text_file);

// The layout of iota2's RESULTS.txt, number for number: mean matrix over the runs, then kappa, OA, precision, recall and F-score as
// mean +- half width of the 95 % interval, and the three classes with which each class is most often mapped.
// iota2 takes the t quantile with (classes - 1) degrees of freedom and prints nan for runs that agree exactly, and so does this file;
// accuracy.json has the interval with (runs - 1). It differs from iota2 if a measure is undefined: nan instead of -1000, and an
// F-score of 0 if no pixel of a class agrees.
// UserError if a class of the matrices is not in the nomenclature.
std::string results_text(const std::vector<ConfusionMatrix>& runs, const Nomenclature& nomenclature);

// accuracy.json (undefined numbers are null):
//   schema      "millesime-accuracy-1"
//   reference   sentence
//   classes     [{code, name}] of the nomenclature
//   runs        [map]; final_map: map or null; in_learned_blocks, in_other_blocks: map with its number of blocks, or not there; with
//     map         {name, pixels, polygons: number or null, not_judged: [code], unmapped, of_two_classes,
//                  overall_accuracy, kappa, macro_f_score (mean over the classes with reference pixels),
//                  classes: [{code, reference, produced, agreed, precision, recall, f_score}],
//                  confusion: {codes, counts: [reference][produced]},
//                  calibration: null or {expected_error, maximum_error, bins: [{pixels, correct, confidence, accuracy}]}}, of a
//               sample also error_by_chance, and each bin with its share of the map's area, by which its points count, and effective_points
//   mean        over the runs: overall_accuracy, kappa, macro_f_score: {mean, half_width, runs};
//               classes: [{code, precision, recall, f_score: {mean, half_width, runs}}]
//   confusions  (not of matrices) [{reference, produced, pixels, polygons, in_one_polygon, there, longitude, latitude,
//               hectares (of a sample)}]
//   learned     (of the stage) [{code, polygons}]
//   sampling, unit  (of points) how they were drawn, point or block; runs and mean then count points, without the weights of the design
//   areas       (of points, by their design; of other references added by publish, from the matrix)
//               {unit: "ha", covered_share, unsampled: [code], overall_accuracy: estimate,
//               classes: [{code, mapped, area, users_accuracy, producers_accuracy}]} with estimate = {value, standard_error},
//               and {low, high}, a 95 % interval, where the sample has no spread
nlohmann::ordered_json accuracy_json(const AccuracyReport& report, const Nomenclature& nomenclature);
nlohmann::ordered_json areas_json(const AreaAccuracy& areas);
AreaAccuracy areas_from_json(const nlohmann::ordered_json& json);
Estimate estimate_from_json(const nlohmann::ordered_json& json);  // as accuracy.json has it
// "76.9 ± 3.0 %", "100.0 (98.1 to 100.0) %", or "–" where it is unknown; the estimate is multiplied by `unit`.
std::string estimate_text(const Estimate& estimate, double unit, const std::string& name);
// One line of the map, one a class, and one of what is left out.
std::vector<std::string> estimate_lines(const AreaAccuracy& areas, const Nomenclature& nomenclature);
AccuracyReport read_accuracy(const std::string& file);  // of accuracy_json(); UserError when damaged

// UserError that names every code of the matrix that the nomenclature lacks, with its number of pixels.
void require_known_classes(const ConfusionMatrix& matrix, const Nomenclature& nomenclature, const std::string& origin);

// A nomenclature for maps without one: the name of each class is its code.
Nomenclature nomenclature_of_codes(const std::vector<int>& codes);

}  // namespace millesime
