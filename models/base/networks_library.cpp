#include "models/base/networks_library.h"

#include "models/arch/ltae.h"
#include "models/base/bfloat16_classifier.h"

// Linked with -Bsymbolic-functions: these are the functions of this library, not those of the same name in the program, which call them.
extern "C" const millesime::NetworksLibrary* millesime_networks() {
  static constexpr millesime::NetworksLibrary kLibrary = {
      .load_classifier = millesime::load_classifier,
      .load_bfloat16_classifier = millesime::load_bfloat16_classifier,
      .ltae_weights = millesime::ltae_weights,
      .ltae_positions = millesime::ltae_positions,
      .train_held_out = millesime::train_held_out,
      .learn_again = millesime::learn_again,
      .untrained_network = millesime::untrained_network,
  };
  return &kLibrary;
}
