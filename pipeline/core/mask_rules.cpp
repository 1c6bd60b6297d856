#include "pipeline/core/mask_rules.h"

namespace millesime {

MaskRule only_zero_is_valid() { return only_valid({0}); }

MaskRule only_valid(std::initializer_list<std::uint8_t> codes) {
  MaskRule invalid;
  invalid.fill(1);
  for (const std::uint8_t code : codes) invalid[code] = 0;
  return invalid;
}

MaskRule invalid_where_set(std::uint8_t bits) {
  MaskRule invalid{};
  for (std::size_t value = 0; value < invalid.size(); ++value) invalid[value] = (value & bits) != 0 ? 1 : 0;
  return invalid;
}

MaskRule sen2cor_scene_classification() { return only_valid({2, 4, 5, 6, 7, 11}); }

MaskRule theia_l3a_flags() { return only_valid({2, 3, 4}); }

}  // namespace millesime
