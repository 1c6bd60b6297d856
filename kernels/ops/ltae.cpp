#include "kernels/base/cpu_clones.h"
#include "kernels/base/staged.h"
#include "kernels/ops/ltae.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

using LtaeNearest = LtaeBlock<kCpuLanes, 1>;
using LtaeBilinear = LtaeBlock<kCpuLanes, 2>;
using LtaeNearestOfEight = LtaeBlock<kCpuLanes, 1, LtaeForm::eight_sums>;
using LtaeBilinearOfEight = LtaeBlock<kCpuLanes, 2, LtaeForm::eight_sums>;
using LtaeNearestRounded = LtaeBlock<kCpuLanes, 1, LtaeForm::rounded>;
using LtaeBilinearRounded = LtaeBlock<kCpuLanes, 2, LtaeForm::rounded>;
MILLESIME_CPU_CLONES_BELOW_AVX512(LtaeNearest);
MILLESIME_CPU_CLONES_BELOW_AVX512(LtaeBilinear);
MILLESIME_CPU_CLONES_OF_AVX512(LtaeNearestOfEight);
MILLESIME_CPU_CLONES_OF_AVX512(LtaeBilinearOfEight);
MILLESIME_CPU_CLONES(LtaeNearestRounded);
MILLESIME_CPU_CLONES(LtaeBilinearRounded);
#if MILLESIME_LTAE_PAIRS
using LtaeNearestOfPairs = LtaeBlock<kCpuLanes, 1, LtaeForm::pairs>;
using LtaeBilinearOfPairs = LtaeBlock<kCpuLanes, 2, LtaeForm::pairs>;
MILLESIME_CPU_CLONES_OF_AVX512_BF16(LtaeNearestOfPairs);
MILLESIME_CPU_CLONES_OF_AVX512_BF16(LtaeBilinearOfPairs);
#endif

bool has_registers_for_eight_sums() {
#if defined(__x86_64__)
  return MILLESIME_CPU_HAS("avx512f") && MILLESIME_CPU_HAS("avx512bw") && MILLESIME_CPU_HAS("avx512cd") && MILLESIME_CPU_HAS("avx512dq") &&
         MILLESIME_CPU_HAS("avx512vl");  // x86-64-v4: 32 registers
#else
  return false;
#endif
}

bool has_products_of_pairs() {
#if MILLESIME_LTAE_PAIRS
  return has_registers_for_eight_sums() && MILLESIME_CPU_HAS("avx512bf16");
#else
  return false;
#endif
}

namespace {

// A series whose bands lie at the window's pixels: samples[date][band][pixel].
SeriesView resampled(SeriesView series, const std::int16_t* samples) {
  series.n_groups = 1;
  series.groups[0] = {samples, series.n_bands, series.width, series.height, 1, 0, 1, 0};
  for (int band = 0; band < series.n_bands; ++band) {
    series.group_of_band[band] = 0;
    series.position_in_group[band] = static_cast<std::int8_t>(band);
  }
  return series;
}

}  // namespace

void ltae(const Stream& stream, const LtaeArgs& args) {
  const LtaeView& net = args.weights;
  MILLESIME_CHECK(args.dates.n == args.series.n_dates, "ltae: positions of ", args.dates.n, " dates, series of ", args.series.n_dates);
  MILLESIME_CHECK(net.features == args.series.n_bands, "ltae: reads ", net.features, " bands, series of ", args.series.n_bands);
  MILLESIME_CHECK(net.statics == 0 || args.statics, "ltae: statics are missing");
  MILLESIME_CHECK((net.absent >= 0) == (args.begun || args.sums), "ltae: sums are for several sources, and for them alone");
  MILLESIME_CHECK(!net.rounded || stream.device.kind == Device::Kind::cpu, "ltae: products in bfloat16 are for the CPU");
  if (args.resampling != Resampling::cubic || args.series.n_dates == 0)
    return on_backend(stream, [&](const auto& backend) { ltae_on(backend, args); });
  const OrderedBuffer<std::int16_t> samples(stream, "ltae", args.series.pixels() * args.series.n_dates * args.series.n_bands);
  resample(stream, {args.series, args.resampling, samples.data()});
  LtaeArgs on_grid = args;
  on_grid.series = resampled(args.series, samples.data()), on_grid.resampling = Resampling::nearest;
  on_backend(stream, [&](const auto& backend) { ltae_on(backend, on_grid); });
}

namespace {

// Matrices in the forms of LtaeView.
struct Packed {
  std::vector<float> numbers, by_input, rounded;
  std::vector<std::uint32_t> pairs;
};

// Appends a matrix [output][input]; returns its position.
int pack(const float* matrix, int outputs, int inputs, Packed& all) {
  const int begin = static_cast<int>(all.numbers.size());
  const std::int64_t quads = fours(outputs);
  const auto size = all.numbers.size() + static_cast<std::size_t>(quads * kOutputsAtOnce * inputs);
  all.numbers.resize(size, 0.0f), all.by_input.resize(size, 0.0f), all.rounded.resize(size, 0.0f), all.pairs.resize(size, 0);
  const std::int64_t n_pairs = (inputs + 1) / 2;
  for (std::int64_t o = 0; o < outputs; ++o) {
    for (std::int64_t i = 0; i < inputs; ++i) {
      const float weight = matrix[o * inputs + i];
      all.numbers[static_cast<std::size_t>(begin + (o / kOutputsAtOnce * inputs + i) * kOutputsAtOnce + o % kOutputsAtOnce)] = weight;
      all.by_input[static_cast<std::size_t>(begin + (i * quads + o % quads) * kOutputsAtOnce + o / quads)] = weight;
      const Bfloat16 rounded = to_bfloat16(normal_or_zero(weight));
      const auto at = [&](std::int64_t column, std::int64_t columns) {
        return static_cast<std::size_t>(begin + (o / kOutputsAtOnce * columns + column) * kOutputsAtOnce + o % kOutputsAtOnce);
      };
      all.rounded[at(turned_in_pair(static_cast<int>(i), inputs), inputs)] = to_float(rounded);
      all.pairs[at(i / 2, n_pairs)] |= static_cast<std::uint32_t>(rounded.bits) << 16 * (i % 2);
    }
  }
  return begin;
}

int append(const std::vector<float>& numbers, std::vector<float>& all) {
  const int begin = static_cast<int>(all.size());
  all.insert(all.end(), numbers.begin(), numbers.end());
  return begin;
}

void require_size(const char* name, const std::vector<float>& numbers, int rows, int columns) {
  MILLESIME_CHECK(static_cast<std::int64_t>(numbers.size()) == std::int64_t{rows} * columns, "ltae: ", name, " has ", numbers.size(),
                  " numbers, expected ", rows, " x ", columns);
}

}  // namespace

