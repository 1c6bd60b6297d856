#pragma once
// Classify: maps every pixel of a tile, window by window, without intermediate images. A window is read once for the models of all
// regions and seeds.

#include <set>
#include <string>
#include <vector>

#include "pipeline/imagery/tile_classifier.h"
#include "pipeline/io/sensor.h"
#include "pipeline/stages/period.h"
#include "pipeline/stages/stage.h"

namespace millesime {

// `millesime classify --model M --tile DIR -o DIR`: takes the census of a tile folder and maps the tile.
struct ClassifyCommand {
  std::string model, tile, output;
  int year = 0;  // 0: that of the products; of several, that of the model's samples
  PeriodOptions period;
  SourceOptions source{.sensor = "sentinel2_theia"};
  std::vector<std::string> also;       // further sources, name=sensor,root[,variant]
  std::vector<std::string> exogenous;  // name=path
  AreaOptions mapped;
  ClassifyOptions options;
  bool trust_model = false;  // a TorchScript program may run

  Options declare();
};
// Which of the years of a folder's products is mapped where nobody says so: that of the model's samples. UserError where they are of none
// of these years, or of several.
int year_of_several(const std::set<int>& years, const Provenance& model, const std::string& tile);
nlohmann::json classify_command(const ClassifyCommand& command, const Context& context);

Stage classify_stage();

}  // namespace millesime
