#pragma once
// A map that a sample judges, and its confidence, at the units of the sample.

#include <optional>

#include "pipeline/io/map_input.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/validate.h"

namespace millesime {

struct ShownClass {
  int produced = 0;  // 0: no class
  double confidence = 0;
};

class JudgedMap {
 public:
  JudgedMap(const ValidateCommand& command, const Context& context);

  const Grid& grid() const { return map_.grid(); }
  bool has_confidence() const { return confidence_.has_value(); }

  ShownClass at(const Window& pixel) const;
  // Of a block: the class that most of its mapped pixels have, those whose centre lies in it, and the mean confidence of the pixels that
  // have it. `middle`: the pixel there, which says it where pixels are larger than the block.
  ShownClass in(const Feature& square, const Window& middle) const;

 private:
  MapInput map_;
  std::optional<MapInput> confidence_;
};

}  // namespace millesime
