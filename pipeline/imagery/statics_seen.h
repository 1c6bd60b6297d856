#pragma once
// Whether the static inputs of a tile are in the unit of those that a model learned from: an embedding whose file lost its scale, an
// elevation in millimetres. Only gross differences are told, which no other landscape explains.

#include <cstdint>
#include <string>
#include <vector>

#include "models/base/model_spec.h"

namespace millesime {

class StaticsSeen {
 public:
  explicit StaticsSeen(const ModelSpec& spec) : statics_(spec.statics), sum_(statics_.size()), n_(statics_.size()) {}
  void add(std::size_t input, float value);  // NaN: missing
  // A sentence for each input, or raster of many bands, whose numbers are grossly greater than the samples' (of many bands also smaller).
  std::vector<std::string> notes() const;

 private:
  std::vector<StaticSpec> statics_;
  std::vector<double> sum_;  // of magnitudes
  std::vector<std::int64_t> n_;
};

}  // namespace millesime