Ltae::Ltae(const LtaeWeights& w, const Stream& stream, Arithmetic arithmetic) : position_score_(w.position_score) {
  const int embedding = w.heads * w.head_width;
  if (!w.spectral.empty())
    require_size("spectral", w.spectral, w.attended, w.features), require_size("spectral_bias", w.spectral_bias, w.attended, 1);
  MILLESIME_CHECK(!w.spectral.empty() || w.attended == w.features, "ltae: attention reads ", w.attended, " numbers of ", w.features,
                  " read");
  require_size("score", w.score, w.heads, w.attended), require_size("position_score", w.position_score, w.heads, w.head_width);
  require_size("embed", w.embed, embedding, w.attended), require_size("embed_bias", w.embed_bias, embedding, 1);
  require_size("dense", w.dense, w.mlp, embedding), require_size("dense_bias", w.dense_bias, w.mlp, 1);
  require_size("norm_gain", w.norm_gain, w.mlp, 1), require_size("norm_shift", w.norm_shift, w.mlp, 1);
  require_size("hidden_layer", w.hidden_layer, w.hidden, w.mlp + w.statics), require_size("hidden_bias", w.hidden_bias, w.hidden, 1);
  if (!w.absent.empty()) require_size("absent", w.absent, w.hidden, 1);
  require_size("head", w.head, w.classes, w.hidden), require_size("head_bias", w.head_bias, w.classes, 1);

  Packed packed;
  LtaeView& view = view_;
  view.features = w.features, view.attended = w.attended, view.heads = w.heads, view.head_width = w.head_width;
  view.mlp = w.mlp, view.statics = w.statics, view.hidden = w.hidden, view.classes = w.classes;
  if (!w.spectral.empty()) view.spectral = pack(w.spectral.data(), w.attended, w.features, packed);
  view.score = pack(w.score.data(), w.heads, w.attended, packed);
  view.embed = static_cast<int>(packed.numbers.size());
  for (int h = 0; h < w.heads; ++h) pack(w.embed.data() + std::int64_t{h} * w.head_width * w.attended, w.head_width, w.attended, packed);
  view.dense = pack(w.dense.data(), w.mlp, embedding, packed);
  view.hidden_layer = pack(w.hidden_layer.data(), w.hidden, w.mlp + w.statics, packed);
  view.head = pack(w.head.data(), w.classes, w.hidden, packed);
  std::vector<float>& all = packed.numbers;
  view.spectral_bias = append(w.spectral_bias, all), view.embed_bias = append(w.embed_bias, all);
  view.dense_bias = append(w.dense_bias, all), view.hidden_bias = append(w.hidden_bias, all), view.head_bias = append(w.head_bias, all);
  if (!w.absent.empty()) view.absent = append(w.absent, all);
  view.norm_gain = append(w.norm_gain, all), view.norm_shift = append(w.norm_shift, all);
  packed.by_input.resize(all.size());
  weights_ = to_device(stream, all), by_input_ = to_device(stream, packed.by_input);
  if (arithmetic == Arithmetic::bfloat16) {
    rounded_ = to_device(stream, packed.rounded), pairs_ = to_device(stream, packed.pairs);
    view.rounded = rounded_.data(), view.pairs = pairs_.data();
  }
  stream.synchronize();  // `packed` ends here
  view.numbers = weights_.data(), view.by_input = by_input_.data();
}

void Ltae::set_dates(const std::vector<float>& position, const Stream& stream) {
  const auto width = static_cast<std::size_t>(view_.head_width), n = position.size() / width;
  MILLESIME_CHECK(n * width == position.size(), "ltae: ", position.size(), " numbers of positions, ", width, " a date");
  std::vector<float> turned(position.size()), scores;
  Packed packed;
  for (std::size_t t = 0; t < n; ++t)
    for (std::size_t i = 0; i < width; ++i) turned[i * n + t] = position[t * width + i];
  pack(turned.data(), view_.head_width, static_cast<int>(n), packed);
  for (std::size_t t = 0; t < n; ++t)
    for (std::size_t h = 0; h < static_cast<std::size_t>(view_.heads); ++h) {
      double score = 0;
      for (std::size_t i = 0; i < width; ++i) score += static_cast<double>(position_score_[h * width + i]) * position[t * width + i];
      scores.push_back(static_cast<float>(score));
    }
  position_ = to_device(stream, packed.numbers), position_by_input_ = to_device(stream, packed.by_input);
  score_ = to_device(stream, scores);
  stream.synchronize();  // the vectors end here
  dates_ = {static_cast<int>(n), position_.data(), position_by_input_.data(), score_.data()};
}

}  // namespace millesime
