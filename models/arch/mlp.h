#pragma once
// MLP: dense layers over all dates at once, the plainest network. Layers of one width with batch normalisation (Ioffe & Szegedy 2015),
// ReLU and dropout.

#include <memory>

#include "models/base/model_spec.h"

namespace millesime {

class Network;

// Reads regular input of one source; statics are numbers among the others.
std::shared_ptr<Network> make_mlp(const ModelSpec& spec);

}  // namespace millesime
