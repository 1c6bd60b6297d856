#include "kernels/base/cpu_clones.h"
#include "kernels/base/staged.h"
#include "kernels/ops/pack.h"
#include "kernels/ops/prepare.impl.h"
#include "kernels/ops/validity.h"

namespace millesime {

using RegularNearest = PrepareRegularBlock<kCpuLanes, 1, float>;
using RegularBilinear = PrepareRegularBlock<kCpuLanes, 2, float>;
using RegularCubic = PrepareRegularBlock<kCpuLanes, 4, float>;
using RegularNearest16 = PrepareRegularBlock<kCpuLanes, 1, Bfloat16>;
using RegularBilinear16 = PrepareRegularBlock<kCpuLanes, 2, Bfloat16>;
using RegularCubic16 = PrepareRegularBlock<kCpuLanes, 4, Bfloat16>;
using RawNearest = PrepareRawBlock<kCpuLanes, 1>;
using RawBilinear = PrepareRawBlock<kCpuLanes, 2>;
using RawCubic = PrepareRawBlock<kCpuLanes, 4>;
MILLESIME_CPU_CLONES(RegularNearest);
MILLESIME_CPU_CLONES(RegularBilinear);
MILLESIME_CPU_CLONES(RegularCubic);
MILLESIME_CPU_CLONES(RegularNearest16);
MILLESIME_CPU_CLONES(RegularBilinear16);
MILLESIME_CPU_CLONES(RegularCubic16);
MILLESIME_CPU_CLONES(RawNearest);
MILLESIME_CPU_CLONES(RawBilinear);
MILLESIME_CPU_CLONES(RawCubic);

namespace {

bool in_one_kernel(const GapFilling& filling) { return filling.method == FillMethod::linear; }

void prepare_composed(const Stream& stream, const PrepareRegularArgs& args) {
  const std::int64_t pixels = args.series.pixels();
  const int n_dates = args.series.n_dates, n_bands = args.series.n_bands;
  const OrderedBuffer<std::int16_t> samples(stream, "prepare_regular", pixels * n_dates * n_bands);
  const OrderedBuffer<float> filled(stream, "prepare_regular", pixels * args.n_targets * n_bands);
  const OrderedBuffer<std::uint8_t> valid(stream, "prepare_regular", pixels * n_dates);
  validity(stream, {args.series, valid.data(), args.count});
  resample(stream, {args.series, args.resampling, samples.data()});
  gap_fill(stream, {pixels, n_dates, n_bands, args.n_targets, args.series.days, args.target_days, samples.data(), valid.data(), nullptr,
                    filled.data(), args.filling});
  pack(stream, {pixels, args.n_targets, n_bands, args.indices, filled.data(), args.mean, args.inverse_std, args.features, args.bfloat16});
}

}  // namespace

std::int64_t prepare_regular_bytes_per_pixel(const GapFilling& filling, int n_dates, int n_bands, int n_targets) {
  if (in_one_kernel(filling)) return 0;
  return std::int64_t{n_bands} * (2 * n_dates + 4 * n_targets) + n_dates;
}

void prepare_regular(const Stream& stream, const PrepareRegularArgs& args) {
  if (!in_one_kernel(args.filling)) return prepare_composed(stream, args);
  on_backend(stream, [&](const auto& backend) { prepare_regular_on(backend, args); });
}

void prepare_raw(const Stream& stream, const PrepareRawArgs& args) {
  on_backend(stream, [&](const auto& backend) { prepare_raw_on(backend, args); });
}

}  // namespace millesime
