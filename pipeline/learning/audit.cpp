#include "pipeline/learning/audit.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <span>

#include "models/registry.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/io/vector_output.h"
#include "pipeline/learning/cross_validation.h"
#include "pipeline/learning/label_votes.h"
#include "pipeline/learning/learn_model.h"
#include "pipeline/learning/prediction.h"

namespace millesime {
namespace {

constexpr std::int64_t kFoldSeed = 1;

// The results of the models for the samples of one polygon and label.
struct Votes {
  std::string file;
  std::int64_t polygon = 0;
  double x = 0, y = 0, longitude = 0, latitude = 0;
  LabelVotes of_label;
};
using VotesOf = std::map<LabelledPolygon, Votes>;  // polygons of different files are different

void add_votes(const std::vector<SampleSelection>& tested, const ModelFile& model, const std::vector<float>& probabilities,
               VotesOf& votes) {
  const auto& classes = model.spec.classes;
  std::size_t at = 0;
  for (const auto& selection : tested)
    for (const auto row : selection.rows) {
      const auto i = static_cast<std::size_t>(row);
      Votes& of = votes[{selection.samples->group_of(row), selection.samples->label[i]}];
      if (of.of_label.samples() == 0) of.file = selection.file, of.polygon = selection.samples->polygon[i];
      of.x += selection.samples->x[i];
      of.y += selection.samples->y[i];
      constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
      const bool has_degrees = selection.samples->longitude.size() > i;
      of.longitude += has_degrees ? selection.samples->longitude[i] : kUnknown;
      of.latitude += has_degrees ? selection.samples->latitude[i] : kUnknown;
      of.of_label.add(std::span(probabilities).subspan(at, classes.size()), classes);
      at += classes.size();
    }
}

std::vector<AuditedPolygon> suspicious(const VotesOf& votes) {
  std::vector<AuditedPolygon> found;
  for (const auto& [key, of] : votes) {
    const auto n = static_cast<double>(of.of_label.samples());
    const int label = key.second, best = of.of_label.best();
    if (best == label) continue;
    found.push_back({of.file, of.polygon, of.of_label.samples(), of.x / n, of.y / n, of.longitude / n, of.latitude / n, label, best,
                     of.of_label.probability_of(best), of.of_label.probability_of(label), of.of_label.suspicion(label)});
  }
  std::ranges::stable_sort(found, std::greater{}, &AuditedPolygon::suspicion);
  return found;
}

std::string name_of(const Nomenclature& nomenclature, int code) {
  const auto index = nomenclature.index_of_code(code);
  return index ? nomenclature.at(*index).name : std::to_string(code);
}

// A text as a CSV cell, always quoted.
std::string quoted(const std::string& text) {
  std::string cell = "\"";
  for (const char c : text) cell += c == '"' ? std::string("\"\"") : std::string(1, c);
  return cell + "\"";
}

void write_table(const std::vector<AuditedPolygon>& found, const Nomenclature& nomenclature, const std::string& file) {
  std::string text = "rank,polygon,x,y,samples,label,label_name,suggestion,suggestion_name,confidence,own_probability,file\n";
  char line[256];
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto& p = found[i];
    std::snprintf(line, sizeof line, "%zu,%lld,%.6f,%.6f,%lld,%d,", i + 1, static_cast<long long>(p.polygon), p.x, p.y,
                  static_cast<long long>(p.samples), p.label);
    text += join_text(line, quoted(name_of(nomenclature, p.label)), ",", p.suggestion, ",", quoted(name_of(nomenclature, p.suggestion)));
    std::snprintf(line, sizeof line, ",%.4f,%.4f,", p.confidence, p.own_probability);
    text += line + quoted(p.file) + "\n";
  }
  write_text(file, text);
}

// By more than some pixels: samples have the position of a pixel, in single precision.
bool lies_outside(const AuditedPolygon& polygon, const Box& place) {
  constexpr double kSlack = 0.0005;  // degrees
  return polygon.longitude < place.min_x - kSlack || polygon.longitude > place.max_x + kSlack || polygon.latitude < place.min_y - kSlack ||
         polygon.latitude > place.max_y + kSlack;  // not where the position is not known
}

void write_layer(const std::vector<AuditedPolygon>& found, const Nomenclature& nomenclature, const AuditCommand& command) {
  const VectorLayer reference = read_polygons(command.reference, command.layer, {}, "");
  const VectorLayer in_degrees = read_polygons(command.reference, command.layer, {}, "EPSG:4326");
  std::map<std::int64_t, const Feature*> by_id;
  std::map<std::int64_t, Box> places;
  for (const auto& feature : reference.features) by_id[feature.id] = &feature;
  for (const auto& feature : in_degrees.features) places[feature.id] = feature.extent();
  std::vector<OutputFeature> features;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto& p = found[i];
    const auto feature = by_id.find(p.polygon);
    if (feature == by_id.end())
      throw UserError(join_text(command.reference, ": has no polygon ", p.polygon, ", which ", p.file,
                                " has samples of; use the polygons that the samples were drawn from"));
    if (const auto place = places.find(p.polygon); place != places.end() && lies_outside(p, place->second))
      throw UserError(join_text(command.reference, ": polygon ", p.polygon, " does not hold the samples of this polygon in ", p.file,
                                " (near longitude ", p.longitude, ", latitude ", p.latitude,
                                "): its polygons were numbered anew since the samples were drawn; draw them again, or give the file that "
                                "they were drawn from"));
    features.push_back({feature->second->parts,
                        {static_cast<std::int64_t>(i + 1), p.polygon, p.samples, std::int64_t{p.label}, name_of(nomenclature, p.label),
                         std::int64_t{p.suggestion}, name_of(nomenclature, p.suggestion), p.confidence, p.own_probability}});
  }
  write_polygons(command.output, "suspicious", reference.crs,
                 {"rank", "polygon", "samples", "label", "label_name", "suggest", "sugg_name", "confidence", "own_prob"}, features);
}

}  // namespace

