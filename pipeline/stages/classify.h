#pragma once
// Classify: maps every pixel of a tile, window by window, without intermediate images. A window is read once for the models of all
// regions and seeds.

#include <string>
#include <vector>

#include "models/base/model_file.h"
#include "pipeline/imagery/exogenous.h"
#include "pipeline/imagery/region_weights.h"
#include "pipeline/imagery/seed_map.h"
#include "pipeline/io/sensor.h"
#include "pipeline/stages/stage.h"

namespace millesime {

struct ClassifyRequest {
  Census census;
  std::string sensor = "sentinel2_theia";
  int year = 0;
  std::string resampling;
  RegionOptions regions;
  std::vector<ExogenousOptions> exogenous;
  ClassifyOptions options;
  std::vector<ClassifyOutput> outputs;
  Trust trust = Trust::data_only;
};

// Writes the maps of every output (atomic). Returns counts: pixels, mapped, without observation, outside the regions, pixels a class.
nlohmann::json classify_tile(const ClassifyRequest& request, const Context& context);

// `millesime classify --model M --tile DIR -o DIR`: takes the census of a tile folder and maps the tile.
struct ClassifyCommand {
  std::string model, tile, output;
  int year = 0;  // 0: every product of the folder; days are counted from the year of the middle one
  SensorOptions sensor;
  std::vector<std::string> exogenous;  // name=path
  ClassifyOptions options;
  bool trust_model = false;  // a TorchScript program may run

  Options declare();
};
nlohmann::json classify_command(const ClassifyCommand& command, const Context& context);

Stage classify_stage();

}  // namespace millesime
