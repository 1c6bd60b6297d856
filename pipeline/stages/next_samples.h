#pragma once
// `millesime samples next`: the places whose label would teach a model most, spread over the map, as polygons to be labelled.
//
// A place is a square of some pixels, or one of given polygons (parcels without a label), with a class on at least half of its pixels; its
// worth is the mean uncertainty of those. The map is divided
// into blocks, about half as many again as places are wanted; the worthiest place of each block is a candidate (uncertainty sampling, Lewis
// & Gale 1994, with the spread in space that keeps one bad corner from taking all labels), and of the candidates those are taken that are
// worth most and lie at least half a block apart.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/core/options.h"
#include "pipeline/stages/names_language.h"

namespace millesime {

struct NextSamplesCommand {
  std::string map, uncertainty;  // class codes, and 1 to 100 on the same grid; 0 is no data
  std::string nomenclature;      // "": the legend of the map
  int count = 200;
  int side = 5;                 // px, of a place that is a square
  std::string polygons, layer;  // "": squares; of overlapping polygons the later one has the pixel
  NamesLanguage names;
  std::string output;

  Options declare();
};

struct NextPlace {
  int col = 0, row = 0;    // its first pixel; of a polygon, that of its centroid
  double uncertainty = 0;  // mean
  int code = 0;            // most frequent class of the map
  int polygon = -1;        // its number among those of command.polygons that meet the map; -1: a square
};

// The best first; fewer than wanted where the map has no more. Reads the maps twice, in strips; the result does not depend on them.
std::vector<NextPlace> next_places(const NextSamplesCommand& command, const Context& context);

// Writes the places with empty fields for a label, which `reference` reads (unlabelled ones are ignored). Lines for a terminal.
std::vector<std::string> next_samples(const NextSamplesCommand& command, const Context& context);

}  // namespace millesime
