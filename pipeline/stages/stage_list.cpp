#include "pipeline/stages/stage.h"

#include "pipeline/stages/catalog.h"
#include "pipeline/stages/tile.h"

namespace millesime {

// Order is execution order.
const std::vector<Stage>& stage_list() {
  static const std::vector<Stage> stages = {catalog_stage(), tile_stage()};
  return stages;
}

}  // namespace millesime
