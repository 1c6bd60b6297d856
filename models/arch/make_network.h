#pragma once
// The networks behind the names of models/registry.h.

#include <memory>

#include "models/base/model_spec.h"

namespace millesime {

class Network;

// With random weights. spec.architecture: a network's (Architecture::network). UserError for a spec that the network cannot read.
std::shared_ptr<Network> make_network(const ModelSpec& spec);

}  // namespace millesime
