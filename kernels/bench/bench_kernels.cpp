// millesime_bench_kernels [PIXELS_ACROSS [REPEATS [NAME]]]: pixels a second of every operation, and the memory bandwidth of the same
// run.
//
// The work is that of a Sentinel-2 year: 30 acquisitions, 10 bands (six at half resolution), 3 masks, 37 target dates, 3 indices;
// a forest of 100 trees with 3,250 nodes on 370 features; 23 classes. Each figure is the best of REPEATS; NAME restricts it to operations
// whose line contains it. Threads: OMP_NUM_THREADS.

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/base/buffer.h"
#include "kernels/base/store.h"
#include "kernels/bench/inputs.h"
#include "kernels/ops/blend.h"
#include "kernels/ops/confusion.h"
#include "kernels/ops/connected_components.h"
#include "kernels/ops/decide.h"
#include "kernels/ops/forest.h"
#include "kernels/ops/fuse_maps.h"
#include "kernels/ops/gap_fill.h"
#include "kernels/ops/indices.h"
#include "kernels/ops/ltae.h"
#include "kernels/ops/majority_filter.h"
#include "kernels/ops/map_values.h"
#include "kernels/ops/mosaic_rule.h"
#include "kernels/ops/pack.h"
#include "kernels/ops/prepare.h"
#include "kernels/ops/reconcile.h"
#include "kernels/ops/sieve.h"
#include "kernels/ops/smooth.h"
#include "kernels/ops/training_batch.h"
#include "kernels/ops/uncertainty.h"
#include "kernels/ops/validity.h"
#include "pipeline/core/series.h"

using namespace millesime;

