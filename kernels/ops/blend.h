#pragma once
// Blend: the weighted mean of the probabilities of several models, which are added one after the other, so that the memory of one suffices.
//
//   mean[class][pixel] = sum_m weight_m[pixel] p_m[pixel][class] / sum_m weight_m[pixel],  0 where the weights are 0
//
// The models may know different classes. Sums are in the order of the models. A class is a plane of the mean, as smooth.h and map_values.h
// read it; with one class of pixels x classes "pixels" it is the mean of models of the same classes, [pixel][class].

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

struct BlendArgs {
  std::int64_t pixels = 0;
  int n_classes = 0;                     // of the mean
  const float* probabilities = nullptr;  // of the model that is added, [pixel][its class]
  int model_classes = 0;                 // of it
  const std::int16_t* column = nullptr;  // [class] of the mean: the model's class, -1: it does not know it; null: the same classes
  bool first = true, last = true;        // of the models: the mean begins, and is divided by the weights
  float weight = 1, weight_sum = 1;      // at every pixel: of this model, and of those so far with it
  const float* weights = nullptr;        // [pixel], in place of them, >= 0
  float* weight_sums = nullptr;          // [pixel], with weights: of those so far
  float* mean = nullptr;                 // [class][pixel]
  const std::uint8_t* count = nullptr;   // [pixel], with `decidable`: valid dates
  std::uint8_t* decidable = nullptr;     // [pixel], with weights and the last model: 1 where the pixel has a valid date and a weight
};

void blend(const Stream& stream, const BlendArgs& args);

}  // namespace millesime
