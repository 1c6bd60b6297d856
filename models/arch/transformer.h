#pragma once
// Transformer encoder over the acquisitions as they are. Rußwurm & Körner 2020, "Self-attention for raw optical satellite time series
// classification", ISPRS Journal 169 (arXiv:1910.10536): embedding of each date, encoder layers of Vaswani et al. 2017, the maximum over
// the dates. Layers normalise their input (pre-norm, Xiong et al. 2020), which allows higher learning rates.

#include <memory>

#include "models/base/model_spec.h"

namespace millesime {

class Network;

// Reads raw or regular series of any number of sources: one encoder each, joined with the static inputs before the head.
std::shared_ptr<Network> make_transformer(const ModelSpec& spec);

}  // namespace millesime
