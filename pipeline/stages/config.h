#pragma once
// Config: one production, as the TOML file and the command line describe it. Every option is declared once, in config.cpp.

#include <string>
#include <vector>

#include "models/base/recipe.h"
#include "pipeline/core/options.h"
#include "pipeline/stages/selection_rule.h"

namespace millesime {

struct SensorOptions {  // [sensors.sentinel2_theia]
  std::string root;     // <root>/<tile>/<product>
  std::vector<std::string> bands;
  bool skip_damaged = false;
  std::string resampling = "bilinear";  // of 20 m bands to the 10 m grid
};

struct TileOptions {               // [tiles]
  std::vector<std::string> names;  // empty: all that are found
};

struct TimeOptions {  // [time], the regular time grid
  int step_days = 10;
  std::string start, end;          // default: earliest and latest acquisition over all tiles
  std::vector<std::string> dates;  // instead of start, end and step
  std::string gap_fill = "linear";
  double window_days = 30;  // of moving-average
  double smoothing = 1;     // of whittaker

  void declare_gap_fill(Options& options);  // the last three; the configuration and `train` share them
};

struct ReferenceOptions {  // [reference]
  std::string path, layer, class_field;
  double learn_ratio = 0.7;
  int seeds = 1;
  std::int64_t random_seed = 1;  // of the split; seed i of the run uses random_seed + i
  double erosion_m = 0;          // border of each polygon left out of the samples
};

struct RegionOptions {  // [regions]
  std::string path, layer, field;
  double blend_m = 2000;  // width of the belt in which neighbouring models are blended
};

struct ExogenousOptions {  // [[exogenous]]
  std::string name, path;
};

// Name of no architecture: training chooses one that suits the samples (stages/train.h).
inline constexpr const char* kChosenModel = "auto";
inline constexpr const char* kModelHelp =
    "architecture (`millesime model list` shows them), or auto: ltae, and for series without gaps temporal_cnn where it does better on "
    "held-out polygons; up to train.ensemble_samples samples its mean with a random_forest. Names joined by + become their mean";
inline constexpr const char* kSourcesHelp =
    "series of the samples to read, for raw input, e.g. sentinel2, sentinel1; all: every one; default: the main one";

struct ModelOptions {  // [model]
  std::string name = kChosenModel;
  std::string input = "auto";           // raw, regular, or what the architecture prefers
  std::vector<std::string> indices;     // of regular input
  std::vector<std::string> sources;     // series of the samples to read, by name; none: the main one; "all": every one that they have
  std::vector<std::string> parameters;  // of the architecture, "d_model=128"
  std::string path;                     // use this trained model instead of training
};

struct ClassifyOptions {  // [classify]
  bool probabilities = false;
  int batch = 0;  // pixels a model call; 0: chosen from the memory budget
  std::string precision = "float32";

  void declare(Options& options);  // of the section [classify], and of the command
};

struct FuseOptions {  // [fuse], of the maps of several seeds
  std::string method = "majority";
};

struct MosaicOptions {  // [mosaic]
  std::string crs = "EPSG:2154";
  double resolution = 10;
  int sheet_px = 4096;  // the map is computed and mended in sheets of this side
};

struct PublishOptions {  // [publish]
  std::string title = "Land cover";
  std::string compression = "DEFLATE";
  std::string licence = "etalab-2.0";
};

struct Config {
  std::string file;  // where it was read from
  int year = 0;
  std::string nomenclature = "oso23";
  std::string output = "out";
  std::string device = "auto";
  int threads = 0;
  std::string memory;
  SensorOptions sentinel2_theia;
  TileOptions tiles;
  TimeOptions time;
  ReferenceOptions reference;
  RegionOptions regions;
  std::vector<ExogenousOptions> exogenous;
  ModelOptions model;
  SelectionRule sample;           // [sample], within each tile and region
  Recipe train;                   // [train]
  SelectionRule train_selection;  // [train], over all tiles
  ClassifyOptions classify;
  FuseOptions fuse;
  MosaicOptions mosaic;
  PublishOptions publish;

  Config();

  // Every option of this Config; it points into it.
  Options declare();

  // The file, then --set assignments. UserError with file, line, key, expected and got.
  static Config load(const std::string& file, const std::vector<std::string>& assignments);
};

}  // namespace millesime
