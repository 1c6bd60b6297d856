#pragma once
// Inference of L-TAE: from a series as read to the logits of every pixel in one pass, without intermediate arrays (Garnot & Landrieu 2020,
// arXiv:2007.00586, folded: the query does not depend on the input and the embedding is linear).
//
//   x_t   = (b_t - mean) * inverse_std, the bands of acquisition t, resampled (prepare.h)
//   s_t   = relu(spectral x_t + bias) of a valid t; x_t without such a layer
//   a_ht  = softmax over the valid t of (score_h . s_t + position_score_h . position_t)
//   z_h   = embed_h sum_t a_ht s_t + embed_bias_h + sum_t a_ht position_t
//   u     = layer norm of relu(dense z + bias), over its numbers, variance + 1e-5
//   logit = head relu(hidden [u, statics] + bias) + bias
//
// Several sources, each with an encoder and dates of its own: one call a source, which goes on with the sums of the hidden layer,
//
//   sums  = bias (first source) or the sums before + hidden u, or + absent where no date of the source is valid
//   logit = head relu(sums) + bias, written by the last one
//
// so that no source's numbers are kept for the others. A source without any date adds `absent` everywhere.
//
// Products are added by fused multiply-additions in the order of the inputs, and exp is kernels/base/exponential.h: the same bits on
// every device. A network for bfloat16, on the CPU alone, rounds the inputs and weights of its matrices to it (positions aside, and
// sums have 32 bits): the same bits on every processor, and faster with AVX512_BF16 (has_products_of_pairs()).
// With cubic resampling, bands are resampled first (resample.h), into separate memory. A pixel without a valid date gets
// the logits of z = 0 and a count of 0.

#include <cstdint>
#include <vector>

#include "kernels/base/bfloat16.h"
#include "kernels/base/buffer.h"
#include "kernels/base/ltae_weights.h"
#include "kernels/ops/resample.h"
#include "kernels/ops/series_view.h"

namespace millesime {

// LtaeWeights in one array; the members are positions in it. Matrices are packed by four outputs, padded with zeros; `embed` has one matrix
// a head. They are there twice, at the same positions:
//   numbers    [output / 4][input][4]: a thread adds up the outputs of four rows
//   by_input   [input][output % q][output / q], q = fours(outputs): threads side by side read the weights of one input side by side
// and for products in bfloat16, at the same positions, as ltae_pairs.h reads them:
//   rounded    [output / 4][input, of every two the second first][4]
//   pairs      [output / 4][input / 2][4], the first of two inputs in the lower half; fewer numbers than in `rounded`
struct LtaeView {
  int features = 0, attended = 0, heads = 0, head_width = 0, mlp = 0, statics = 0, hidden = 0, classes = 0;
  const float *numbers = nullptr, *by_input = nullptr;
  const float* rounded = nullptr;        // null: products are computed in float32
  const std::uint32_t* pairs = nullptr;  // likewise
  int spectral = -1, spectral_bias = 0;  // -1: no such layer
  int score = 0, embed = 0, embed_bias = 0, dense = 0, dense_bias = 0, norm_gain = 0, norm_shift = 0;
  int hidden_layer = 0, hidden_bias = 0, head = 0, head_bias = 0;
  int absent = -1;  // -1: there is one source
};

struct LtaeDates {
  int n = 0;
  const float *position = nullptr, *position_by_input = nullptr;  // packed, a matrix [head_width][date]
  const float* score = nullptr;                                   // [date][head], position_score . position
};

struct LtaeArgs {
  LtaeView weights;
  LtaeDates dates;  // of the series
  SeriesView series;
  Resampling resampling = Resampling::bilinear;
  const float* mean = nullptr;         // [band]
  const float* inverse_std = nullptr;  // [band]
  const float* statics = nullptr;      // [static][pixel], normalised; null without statics
  float* logits = nullptr;             // [pixel][class]; null with `sums`
  std::uint8_t* count = nullptr;       // [pixel], valid dates (at most 255), may be null
  // Of several sources, [hidden][pixel], may be one array: the sums of the sources before, null for the first; what the sources after go
  // on with, null for the last.
  const float* begun = nullptr;
  float* sums = nullptr;
};

// Weights on a device, packed; and the positions of a series' dates.
class Ltae {
 public:
  explicit Ltae(const LtaeWeights& weights, const Stream& stream = {}, Arithmetic arithmetic = Arithmetic::float32);
  void set_dates(const std::vector<float>& position, const Stream& stream = {});  // [date][head_width]
  const LtaeView& view() const { return view_; }
  std::int64_t size() const { return weights_.size(); }  // of each of its arrays
  const LtaeDates& dates() const { return dates_; }

 private:
  std::vector<float> position_score_;
  LtaeView view_;
  LtaeDates dates_;
  Buffer<float> weights_, by_input_, rounded_, position_, position_by_input_, score_;
  Buffer<std::uint32_t> pairs_;
};

void ltae(const Stream& stream, const LtaeArgs& args);
bool has_products_of_pairs();  // of bfloat16: the processor that this runs on

}  // namespace millesime
