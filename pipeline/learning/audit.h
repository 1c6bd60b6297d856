#pragma once
// audit: finds reference polygons with doubtful labels (label_votes.h), each judged by models that did not learn from it
// (cross-validation).

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/core/options.h"
#include "pipeline/core/table_rules.h"

namespace millesime {

struct AuditCommand {
  std::vector<std::string> samples;  // .safetensors or .csv
  std::string model = "ltae";        // architecture of the models
  int folds = 5;
  std::string reference, layer;  // the polygons that the samples were drawn from, for their geometry
  std::string output;            // .csv, or a vector file by its extension (.gpkg, .shp, .geojson)
  std::string nomenclature;
  std::vector<std::string> assignments;  // of training, "train.epochs=30"
  TableRules tables;                     // of samples that are tables

  Options declare();
};

struct AuditedPolygon {
  std::string file;  // the first that has samples of it
  std::int64_t polygon = 0;
  std::int64_t samples = 0;
  double x = 0, y = 0;                         // mean position of its samples
  double longitude = 0, latitude = 0;          // the same in degrees; NaN: not known
  int label = 0, suggestion = 0;               // class codes
  double confidence = 0, own_probability = 0;  // mean probability of the suggestion, and of the label
  double suspicion = 0;                        // by how much the first is larger
};

// The polygons that the models would label differently, the most suspicious first. Writes command.output. UserError for a vector file
// without reference polygons, or with polygons that the samples were not drawn from.
std::vector<AuditedPolygon> audit(const AuditCommand& command, const Context& context);

}  // namespace millesime