namespace {

const std::vector<std::string> kThreeIndices = {"NDVI", "NDWI", "Brightness"};

int repeats = 3;
std::string only;

struct Time {
  double wall = std::numeric_limits<double>::infinity();  // s
  double cpu = std::numeric_limits<double>::infinity();   // s of all threads: for comparisons on a machine that runs other work, too
};

Time time_of(const std::function<void()>& work) {
  Time best;
  for (int i = 0; i <= repeats; ++i) {  // the first run warms up
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t cpu_start = std::clock();
    work();
    const double cpu = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
    if (i == 0) continue;
    best.wall = std::min(best.wall, wall.count());
    best.cpu = std::min(best.cpu, cpu);
  }
  return best;
}

void report(const char* name, std::int64_t pixels, double bytes_a_pixel, const std::function<void()>& work) {
  if (std::string(name).find(only) == std::string::npos) return;
  const Time time = time_of(work);
  const double rate = static_cast<double>(pixels) / time.wall;
  std::printf("%-36s %9.3f Mpx/s  %9.3f Mpx/CPU s  %6.0f B/px  %6.2f GB/s\n", name, rate / 1e6,
              static_cast<double>(pixels) / time.cpu / 1e6, bytes_a_pixel, rate * bytes_a_pixel / 1e9);
  std::fflush(stdout);
}

void bench_memory() {
  constexpr std::int64_t kBytes = std::int64_t{1} << 29, kParts = 512;
  const auto from = numbers<std::uint8_t>(kBytes, 0, 255);
  auto to = numbers<std::uint8_t>(kBytes, 0, 255);
  const Time time = time_of([&] {
#pragma omp parallel for schedule(static)
    for (std::int64_t part = 0; part < kParts; ++part) {
      store_past_caches(to.data() + part * (kBytes / kParts), from.data() + part * (kBytes / kParts), kBytes / kParts);
      finish_stores();
    }
  });
  std::printf("memory, read and written past caches: %.1f GB/s with %d threads, %.1f GB in a CPU second\n\n",
              2.0 * kBytes / time.wall / 1e9, omp_get_max_threads(), 2.0 * kBytes / time.cpu / 1e9);
}

// bytes_read: of a pixel.
template <class Number>
void bench_prepare_regular(const std::string& name, PrepareRegularArgs args, double bytes_read) {
  const std::int64_t pixels = args.series.pixels(), numbers = args.n_targets * args.n_features();
  Buffer<Number> features(Device{}, pixels * numbers);
  if constexpr (std::is_same_v<Number, Bfloat16>)
    args.bfloat16 = features.data();
  else
    args.features = features.data();
  const double bytes = bytes_read + static_cast<double>(numbers) * sizeof(Number) + (args.count ? 1 : 0);
  report(name.c_str(), pixels, bytes, [&] { prepare_regular(Device{}, args); });
}

void bench_preprocessing(int across) {
  const Series series = year(across);
  const HostSeries host(series);
  const std::int64_t pixels = host.view().pixels();
  std::vector<std::int32_t> targets;
  for (int t = 0; t < kTargets; ++t) targets.push_back(series.dates.front().days + 10 * t);
  const std::vector<float> mean(13, 1000.0f), inverse_std(13, 0.001f);
  constexpr double kSamples = kDates * (4 + 6 / 4.0) * 2, kMasks = kDates * 3;  // bytes a pixel as read
  const std::pair<Resampling, const char*> methods[] = {
      {Resampling::nearest, "nearest"}, {Resampling::bilinear, "bilinear"}, {Resampling::cubic, "cubic"}};

  Buffer<std::uint8_t> valid(Device{}, pixels * kDates), count(Device{}, pixels);
  report("validity", pixels, kSamples + kMasks + kDates + 1, [&] { validity(Device{}, {host.view(), valid.data(), count.data()}); });
  {
    Buffer<std::int16_t> samples(Device{}, pixels * kDates * 10), filled(Device{}, pixels * kTargets * 10);
    for (const auto& [method, name] : methods) {
      const ResampleArgs args{host.view(), method, samples.data()};
      report((std::string("resample, ") + name).c_str(), pixels, kSamples + kDates * 20, [&] { resample(Device{}, args); });
    }
    GapFillArgs fill;
    fill.pixels = pixels;
    fill.n_dates = kDates;
    fill.n_bands = 10;
    fill.n_targets = kTargets;
    fill.days = host.view().days;
    fill.target_days = targets.data();
    fill.samples = samples.data();
    fill.valid = valid.data();
    fill.filled = filled.data();
    for (const auto& [method, name] : {std::pair{FillMethod::moving_average, "moving average"},
                                       {FillMethod::whittaker, "Whittaker"},
                                       {FillMethod::linear, "linear"}}) {  // the last is what the indices are of
      fill.filling.method = method;
      report((std::string("gap_fill, ") + name).c_str(), pixels, kDates * 21 + kTargets * 20, [&] { gap_fill(Device{}, fill); });
    }
    IndicesArgs index;
    index.pixels = pixels;
    index.n_dates = kTargets;
    index.n_bands = 10;
    index.plan = plan_indices(kThreeIndices, series.bands);
    index.samples = filled.data();
    Buffer<float> exact(Device{}, pixels * kTargets * 10);
    fill.exact = exact.data(), fill.filled = nullptr;
    report("gap_fill, linear, float32", pixels, kDates * 21 + kTargets * 40, [&] { gap_fill(Device{}, fill); });
    Buffer<std::int16_t> integers(Device{}, pixels * kTargets * 3);
    index.integers = integers.data();
    report("indices, 3 x 37 dates, integers", pixels, kTargets * 26, [&] { indices(Device{}, index); });
    PackArgs packing;
    packing.pixels = pixels;
    packing.n_dates = kTargets;
    packing.n_bands = 10;
    packing.indices = index.plan;
    packing.samples = exact.data();
    packing.mean = mean.data();
    packing.inverse_std = inverse_std.data();
    {
      Buffer<float> features(Device{}, pixels * kTargets * 13);
      packing.features = features.data();
      report("pack, float32", pixels, kTargets * (40 + 13 * 4), [&] { pack(Device{}, packing); });
    }
    packing.features = nullptr;
    Buffer<Bfloat16> features(Device{}, pixels * kTargets * 13);
    packing.bfloat16 = features.data();
    report("pack, bfloat16", pixels, kTargets * (40 + 13 * 2), [&] { pack(Device{}, packing); });
  }
  PrepareRegularArgs regular;
  regular.series = host.view();
  regular.n_targets = kTargets;
  regular.target_days = targets.data();
  regular.indices = plan_indices(kThreeIndices, series.bands);
  regular.mean = mean.data();
  regular.inverse_std = inverse_std.data();
  regular.count = count.data();
  for (const auto& [method, name] : methods) {
    regular.resampling = method;
    bench_prepare_regular<float>(std::string("prepare, regular, ") + name, regular, kSamples + kMasks);
  }
  regular.resampling = Resampling::bilinear;
  bench_prepare_regular<Bfloat16>("prepare, regular, bfloat16", regular, kSamples + kMasks);
  regular.indices = {};
  bench_prepare_regular<float>("prepare, regular, no indices", regular, kSamples + kMasks);
  const Series one_grid = year_on_one_grid(across);
  const HostSeries one_grid_on_host(one_grid);
  regular.series = one_grid_on_host.view();
  regular.count = nullptr;
  constexpr double kOneGrid = kDates * (kBands * 2 + 1);
  bench_prepare_regular<float>("prepare, regular, one grid", regular, kOneGrid);
  bench_prepare_regular<Bfloat16>("prepare, regular, one grid, bfloat16", regular, kOneGrid);
  PrepareRawArgs raw;
  raw.series = host.view();
  raw.mean = mean.data();
  raw.inverse_std = inverse_std.data();
  Buffer<float> values(Device{}, pixels * kDates * 10);
  raw.values = values.data();
  raw.valid = valid.data();
  raw.count = count.data();
  report("prepare, raw, bilinear", pixels, kSamples + kMasks + kDates * 41 + 1, [&] { prepare_raw(Device{}, raw); });

  Ltae network(random_ltae());
  network.set_dates(std::vector<float>(kDates * 16, 0.5f));
  Buffer<float> logits(Device{}, pixels * kClasses);
  LtaeArgs attention;
  attention.weights = network.view(), attention.dates = network.dates();
  attention.series = host.view(), attention.resampling = Resampling::bilinear;
  attention.mean = mean.data(), attention.inverse_std = inverse_std.data();
  attention.logits = logits.data(), attention.count = count.data();
  report("ltae, default size, bilinear", pixels, kSamples + kMasks + kClasses * 4 + 1, [&] { ltae(Device{}, attention); });
  Ltae rounded(random_ltae(), {}, Arithmetic::bfloat16);
  rounded.set_dates(std::vector<float>(kDates * 16, 0.5f));
  attention.weights = rounded.view(), attention.dates = rounded.dates();
  report("ltae, default size, bilinear, bfloat16", pixels, kSamples + kMasks + kClasses * 4 + 1, [&] { ltae(Device{}, attention); });
}

void bench_models_and_maps(std::int64_t pixels) {
  const Forest packed(random_forest());
  ForestArgs trees;
  trees.forest = packed.view();
  trees.pixels = pixels / 16;
  const auto features = numbers<float>(trees.pixels * kForestFeatures, 0, 10000);
  Buffer<std::uint16_t> votes(Device{}, trees.pixels * kClasses);
  Buffer<std::uint8_t> winner(Device{}, pixels), confidence(Device{}, pixels);
  Buffer<float> share(Device{}, pixels);
  trees.features = features.data();
  trees.winner = winner.data();
  trees.confidence = share.data();
  trees.votes = votes.data();
  report("forest, 100 trees", trees.pixels, kForestFeatures * 4 + kClasses * 2 + 5, [&] { forest(Device{}, trees); });

  const auto logits = numbers<float>(pixels * kClasses, -5, 5);
  Buffer<std::uint16_t> probabilities(Device{}, pixels * kClasses);
  DecideArgs deciding;
  deciding.pixels = pixels;
  deciding.n_classes = kClasses;
  deciding.logits = logits.data();
  deciding.label = winner.data();
  deciding.confidence = confidence.data();
  report("decide", pixels, kClasses * 4 + 2, [&] { decide(Device{}, deciding); });
  deciding.probabilities = probabilities.data();
  report("decide, with probabilities", pixels, kClasses * 6 + 2, [&] { decide(Device{}, deciding); });

  const auto labels = numbers<std::uint8_t>(pixels * kMaps, 1, kClasses), confidences = numbers<std::uint8_t>(pixels * kMaps, 0, 100);
  const auto codes = numbers<std::uint16_t>(pixels * kMaps, 1, kClasses);
  std::vector<std::uint16_t> fused_codes(static_cast<std::size_t>(pixels));
  const std::vector<float> mass(kMaps * 256, 0.7f);
  FuseMapsArgs fusing;
  fusing.pixels = pixels;
  fusing.n_maps = kMaps;
  fusing.labels = codes.data();
  fusing.n_labels = 256;
  fusing.confidences = confidences.data();
  fusing.mass = mass.data();
  fusing.label = fused_codes.data();
  fusing.confidence = confidence.data();
  report("fuse_maps, majority of 5", pixels, 18, [&] { fuse_maps(Device{}, fusing); });
  fusing.method = Fusion::dempster_shafer;
  report("fuse_maps, Dempster-Shafer of 5", pixels, 18, [&] { fuse_maps(Device{}, fusing); });

  {
    constexpr int kYears = 6;
    const auto evidence = numbers<float>(pixels * kYears * kClasses, 0, 100);
    std::vector<float> initial(kClasses, 1.0f / kClasses),
        transition(static_cast<std::size_t>(kYears - 1) * kClasses * kClasses, 0.03f / (kClasses - 1));
    std::vector<std::uint8_t> unit(kClasses);
    for (std::size_t c = 0; c < unit.size(); ++c) unit[c] = static_cast<std::uint8_t>(c);
    for (std::size_t i = 0; i < transition.size(); i += kClasses) transition[i + i / kClasses % kClasses] = 0.97f;
    Buffer<std::uint8_t> of_years(Device{}, 2 * pixels * kYears), change(Device{}, 2 * pixels);
    report("reconcile, 6 years", pixels, kYears * (kClasses * 4 + 2) + 2, [&] {
      reconcile(Device{}, {pixels, kYears, kClasses, evidence.data(), initial.data(), transition.data(), unit.data(), of_years.data(),
                           of_years.data() + pixels * kYears, change.data(), change.data() + pixels});
    });
  }

  Buffer<std::uint64_t> counts(Device{}, kLabels * kLabels);
  counts.zero(Device{});
  report("confusion, no two neighbours alike", pixels, 2, [&] {
    confusion(Device{}, {pixels, labels.data(), labels.data() + pixels, counts.data()});
  });

  report("class_areas, no two neighbours alike", pixels, 1, [&] { class_areas(Device{}, {pixels, labels.data(), counts.data()}); });
  {
    constexpr int kSeriesDates = 8;
    const auto band = numbers<std::int16_t>(pixels * kSeriesDates, 0, 9000);
    std::vector<ClassMoments> moments(kSeriesDates * kLabels);
    report("class_series, 8 dates", pixels, kSeriesDates * 3, [&] {
      class_series(Device{}, {pixels, kSeriesDates, 1, 0, labels.data(), band.data(), nullptr, moments.data()});
    });
  }
  {
    const auto shares = numbers<float>(pixels * kClasses, 0, 1);
    const auto dates = numbers<std::uint8_t>(pixels, 1, 60);
    Buffer<float> mean(Device{}, pixels * kClasses);
    BlendArgs mix;
    mix.pixels = pixels, mix.n_classes = mix.model_classes = kClasses, mix.probabilities = shares.data(), mix.mean = mean.data();
    report("blend of one model", pixels, kClasses * 8, [&] { blend(Device{}, mix); });
    Buffer<std::uint8_t> values(Device{}, 3 * pixels);
    MapValuesArgs map;
    map.cols = map.inner_cols = 1024, map.rows = map.inner_rows = static_cast<int>(pixels / 1024);
    map.n_classes = kClasses, map.smoothed = true;
    map.probabilities = mean.data(), map.decidable = map.count = dates.data();
    map.place = values.data(), map.confidence = values.data() + pixels, map.validity = values.data() + 2 * pixels;
    report("map_values, smoothed", pixels, kClasses * 4 + 5, [&] { map_values(Device{}, map); });
  }

  auto seen = numbers<std::uint8_t>(pixels, 0, 60);
  auto rank = numbers<std::uint16_t>(pixels, 0, 90);
  const MosaicRuleArgs mosaic{pixels,      codes.data(), confidences.data(), labels.data(), 7, fused_codes.data(), confidence.data(),
                              seen.data(), rank.data()};
  report("mosaic_rule", pixels, 16, [&] { mosaic_rule(Device{}, mosaic); });
}

// Batches of training: a number read and one written, 30 dates of 10 bands.
void bench_training_batch() {
  constexpr std::int64_t kSamples = 8192;
  constexpr int kFeatures = 10;
  const auto values = numbers<float>(kSamples * kDates * kFeatures, -3, 3), days = numbers<float>(kSamples * kDates, 0, 365);
  const auto valid = numbers<std::uint8_t>(kSamples * kDates, 0, 1);
  std::vector<std::int64_t> rows;
  std::minstd_rand random(3);
  for (std::int64_t i = 0; i < kSamples; ++i) rows.push_back(static_cast<std::int64_t>(random() % kSamples));
  Buffer<float> out(Device{}, kSamples * kDates * kFeatures), out_days(Device{}, kSamples * kDates);
  Buffer<std::uint8_t> out_valid(Device{}, kSamples * kDates);
  TrainingBatchArgs args;
  args.samples = kSamples, args.n_dates = kDates, args.n_features = kFeatures, args.rows = rows.data();
  args.table_values = values.data(), args.table_valid = valid.data(), args.table_days = days.data();
  args.date_dropout = 0.4f, args.noise = 0.02f, args.shift_days = 1;
  args.values = out.data(), args.valid = out_valid.data(), args.days = out_days.data();
  report("training_batch", kSamples, kDates * (kFeatures * 8 + 10) + 8, [&] { training_batch(Device{}, args); });
}

// A map of patches, one pixel in eight of which is another class.
void bench_regularisation(int across) {
  const std::int64_t pixels = std::int64_t{across} * across;
  Buffer<std::uint8_t> labels(Device{}, pixels), out(Device{}, pixels), winner(Device{}, pixels);
  std::minstd_rand random(9);
  for (std::int64_t i = 0; i < pixels; ++i)
    labels.data()[i] = static_cast<std::uint8_t>(
        random() % 8 == 0 ? 1 + random() % kClasses : 1 + static_cast<std::uint64_t>(i / across / 20 * 7 + i % across / 30 * 5) % kClasses);
  for (const int size : {3, 7}) {
    const MajorityFilterArgs filter{size, across, across, across, across, 0, 0, labels.data(), out.data()};
    report(("majority_filter, " + std::to_string(size) + " x " + std::to_string(size)).c_str(), pixels, 2,
           [&] { majority_filter(Device{}, filter); });
  }
  Buffer<float> probabilities(Device{}, pixels * kClasses), smoothed(Device{}, pixels * kClasses);
  for (std::int64_t i = 0; i < pixels * kClasses; ++i) probabilities.data()[i] = static_cast<float>(random() % 100) / 100;
  report("smooth, one pass", pixels, 8 * kClasses + 1, [&] {
    smooth(Device{}, {across, across, kClasses, 2, 0.2f, probabilities.data(), labels.data(), smoothed.data()});
  });
  report("uncertainty, entropy", pixels, 4 * kClasses + 2, [&] {
    uncertainty(Device{}, {pixels, kClasses, Uncertainty::entropy, probabilities.data(), labels.data(), out.data()});
  });
  Buffer<std::int32_t> component(Device{}, pixels), size(Device{}, pixels), contact(Device{}, pixels), most_contact(Device{}, pixels);
  for (const int connectivity : {4, 8})
    report(("connected_components, " + std::to_string(connectivity) + " neighbours").c_str(), pixels, 9, [&] {
      connected_components(Device{}, {across, across, connectivity, labels.data(), component.data(), size.data()});
    });
  std::vector<std::uint8_t> classes;
  for (int c = 1; c <= kClasses; ++c) classes.push_back(static_cast<std::uint8_t>(c));
  connected_components(Device{}, {across, across, 4, labels.data(), component.data(), size.data()});
  const SieveArgs sieving{across,        across,         4,        10,      labels.data(),  component.data(),
                          size.data(),   classes.data(), kClasses, nullptr, contact.data(), most_contact.data(),
                          winner.data(), out.data()};
  report("sieve, 23 classes", pixels, 10, [&] { sieve(Device{}, sieving); });
}

}  // namespace

int main(int argc, char** argv) {
  const int across = argc > 1 ? std::atoi(argv[1]) : 1024;
  repeats = argc > 2 ? std::atoi(argv[2]) : 3;
  if (argc > 3) only = argv[3];
  bench_memory();
  bench_preprocessing(across);
  bench_models_and_maps(std::int64_t{across} * across);
  bench_training_batch();
  bench_regularisation(across);
}
