#pragma once
// SampleStatics: the static inputs of a model, of the samples of one file: those of the file, and where the samples are.

#include <cstdint>
#include <string>
#include <vector>

#include "models/base/model_spec.h"
#include "pipeline/core/samples.h"

namespace millesime {

class SampleStatics {
 public:
  // UserError if the samples lack a static input, or longitude and latitude where the model reads coordinates. The samples must outlive it.
  SampleStatics(const ModelSpec& spec, const Samples& samples, const std::string& file);
  // Of a sample, one value for each of spec.statics; NaN where missing. UserError where the sample has no coordinates.
  void read(std::int64_t row, float* values) const;

 private:
  const Samples& samples_;
  std::string file_;
  std::vector<int> positions_;  // in the file's static inputs, then the coordinates
  bool coordinates_ = false;
};

}  // namespace millesime
