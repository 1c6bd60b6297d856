#pragma once
// TempCNN: convolutions over time. Pelletier, Webb, Petitjean 2019, "Temporal Convolutional Neural Network for the Classification of
// Satellite Image Time Series", Remote Sensing 11(5).

#include <memory>

#include "models/base/model_spec.h"

namespace millesime {

class Network;

// Three blocks of convolution (64 filters of 5 dates), batch normalisation, ReLU and dropout, then a dense layer of 256.
// Reads regular input only. Static inputs are appended before the dense layer.
std::shared_ptr<Network> make_temporal_cnn(const ModelSpec& spec);

// A trained network of one source as it is quickest for maps: normalisations are multiplied into the weights before them, and numbers stay
// in the order [pixel][date][filter], in which they come and which libraries prefer. The same logits but for rounding.
std::shared_ptr<Network> temporal_cnn_for_maps(const ModelSpec& spec, const Network& trained);
// The same in bfloat16, on its device, where calls of `pixels` pixels are quickest.
std::shared_ptr<Network> temporal_cnn_in_bfloat16(const ModelSpec& spec, const Network& trained, std::int64_t pixels);

}  // namespace millesime
