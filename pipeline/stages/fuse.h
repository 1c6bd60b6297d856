#pragma once
// Fuse: joins several maps of one grid (kernels/ops/fuse_maps.h has the rules). As a stage, the maps of the seeds of each tile;
// with one seed there are no units, and Layout::final_classification is the only map. As a command, any maps.

#include <string>
#include <vector>

#include "pipeline/core/accuracy.h"
#include "pipeline/stages/names_language.h"
#include "pipeline/stages/stage.h"

namespace millesime {

// Majority: one unit a tile. Dempster-Shafer: before them one unit that measures each seed's map on its test pixels, none of which judges
// the fused map; the precision is the mass.
Stage fuse_stage();

struct FuseOptions {  // [fuse], of the maps of several seeds
  std::string method = "majority";
  std::string confidence = "belief";  // of Dempster-Shafer: "belief" or "chosen"

  void declare(Options& options);  // of the section [fuse]
};

struct FuseCommand {
  std::vector<std::string> classification;  // class maps of one grid, 0 = no data
  std::vector<std::string> confidence;      // of each map; none: all equal
  std::string method = "majority";
  std::vector<std::string> confusion;       // Dempster-Shafer: confusion matrix of each map
  std::string mass = "precision";           // Dempster-Shafer: the measure of them that is used as belief in a map's label
  std::string fused_confidence = "belief";  // of Dempster-Shafer: the belief, or that of the map that was "chosen"
  bool choice = false;                      // also choice.tif, of two maps
  bool keep_undecided = false;              // mark pixels that no label wins, instead of giving them the lowest of the tied codes
  std::string nomenclature;                 // adds palette and names; "" for none
  NamesLanguage names;
  std::string output;  // folder of classification.tif and confidence.tif

  Options declare();
};

struct FuseCounts {
  std::int64_t pixels = 0, mapped = 0, undecided = 0;
  int undecided_label = 0;  // no code of a class; 0: none, ties are resolved
};
FuseCounts fuse(const FuseCommand& command, const Context& context);

// Belief in each label of a map below `n_labels`, from its confusion matrix: precision or recall of the label, or accuracy or kappa of the
// whole map for each of its labels. 0 for a label that the matrix lacks, and if the measure is undefined or negative.
std::vector<float> mass_of_belief(const ConfusionMatrix& confusion, const std::string& mass, int n_labels);

}  // namespace millesime
