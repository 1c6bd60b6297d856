#include "models/base/networks_library.h"

#include "models/arch/ltae.h"
#include "models/base/bfloat16_classifier.h"

// Linked with -Bsymbolic-functions: these are the functions of this library, not those of the same name in the program, which call them.
extern "C" const millesime::NetworksLibrary millesime_networks = {millesime::load_classifier,  millesime::load_bfloat16_classifier,
                                                                  millesime::ltae_weights,     millesime::ltae_positions,
                                                                  millesime::train_held_out,   millesime::learn_again,
                                                                  millesime::untrained_network};
