#pragma once
// ModelOptions: the model to train, and its input.

#include <map>
#include <string>
#include <vector>

namespace millesime {

// Not an architecture: training chooses one by the samples (pipeline/learning/learn_model.h).
inline constexpr const char* kChosenModel = "auto";
inline constexpr const char* kModelHelp =
    "architecture (`millesime model list` shows them), or auto: the mean of several, weighted by what they are worth on held-out polygons "
    "(train.effort says how many). Names joined by + are their mean";
inline constexpr const char* kSourcesHelp =
    "series of the samples to read, e.g. sentinel2, sentinel1; all: every series; default: the main one";

inline constexpr const char* kCoordinatesHelp =
    "also read where a pixel is, as smooth functions of longitude and latitude: for large areas with samples all over them; judge it by "
    "blocks";

struct ModelOptions {  // [model]
  std::string name = kChosenModel;
  std::string input = "auto";                                  // raw, regular, or what the architecture prefers
  std::vector<std::string> indices;                            // of regular input
  std::map<std::string, std::vector<std::string>> indices_of;  // those that further sources have the bands for, in their own names
  std::vector<std::string> sources;     // series of the samples to read, by name; none: the main one; "all": every series
  bool coordinates = false;             // also read where a pixel is (core/coordinate_inputs.h)
  std::vector<std::string> parameters;  // of the architecture, "d_model=128"
  std::string path;                     // use this trained model instead of training
};

}  // namespace millesime
