#pragma once
// Weights of an L-TAE for inference: folded by models/arch/ltae.h, read by kernels/ops/ltae.h. Matrices are [output][input].
// A network of several sources has one of these a source: its own encoder, and its own columns of the hidden layer.

#include <vector>

namespace millesime {

struct LtaeWeights {
  int features = 0;  // of a date, as read
  int attended = 0;  // of a date, as attended to: width of `spectral`, or `features` without it
  int heads = 0, head_width = 0;
  int mlp = 0, statics = 0, hidden = 0, classes = 0;

  std::vector<float> spectral, spectral_bias;    // [attended][features], [attended]; empty: there is no such layer
  std::vector<float> score, position_score;      // [heads][attended], [heads][head_width]
  std::vector<float> embed, embed_bias;          // [heads x head_width][attended], [heads x head_width]
  std::vector<float> dense, dense_bias;          // [mlp][heads x head_width], [mlp]
  std::vector<float> norm_gain, norm_shift;      // [mlp]
  std::vector<float> hidden_layer, hidden_bias;  // [hidden][mlp + statics], [hidden]; bias and statics: of the first source
  std::vector<float> absent;                     // [hidden], added for a pixel without a valid date; empty: there is one source
  std::vector<float> head, head_bias;            // [classes][hidden], [classes]
};

}  // namespace millesime
