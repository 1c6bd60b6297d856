#pragma once
// MLP: dense layers over all dates at once, the simplest network. Layers of one width with batch normalisation (Ioffe & Szegedy 2015),
// ReLU and dropout.

#include <memory>

#include "models/base/model_spec.h"

namespace millesime {

class Network;

// Reads regular input of one source; static inputs are appended to it.
std::shared_ptr<Network> make_mlp(const ModelSpec& spec);

}  // namespace millesime
