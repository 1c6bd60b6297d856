#include "pipeline/core/mask_rules.h"

namespace millesime {

MaskRule only_zero_is_valid() { return only_valid({0}); }

MaskRule only_valid(std::initializer_list<std::uint8_t> codes) {
  MaskRule invalid;
  invalid.fill(1);
  for (const std::uint8_t code : codes) invalid[code] = 0;
  return invalid;
}

}  // namespace millesime
