#include "pipeline/stages/catalog.h"
#include "pipeline/stages/classify.h"
#include "pipeline/stages/footprint.h"
#include "pipeline/stages/fuse.h"
#include "pipeline/stages/mosaic.h"
#include "pipeline/stages/publish.h"
#include "pipeline/stages/regularise.h"
#include "pipeline/stages/sample.h"
#include "pipeline/stages/stage.h"
#include "pipeline/stages/train.h"
#include "pipeline/stages/validate.h"
#include "pipeline/stages/vectorise.h"

namespace millesime {

// Order is execution order.
const std::vector<Stage>& stage_list() {
  static const std::vector<Stage> stages = {
      catalog_stage(),     // the products and their faults
      footprint_stage(),   // where each tile has images, and how much of each date is clear
      sample_stage(),      // labelled series at the pixels of the reference polygons
      train_stage(),       // one model a region and seed
      classify_stage(),    // class and confidence of every pixel
      fuse_stage(),        // the fusion of the maps of several seeds
      mosaic_stage(),      // the map of all tiles
      validate_stage(),    // the accuracy on pixels that no model learned from
      regularise_stage(),  // the map without what is below the minimum mapping unit
      vectorise_stage(),   // its polygons
      publish_stage(),     // the products for users
  };
  return stages;
}

}  // namespace millesime
