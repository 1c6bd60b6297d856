#include "models/base/network_library.h"

extern "C" const millesime::NetworkLibrary* millesime_network_library() {
  using namespace millesime;
  static constexpr NetworkLibrary kLibrary{.train = networks::train_network,
                                           .train_on = networks::train_held_out,
                                           .again = networks::learn_again,
                                           .untrained = networks::untrained_network,
                                           .classifier = networks::load_classifier,
                                           .bfloat16 = networks::load_bfloat16_classifier,
                                           .weights = networks::ltae_weights,
                                           .positions = networks::ltae_positions};
  return &kLibrary;
}
