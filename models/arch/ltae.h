#pragma once
// L-TAE: attention over dates with one learned query a head. Garnot & Landrieu 2020, "Lightweight Temporal Self-Attention for
// Classifying Satellite Image Time Series" (arXiv:2007.00586); normalisation of the input as in U-TAE (Garnot & Landrieu 2021).

#include <memory>
#include <vector>

#include "kernels/base/ltae_weights.h"
#include "models/base/model_spec.h"

namespace millesime {

class Network;
struct ModelFile;

// Reads raw or regular series of any number of sources: one encoder each, joined with the static inputs before the classification layers.
// Parameter "norm":
//   "group"      one GroupNorm over the valid dates of a pixel on the input, none after the embedding;
//   "none"       the input as standardised over the training set;
//   "published"  LayerNorm over the features of a date on the input and over the embedding.
// Parameter "spectral": width of a layer with ReLU over the features of each date before the embedding, as PSE's first one; 0: none.
// "spectral_further": width of that layer for each feature of a further source, at most "spectral": radar of two bands needs less than ten
// optical ones. 0, and a model file without it: "spectral".
// With the first two norms the embedding is linear in its input, so query, keys and embedding fold: a date costs 2 x n_head
// multiplications for each input number instead of d_model x (1 + n_head).
std::shared_ptr<Network> make_ltae(const ModelSpec& spec);

// The same network computed step by step as in the paper, for tests: shares the weights.
std::shared_ptr<Network> make_unfolded_ltae(const ModelSpec& spec);

// A trained network in the form of kernels/ops/ltae.h, one part a source: query, keys and embedding folded, batch normalisation, gates of
// the sources and temperature merged into the layers beside them; its logits are those of the network within 1e-5. Empty for networks that
// the kernel does not support: regular input, or another norm than "none".
std::vector<LtaeWeights> ltae_weights(const ModelFile& file);

// Positional encoding, added to the embedding of an acquisition: [date][width of a head]. days: since 1 January of the mapped year.
std::vector<float> ltae_positions(const std::vector<float>& days, int head_width);

}  // namespace millesime
