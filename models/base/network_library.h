#pragma once
// Networks are learned and applied by a library of their own, libmillesime_networks.so, which the program loads when it needs the first
// one: LibTorch takes a seventh of a second to start, and most commands use no network. The functions below are declared in public headers
// of models/; those call the ones of the namespace `networks`, which are compiled with LibTorch.

#include "models/arch/ltae.h"
#include "models/base/bfloat16_classifier.h"
#include "models/base/classifier.h"
#include "models/base/training.h"

namespace millesime {

struct NetworkLibrary {
  decltype(&train_network) train;
  decltype(&train_held_out) train_on;
  decltype(&learn_again) again;
  decltype(&untrained_network) untrained;
  decltype(&load_classifier) classifier;
  decltype(&load_bfloat16_classifier) bfloat16;
  decltype(&ltae_weights) weights;
  decltype(&ltae_positions) positions;
};

namespace networks {
decltype(millesime::train_network) train_network;
decltype(millesime::train_held_out) train_held_out;
decltype(millesime::learn_again) learn_again;
decltype(millesime::untrained_network) untrained_network;
decltype(millesime::load_classifier) load_classifier;
decltype(millesime::load_bfloat16_classifier) load_bfloat16_classifier;
decltype(millesime::ltae_weights) ltae_weights;
decltype(millesime::ltae_positions) ltae_positions;
}  // namespace networks

}  // namespace millesime

// In the library. A program that is linked with the networks themselves (the tests) has it, too, and loads nothing.
extern "C" const millesime::NetworkLibrary* millesime_network_library();
