#include "pipeline/stages/stage.h"

namespace millesime {

// Order is execution order.
const std::vector<Stage>& stage_list() {
  static const std::vector<Stage> stages = {};
  return stages;
}

}  // namespace millesime
