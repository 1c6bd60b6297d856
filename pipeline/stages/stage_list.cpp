#include "pipeline/stages/catalog.h"
#include "pipeline/stages/classify.h"
#include "pipeline/stages/footprint.h"
#include "pipeline/stages/fuse.h"
#include "pipeline/stages/mosaic.h"
#include "pipeline/stages/publish.h"
#include "pipeline/stages/sample.h"
#include "pipeline/stages/stage.h"
#include "pipeline/stages/train.h"
#include "pipeline/stages/validate.h"

namespace millesime {

// Order is execution order.
const std::vector<Stage>& stage_list() {
  static const std::vector<Stage> stages = {
      catalog_stage(),    // which products there are, and what is wrong with them
      footprint_stage(),  // where each tile has images, and how often each pixel was seen
      sample_stage(),     // labelled series at the pixels of the reference polygons
      train_stage(),      // one model a region and seed
      classify_stage(),   // class and confidence of every pixel
      fuse_stage(),       // the maps of several seeds become one
      mosaic_stage(),     // the tiles become one map
      validate_stage(),   // how far the maps agree with what no model has seen
      publish_stage(),    // what users download
  };
  return stages;
}

}  // namespace millesime
