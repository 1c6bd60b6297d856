#pragma once
// Matrix products of a group of pixels on the GPU (ltae.gpu.h): a number of all pixels is a row in shared memory, and a thread adds up four
// outputs of some pixels, which stay in registers.

#include <cmath>
#include <cstdint>

#include "kernels/base/block.h"
#include "kernels/ops/ltae_product.h"

namespace millesime {

// Some neighbouring pixels of a row, in one load.
template <int kPart>
struct alignas(4 * kPart) PixelPart {
  float at[kPart];
};
template <int kPart>
MILLESIME_HD PixelPart<kPart> part_of(const float* row) {
  return *reinterpret_cast<const PixelPart<kPart>*>(row);
}
template <int kPart>
MILLESIME_HD void store_part(float* row, const float (&numbers)[kPart]) {
  PixelPart<kPart> part;
  for (int p = 0; p < kPart; ++p) part.at[p] = numbers[p];
  *reinterpret_cast<PixelPart<kPart>*>(row) = part;
}

// Inputs whose loads overlap: as many as there are registers for.
template <int kPixels>
inline constexpr int kInputsAtOnce = kPixels > 8 ? 2 : 4;

struct EachInput {
  MILLESIME_HD int operator()(int i) const { return i; }
};
struct ChosenInputs {
  const std::int32_t* which;
  MILLESIME_HD int operator()(int i) const { return which[i]; }
};

// sum[k] += matrix x in for four outputs of some pixels. weights: those of the outputs and the first input, `quads` vectors of four from
// one input to the next; rows of `in` have kPixels numbers.
template <int kPixels, int kPart, int kAtOnce = kInputsAtOnce<kPixels>, class Inputs = EachInput>
MILLESIME_HD void add_product(float (&sum)[4][kPart], const float* weights, int quads, int inputs, const float* in,
                              const Inputs& input = {}) {
  MILLESIME_UNROLLED(kAtOnce)
  for (int i = 0; i < inputs; ++i) {
    const FourFloats w = read_four(weights + input(i) * quads * 4);
    const PixelPart<kPart> x = part_of<kPart>(in + i * kPixels);
    for (int p = 0; p < kPart; ++p) {
      sum[0][p] = fmaf(w.a, x.at[p], sum[0][p]);
      sum[1][p] = fmaf(w.b, x.at[p], sum[1][p]);
      sum[2][p] = fmaf(w.c, x.at[p], sum[2][p]);
      sum[3][p] = fmaf(w.d, x.at[p], sum[3][p]);
    }
  }
}

// matrix x in, of all pixels of a group, by `threads` threads. begin(output, pixel) is what a sum begins with, keep(output, pixel, sums)
// gets those of pixels from there on. A thread's outputs are a quarter of all apart, so that threads side by side access rows side by side.
template <int kPixels, int kPart, int kAtOnce = kInputsAtOnce<kPixels>, class Begin, class Keep>
MILLESIME_HD void product_of_group(int thread, int threads, const float* by_input, int inputs, int outputs, const float* in,
                                   const Begin& begin, const Keep& keep) {
  constexpr int kParts = kPixels / kPart;
  const int quads = fours(outputs);
  MILLESIME_ROLLED
  for (int task = thread; task < quads * kParts; task += threads) {
    const int quad = task / kParts, pixel = task % kParts * kPart;
    float sum[4][kPart];
    for (int k = 0; k < 4; ++k)
      for (int p = 0; p < kPart; ++p) sum[k][p] = quad + k * quads < outputs ? begin(quad + k * quads, pixel + p) : 0.0f;
    add_product<kPixels, kPart, kAtOnce>(sum, by_input + quad * 4, quads, inputs, in + pixel);
    for (int k = 0; k < 4; ++k)
      if (quad + k * quads < outputs) keep(quad + k * quads, pixel, sum[k]);
  }
}

}  // namespace millesime
