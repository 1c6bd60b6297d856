#pragma once
// millesime simulate: a seeded world with its truth, in the layouts of real products.
//
// The world is a function of position (EPSG:2154) and seed, so tiles of any size, in any number, agree where they overlap. It lies on
// the border of UTM zones 30 and 31 in southern France, at longitude 0. What is written under `folder`:
//
//   l2a/<tile>/<product>/...  10 bands as int16 reflectance x 10000 and the CLM, SAT and EDG masks at 10 and 20 m
//   l3a/, safe/, landsat/, s1/, temperature/   the same world as other sensors and programs write it, by choice
//   truth/<tile>.tif          class of every pixel centre, on the tile's grid;  truth/truth.tif: all tiles in EPSG:2154 at 10 m
//   reference.shp             polygons with CODE and NAME, some of them wrong;  regions.gpkg: the two eco-climatic regions
//   climate.tif               mean temperature (deg C) and yearly rain (mm)
//   register.tif              with rotations: the crop of each field in the year before, 0 elsewhere
//   config.toml               a configuration that maps this world;  truth.json: facts about the world

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/core/options.h"

namespace millesime {

struct SimulateOptions {
  int tiles = 2;
  int size = 256;  // pixels of 10 m a side
  int dates = 30;  // acquisition days a tile, both orbits together
  std::int64_t seed = 1;
  int year = 2021;
  double overlap = 0.1;      // of a tile's side
  double cloud_share = 0.4;  // mean over the year
  double wrong_labels = 0.04;
  int polygons = 40;  // at most, a class and region
  int value_step = 1;
  bool plain = false;
  std::string seasons = "climate";
  double anomaly = 0;
  bool rotations = false;
  std::vector<std::string> sensors{"sentinel2_theia"};  // the first gives the tiles

  void declare(Options& options);
};

// Writes the world. The bytes depend only on the options, not on threads or memory. UserError if `folder` is not empty.
void simulate(const SimulateOptions& options, const std::string& folder, const Context& context);

}  // namespace millesime