Options AuditCommand::declare() {
  Options o;
  o.add("samples", &samples, "files of samples, .safetensors or .csv").path().required();
  o.add("model", &model, "architecture of the models; `millesime model list` shows them").names("architecture");
  o.add("folds", &folds, "number of parts of the polygons, each judged by a model that learned from the others").range(2, 100);
  o.add("reference", &reference, "the polygons that the samples were drawn from, for a vector file").path();
  o.add("layer", &layer, "layer of the reference polygons");
  o.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file; default: the labels that occur")
      .names("nomenclature");
  o.add("output", &output, "file to write: .csv, or polygons as .gpkg, .shp or .geojson").path().required();
  tables.declare(o);
  return o;
}

std::vector<AuditedPolygon> audit(const AuditCommand& command, const Context& context) {
  const bool table = lower(std::filesystem::path(command.output).extension().string()) == ".csv";
  if (!table && command.reference.empty())
    throw UserError(join_text(command.output, ": a vector file needs the polygons; add --reference, or write a .csv"));
  if (!table) require_vector_format(command.output);
  LearningRequest training;
  training.recipe.doubtful = 0;  // all are judged, and judge
  Options options = training.declare();
  for (const auto& assignment : command.assignments) options.set(assignment);
  training.model.name = command.model;
  check_model(training.model);
  apply_recipe(options, command.model);
  training.nomenclature = command.nomenclature;

  std::optional<Nomenclature> names;
  if (!command.nomenclature.empty()) names = Nomenclature::load(command.nomenclature);
  const auto all = load_named(command.samples, command.nomenclature, command.tables, context.progress);
  const Folds folds = make_folds(all, command.folds, GroupBy::polygon, kFoldSeed);
  VotesOf votes;
  for (int fold = 0; fold < folds.n; ++fold) {
    const FoldSelections parts = select_fold(all, folds, fold);
    const ModelFile model = learn_model(training, all, parts.learn, context).model;
    add_votes(parts.test, model, predict_probabilities(model, parts.test, context), votes);
    if (!names) names = model.spec.nomenclature;
  }
  const auto found = suspicious(votes);
  if (table)
    write_table(found, *names, command.output);
  else
    write_layer(found, *names, command);
  return found;
}

}  // namespace millesime
