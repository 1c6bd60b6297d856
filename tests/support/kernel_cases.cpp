// Length: the cases of every operation on maps and samples, one function an operation.
#include "tests/support/kernel_cases.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <random>
#include <stdexcept>

#include "kernels/ops/blend.impl.h"
#include "kernels/ops/confusion.impl.h"
#include "kernels/ops/connected_components.impl.h"
#include "kernels/ops/decide.impl.h"
#include "kernels/ops/forest.impl.h"
#include "kernels/ops/fuse_maps.impl.h"
#include "kernels/ops/majority_filter.impl.h"
#include "kernels/ops/map_values.impl.h"
#include "kernels/ops/mosaic_rule.impl.h"
#include "kernels/ops/quantile_features.impl.h"
#include "kernels/ops/reconcile.impl.h"
#include "kernels/ops/sieve.impl.h"
#include "kernels/ops/smooth.impl.h"
#include "kernels/ops/thermal_time.impl.h"
#include "kernels/ops/training_batch.impl.h"
#include "kernels/ops/uncertainty.impl.h"
#include "pipeline/core/error.h"
#include "tests/support/case_parts.h"
#include "tests/support/random_forest.h"
#include "tests/support/series_world.h"

namespace millesime::testing {

void* KernelCase::add(const void* values, std::size_t bytes, bool written) {
  Array array{std::make_unique<unsigned char[]>(bytes), std::vector<unsigned char>(bytes), written};
  if (bytes > 0) {
    std::memcpy(array.initial.data(), values, bytes);
    std::memcpy(array.memory.get(), values, bytes);
  }
  arrays_.push_back(std::move(array));
  return arrays_.back().memory.get();
}

std::vector<std::vector<unsigned char>> KernelCase::outputs() const {
  std::vector<std::vector<unsigned char>> all;
  for (const Array& array : arrays_)
    if (array.written) all.emplace_back(array.memory.get(), array.memory.get() + array.initial.size());
  return all;
}

void KernelCase::reset() {
  for (Array& array : arrays_)
    if (!array.initial.empty()) std::memcpy(array.memory.get(), array.initial.data(), array.initial.size());
}

std::vector<std::vector<unsigned char>> KernelCase::on_device(const Stream& stream,
                                                              const std::function<void(const std::function<void()>&)>& timed) {
  std::vector<Buffer<unsigned char>> buffers;
  std::vector<Launch> launches = launches_;
  for (const Array& array : arrays_) {
    buffers.push_back(to_device(stream, array.initial));
    // The functors' pointers to this array become pointers to its copy.
    const unsigned char *host = array.memory.get(), *device = buffers.back().data();
    for (Launch& launch : launches)
      for (std::size_t at = 0; at + sizeof host <= launch.functor.size(); at += sizeof host)
        if (std::memcmp(&launch.functor[at], &host, sizeof host) == 0) std::memcpy(&launch.functor[at], &device, sizeof device);
  }
  stream.synchronize();
  const auto run_all = [&] {
    for (const Launch& launch : launches) launch.run(stream, launch.functor);
  };
  run_all();
  std::vector<std::vector<unsigned char>> all;
  for (std::size_t i = 0; i < arrays_.size(); ++i)
    if (arrays_[i].written) all.push_back(to_host(stream, buffers[i]));
  if (timed) timed(run_all);
  return all;
}

std::int64_t KernelCase::bytes() const {
  std::size_t sum = 0;
  for (const Array& array : arrays_) sum += array.initial.size();
  return static_cast<std::int64_t>(sum);
}

namespace {

// 70 pixels: more than the 64 threads of the small grids.
const std::vector<SeriesInput>& inputs() {
  static const std::vector<SeriesInput> list = {{"clear", {35, 2, 4, 0.0, 0.0, true, 1}},
                                                {"cloudy", {35, 2, 4, 0.5, 0.05, false, 2}},
                                                {"all invalid", {35, 2, 3, 1.0, 0.0, true, 3}},
                                                {"one pixel", {1, 1, 4, 0.3, 0.0, true, 5}}};
  return list;
}

// `group`: pixels that a block walks together (ForestGroup), 0: a pixel a thread (ForestBlock).
void add_forest(Cases& cases, int pixels, const char* name, int group = kAsChosen, const ForestShape& shape = {5, 40, 7, 4, 3}) {
  const ForestArrays arrays = random_forest(shape);
  const Forest packed(arrays);
  for (const int n_statics : {0, 2}) {
    const std::string form = group == kAsChosen ? "" : group == 0 ? "a pixel a thread, " : join_text("groups of ", group, ", ");
    KernelCase& test = add(cases, "forest", join_text(n_statics > 0 ? "with statics, " : "", form, name));
    ForestArgs args;
    args.forest = packed.view();
    const auto nodes = static_cast<std::size_t>(arrays.feature.size());
    args.forest.nodes = test.input(std::vector<ForestNode>(args.forest.nodes, args.forest.nodes + nodes + kNodesReadAhead));
    args.forest.leaf_class = test.input(std::vector<std::uint8_t>(args.forest.leaf_class, args.forest.leaf_class + nodes));
    args.forest.root = test.input(std::vector<std::int64_t>(args.forest.root, args.forest.root + args.forest.n_trees));
    args.pixels = pixels;
    const auto features = random_features(arrays, pixels, 4);
    args.features = test.input(features);
    if (n_statics > 0)
      args.n_statics = n_statics,
      args.statics = test.input(std::vector<float>(features.end() - std::int64_t{pixels} * n_statics, features.end()));
    args.winner = test.output<std::uint8_t>(pixels);
    args.confidence = test.output<float>(pixels);
    args.votes = test.output<std::uint16_t>(std::int64_t{pixels} * shape.classes);
    const auto completed = [&](std::int64_t items, const auto& functor) {
      complete(
          test, [args] { forest(Device{}, args); },
          [args, items, functor, chosen = group == kAsChosen](const Fibers& fibers) {
            if (chosen)
              forest_on(fibers, args);
            else
              parallel_for(fibers, "forest", items, functor);
          },
          items, functor);
    };
    switch (group == kAsChosen ? forest_group_pixels(args.forest) : group) {
      case 16: completed(block_count(pixels, 16), ForestGroup<16>{args}); break;
      case 8: completed(block_count(pixels, 8), ForestGroup<8>{args}); break;
      case 4: completed(block_count(pixels, 4), ForestGroup<4>{args}); break;
      default: n_statics > 0 ? completed(pixels, ForestBlock<1, true>{args}) : completed(pixels, ForestBlock<1, false>{args}); break;
    }
  }
}

template <class T>
std::vector<T> random_numbers(std::size_t n, int low, int high, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<T> values(n);
  for (T& value : values) value = static_cast<T>(low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1)));
  return values;
}

void add_decide(Cases& cases, std::int64_t pixels, const char* name) {
  constexpr int kClasses = 7;
  const auto n = static_cast<std::size_t>(pixels) * kClasses;
  for (const std::string from : {"logits", "votes", "calibrated votes"}) {
    KernelCase& test = add(cases, "decide", join_text(from, ", ", name));
    DecideArgs args;
    args.pixels = pixels;
    args.n_classes = kClasses;
    if (from == "logits") {
      auto logits = random_numbers<float>(n, -4000, 4000, 8);
      for (float& logit : logits) logit *= 0.00137f;
      if (n > 20) logits[11] = std::numeric_limits<float>::quiet_NaN();
      args.logits = test.input(logits);
      args.sharpening = 0.13f;
    } else {
      args.votes = test.input(random_numbers<std::uint16_t>(n, 0, 14, 9));
      args.n_trees = 100;
      if (from == "calibrated votes") {
        args.vote_logits = test.input(random_numbers<float>(101, -9, 9, 10));
        args.sharpening = 0.13f;
      }
    }
    args.codes = test.input(random_numbers<std::uint8_t>(kClasses, 1, 200, 1));
    args.count = test.input(random_numbers<std::uint8_t>(static_cast<std::size_t>(pixels), 0, 5, 2));
    args.label = test.output<std::uint8_t>(pixels);
    args.confidence = test.output<std::uint8_t>(pixels);
    args.probabilities = test.output<std::uint16_t>(pixels * kClasses);
    args.exact_probabilities = test.output<float>(pixels * kClasses);
    complete(
        test, [args] { decide(Device{}, args); }, [args](const Fibers& fibers) { decide_on(fibers, args); }, pixels, DecidePixel{args});
  }
}

// The first of two models without weights, the last of two with weights and fewer classes, and members of the same classes.
void add_blend(Cases& cases, std::int64_t pixels, const char* name) {
  constexpr int kClasses = 7, kKnown = 4;
  const auto n = static_cast<std::size_t>(pixels);
  const auto shares = [&](std::size_t classes, unsigned seed) {
    auto numbers = random_numbers<float>(n * classes, 0, 40, seed);
    for (float& p : numbers) p /= 140;
    return numbers;
  };
  const auto finish = [&](KernelCase& test, const BlendArgs& args) {
    complete(
        test, [args] { blend(Device{}, args); }, [args](const Fibers& fibers) { blend_on(fibers, args); }, args.pixels,
        BlendBlock<1>{args});
  };
  {
    KernelCase& test = add(cases, "blend", join_text("first, ", name));
    BlendArgs args;
    args.pixels = pixels, args.n_classes = args.model_classes = kClasses, args.last = false, args.weight = 0.75f;
    args.probabilities = test.input(shares(kClasses, 1));
    args.mean = test.output<float>(pixels * kClasses);
    finish(test, args);
  }
  {
    KernelCase& test = add(cases, "blend", join_text("last, with weights and fewer classes, ", name));
    BlendArgs args;
    args.pixels = pixels, args.n_classes = kClasses, args.model_classes = kKnown, args.first = false;
    args.column = test.input(std::vector<std::int16_t>{2, -1, 0, 3, -1, 1, -1});
    args.probabilities = test.input(shares(kKnown, 2));
    args.weights = test.input(random_numbers<float>(n, 0, 2, 3));
    args.weight_sums = test.output(random_numbers<float>(n, 0, 1, 4));
    args.count = test.input(random_numbers<std::uint8_t>(n, 0, 2, 5));
    args.decidable = test.output<std::uint8_t>(pixels);
    args.mean = test.output(shares(kClasses, 6));
    finish(test, args);
  }
  KernelCase& test = add(cases, "blend", join_text("42 classes, of a whole model, ", name));
  BlendArgs args;
  args.pixels = pixels, args.n_classes = args.model_classes = 42;  // more than a warp's tile holds
  args.probabilities = test.input(shares(42, 7));
  args.mean = test.output<float>(pixels * 42);
  finish(test, args);
}

// A window within a larger one, where there is one; smoothed and not, with all that a map can have.
void add_map_values(Cases& cases, std::int64_t pixels, const char* name) {
  constexpr int kClasses = 7;
  for (const bool smoothed : {true, false}) {
    KernelCase& test = add(cases, "map_values", join_text(smoothed ? "smoothed, " : "", name));
    MapValuesArgs args;
    args.inner_cols = static_cast<int>(pixels % 32 == 0 ? 32 : pixels), args.inner_rows = static_cast<int>(pixels / args.inner_cols);
    const int halo = smoothed ? 8 : 0;  // rows of the gate's windows begin at sectors of memory
    args.first_col = args.first_row = halo;
    args.cols = args.inner_cols + 2 * halo, args.rows = args.inner_rows + 2 * halo;
    args.n_classes = kClasses, args.smoothed = smoothed;
    const auto outer = static_cast<std::size_t>(args.cols) * static_cast<std::size_t>(args.rows);
    auto probabilities = random_numbers<float>(outer * kClasses, 0, 40, 7);
    for (float& p : probabilities) p /= 140;
    if (!smoothed && outer > 60) probabilities[40] = std::numeric_limits<float>::quiet_NaN();
    args.probabilities = test.input(probabilities);
    args.decidable = test.input(random_numbers<std::uint8_t>(outer, 0, 4, 8));
    args.count = test.input(random_numbers<std::uint8_t>(outer, 0, 90, 9));
    args.place = test.output<std::uint8_t>(pixels), args.confidence = test.output<std::uint8_t>(pixels);
    args.validity = test.output<std::uint8_t>(pixels);
    if (smoothed) {
      args.shares = test.output<std::uint16_t>(pixels * kClasses), args.exact = test.output<float>(pixels * kClasses);
      args.codes = test.input(std::vector<std::uint16_t>{11, 12, 300, 31, 32, 33, 40});
      args.groups = test.input(std::vector<std::uint16_t>{10, 10, 300, 30, 30, 30, 40});
      args.level_confidence = 0.3f;
      args.level1 = test.output<std::uint16_t>(pixels), args.deepest = test.output<std::uint16_t>(pixels);
    }
    const auto on_cpu = [args] { map_values(Device{}, args); };
    const auto on_fibers = [args](const Fibers& fibers) { map_values_on(fibers, args); };
    if (smoothed)
      complete(test, on_cpu, on_fibers, pixels, MapValuesBlock<1, true>{args});
    else
      complete(test, on_cpu, on_fibers, pixels, MapValuesBlock<1, false>{args});
  }
}

// Acquisitions before and after 1 January, more than a warp's tile holds; some days lack.
void add_thermal_time(Cases& cases, std::int64_t pixels, const char* name) {
  constexpr int kDays = 60, kDates = 40;
  KernelCase& test = add(cases, "thermal_time", name);
  std::vector<ThermalSum> sums;
  for (int a = 0; a < kDates; ++a) sums.push_back(a < 3 ? ThermalSum{3 * a, 10, 1} : ThermalSum{10, 10 + a, 0});
  const auto all = static_cast<std::size_t>(pixels) * kDays;
  std::vector<std::uint8_t> known(all, 1);
  for (std::size_t i = 1; i < all; i += 1999) known[i] = 0;
  ThermalTimeArgs args;
  args.pixels = pixels, args.n_days = kDays, args.n_dates = kDates, args.day_stride = 2 * pixels;
  args.temperature = test.input(random_numbers<std::int16_t>(2 * all, -1500, 3500, 3));
  args.known = test.input(known);
  args.sums = test.input(sums);
  args.base = 4.5, args.per_day = 9.25;
  args.valid = test.input(random_numbers<std::uint8_t>(static_cast<std::size_t>(pixels) * kDates, 0, 1, 5));
  args.positions = test.output<float>(pixels * kDates);
  args.lacking = test.output(std::vector<std::int32_t>{0});
  complete(
      test, [args] { thermal_time(Device{}, args); }, [args](const Fibers& fibers) { thermal_time_on(fibers, args); }, pixels,
      ThermalTimeBlock<1>{args});
}

void add_uncertainty(Cases& cases, std::int64_t pixels, const char* name) {
  constexpr int kClasses = 7;
  for (const Uncertainty kind : {Uncertainty::entropy, Uncertainty::margin}) {
    KernelCase& test = add(cases, "uncertainty", join_text(kind == Uncertainty::entropy ? "entropy, " : "margin, ", name));
    auto probabilities = random_numbers<float>(static_cast<std::size_t>(pixels) * kClasses, 0, 40, 11);
    for (float& p : probabilities) p /= 140;
    UncertaintyArgs args;
    args.pixels = pixels, args.n_classes = kClasses, args.kind = kind;
    args.probabilities = test.input(probabilities);
    args.count = test.input(random_numbers<std::uint8_t>(static_cast<std::size_t>(pixels), 0, 5, 2));
    args.uncertainty = test.output<std::uint8_t>(pixels);
    complete(
        test, [args] { uncertainty(Device{}, args); }, [args](const Fibers& fibers) { uncertainty_on(fibers, args); }, pixels,
        uncertainty_pixel(args));
  }
}

void add_fuse_maps(Cases& cases, std::int64_t pixels, const char* name) {
  for (const Fusion method : {Fusion::majority, Fusion::dempster_shafer}) {
    KernelCase& test = add(cases, "fuse_maps", join_text(method == Fusion::majority ? "majority, " : "Dempster-Shafer, ", name));
    const auto n = static_cast<std::size_t>(pixels) * 4;
    auto mass = random_numbers<float>(4 * 256, 1, 99, 5);
    for (float& m : mass) m /= 100;
    FuseMapsArgs args;
    args.pixels = pixels;
    args.n_maps = 4;
    args.method = method;
    args.labels = test.input(random_numbers<std::uint16_t>(n, 0, 3, 1));
    args.undecided = 999, args.n_labels = 256;
    args.confidences = test.input(random_numbers<std::uint8_t>(n, 50, 53, 2));
    args.mass = test.input(mass);
    args.label = test.output<std::uint16_t>(pixels);
    args.confidence = test.output<std::uint8_t>(pixels);
    complete(
        test, [args] { fuse_maps(Device{}, args); }, [args](const Fibers& fibers) { fuse_maps_on(fibers, args); }, pixels,
        FuseMapsPixel{args});
  }
}

void add_reconcile(Cases& cases, std::int64_t pixels, const char* name) {
  constexpr int kYears = 4, kStates = 5;
  KernelCase& test = add(cases, "reconcile", name);
  auto evidence = random_numbers<float>(static_cast<std::size_t>(pixels) * kYears * kStates, 0, 99, 1);
  for (int t = 0; t < kYears; ++t)  // a pixel that was never seen
    for (int c = 0; c < kStates; ++c) evidence[static_cast<std::size_t>((t * kStates + c) * pixels)] = 0;
  std::vector<float> transition(kStates * kStates, 0.05f);
  for (int c = 0; c < kStates; ++c) transition[static_cast<std::size_t>(c * kStates + c)] = 0.8f;
  ReconcileArgs args;
  args.pixels = pixels, args.n_years = kYears, args.n_classes = kStates;
  args.evidence = test.input(evidence);
  args.initial = test.input(std::vector<float>(kStates, 0.2f));
  args.transition = test.input(transition);
  args.unit = test.input(std::vector<std::uint8_t>{0, 1, 1, 2, 3});
  args.label = test.output<std::uint8_t>(pixels * kYears);
  args.confidence = test.output<std::uint8_t>(pixels * kYears);
  args.change = test.output<std::uint8_t>(pixels);
  args.change_year = test.output<std::uint8_t>(pixels);
  test.on_cpu = [args] { reconcile(Device{}, args); };
  test.on_fibers = [args](const Fibers& fibers) { reconcile_on(fibers, args); };
  test.launches(pixels, ReconcileBlock<1>{args});
}

template <class Cpu, class OnFibers, class F>
void complete_count(KernelCase& test, const Cpu& on_cpu, const OnFibers& on_fibers, std::int64_t items, const F& functor) {
  test.on_cpu = on_cpu;
  test.on_fibers = on_fibers;
  test.counts(items, functor);
}

void add_counting(Cases& cases, std::int64_t pixels, const char* name) {
  const auto n = static_cast<std::size_t>(pixels);
  auto labels = random_numbers<std::uint8_t>(n, 0, 2, 1);
  if (n > 40) labels[33] = 200;  // beyond the private counters
  {
    KernelCase& test = add(cases, "confusion", name);
    const ConfusionArgs args{pixels, test.input(labels), test.input(random_numbers<std::uint8_t>(n, 0, 2, 2)),
                             test.output(std::vector<std::uint64_t>(kLabels * kLabels, 3))};
    complete_count(
        test, [args] { confusion(Device{}, args); }, [args](const Fibers& fibers) { confusion_on(fibers, args); }, pixels,
        ConfusionPixel{args});
  }
  {
    KernelCase& test = add(cases, "confusion", join_text("class_areas, ", name));
    const ClassAreasArgs args{pixels, test.input(labels), test.output(std::vector<std::uint64_t>(kLabels, 3))};
    complete_count(
        test, [args] { class_areas(Device{}, args); }, [args](const Fibers& fibers) { class_areas_on(fibers, args); }, pixels,
        ClassAreaPixel{args});
  }
  KernelCase& test = add(cases, "confusion", join_text("class_series, ", name));
  ClassSeriesArgs args;
  args.pixels = pixels, args.n_dates = 1, args.n_bands = 2, args.band = 1;
  args.labels = test.input(labels);
  args.samples = test.input(random_numbers<std::int16_t>(2 * n, -300, 9000, 3));
  args.valid = test.input(random_numbers<std::uint8_t>(n, 0, 1, 4));
  args.moments = test.output(std::vector<ClassMoments>(kLabels, ClassMoments{1, 2, 3}));
  complete_count(
      test, [args] { class_series(Device{}, args); }, [args](const Fibers& fibers) { class_series_on(fibers, args); }, pixels,
      ClassSeriesPixel{args, 0});
}

void add_mosaic_rule(Cases& cases, std::int64_t pixels, const char* name) {
  KernelCase& test = add(cases, "mosaic_rule", name);
  const auto n = static_cast<std::size_t>(pixels);
  const MosaicRuleArgs args{pixels,
                            test.input(random_numbers<std::uint16_t>(n, 0, 2, 1)),
                            test.input(random_numbers<std::uint8_t>(n, 90, 91, 2)),
                            test.input(random_numbers<std::uint8_t>(n, 5, 6, 3)),
                            4,
                            test.output(random_numbers<std::uint16_t>(n, 0, 2, 4)),
                            test.output(random_numbers<std::uint8_t>(n, 90, 91, 5)),
                            test.output(random_numbers<std::uint8_t>(n, 5, 6, 6)),
                            test.output(random_numbers<std::uint16_t>(n, 3, 5, 7))};
  complete(
      test, [args] { mosaic_rule(Device{}, args); }, [args](const Fibers& fibers) { mosaic_rule_on(fibers, args); }, pixels,
      MosaicRulePixel{args});
}

// A map of noise and of larger patches, as wide as it is high or wider.
struct CaseMap {
  int width, height;
  std::vector<std::uint8_t> labels;
  explicit CaseMap(std::int64_t pixels) : width(1), height(1), labels(static_cast<std::size_t>(pixels)) {
    while (std::int64_t{width} * width < pixels || pixels % width != 0) ++width;
    height = static_cast<int>(pixels / width);
    const auto noise = random_numbers<std::uint8_t>(labels.size(), 0, 9, 3);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto row = i / static_cast<std::size_t>(width), col = i % static_cast<std::size_t>(width);
      labels[i] = noise[i] < 4 ? noise[i] : static_cast<std::uint8_t>(1 + (row / 4 + col / 7) % 3);
    }
  }
};

void add_majority_filter(Cases& cases, std::int64_t pixels, const char* name) {
  const CaseMap map(pixels);
  KernelCase& test = add(cases, "majority_filter", name);
  MajorityFilterArgs args;
  args.size = 5;
  args.cols = args.width = map.width;
  args.rows = args.height = map.height;
  args.labels = test.input(map.labels);
  args.filtered = test.output<std::uint8_t>(pixels);
  complete(
      test, [args] { majority_filter(Device{}, args); }, [args](const Fibers& fibers) { majority_filter_on(fibers, args); }, pixels,
      MajorityFilterBlock<1>{args});
}

void add_smooth(Cases& cases, std::int64_t pixels, const char* name) {
  constexpr int kClasses = 3;
  const CaseMap map(pixels);
  KernelCase& test = add(cases, "smooth", name);
  auto probabilities = random_numbers<float>(static_cast<std::size_t>(pixels) * kClasses, 0, 50, 7);
  for (float& p : probabilities) p /= 100;
  SmoothArgs args;
  args.cols = map.width, args.rows = map.height, args.n_classes = kClasses;
  args.probabilities = test.input(probabilities);
  args.counts = test.input(random_numbers<std::uint8_t>(static_cast<std::size_t>(pixels), 0, 4, 8));
  args.smoothed = test.output<float>(pixels * kClasses);
  complete(
      test, [args] { smooth(Device{}, args); }, [args](const Fibers& fibers) { smooth_on(fibers, args); }, pixels, SmoothBlock<1>{args});
}

void add_quantile_features(Cases& cases, std::int64_t pixels, const char* name) {
  constexpr int kDates = 11, kChannels = 2;
  const QuantilePlan plan = quantile_plan(kDates, kChannels, 1000);
  KernelCase& test = add(cases, "quantile_features", name);
  QuantileFeaturesArgs args;
  args.pixels = pixels, args.dates = kDates, args.channels = kChannels, args.features = plan.features;
  args.values = test.input(random_numbers<float>(static_cast<std::size_t>(pixels) * kDates * kChannels, -500, 5000, 9));
  args.intervals = test.input(plan.intervals), args.n_intervals = static_cast<int>(plan.intervals.size());
  args.waves = test.input(plan.waves);
  args.out = test.output<float>(pixels * kChannels * plan.features);
  complete(
      test, [args] { quantile_features(Device{}, args); }, [args](const Fibers& fibers) { quantile_features_on(fibers, args); },
      pixels * kChannels, QuantileChannel<1>{args});
}

void add_components_and_sieve(Cases& cases, std::int64_t pixels, const char* name) {
  const CaseMap map(pixels);
  const auto n = static_cast<std::size_t>(pixels);
  for (const int connectivity : {4, 8}) {
    const std::string input = join_text(connectivity, " neighbours, ", name);
    KernelCase& components = add(cases, "connected_components", input);
    const ConnectedComponentsArgs args{map.width,
                                       map.height,
                                       connectivity,
                                       components.input(map.labels),
                                       components.output<std::int32_t>(pixels),
                                       components.output<std::int32_t>(pixels)};
    components.on_cpu = [args] { connected_components(Device{}, args); };
    components.on_fibers = [args](const Fibers& fibers) { connected_components_on(fibers, args); };
    components.launches(pixels, ComponentRuns{{args}});
    components.launches(pixels, ComponentUnions{args});
    components.launches(pixels, ComponentRoots{{args}});

    std::vector<std::int32_t> component(n), size(n);
    connected_components(Device{}, {map.width, map.height, connectivity, map.labels.data(), component.data(), size.data()});
    static const std::uint8_t classes[] = {1, 2, 3};
    KernelCase& test = add(cases, "sieve", input);
    SieveArgs sieving;
    sieving.width = map.width, sieving.height = map.height, sieving.connectivity = connectivity, sieving.min_pixels = 5;
    sieving.labels = test.input(map.labels);
    sieving.component = test.input(component);
    sieving.size = test.input(size);
    sieving.classes = classes, sieving.n_classes = 3;
    std::vector<std::uint8_t> groups(256);  // 1 and 3 are one, 2 is another
    groups[2] = 1;
    if (connectivity == 8) sieving.group = test.input(groups);
    sieving.contact = test.output<std::int32_t>(pixels);
    sieving.most_contact = test.output<std::int32_t>(pixels);
    sieving.winner = test.output<std::uint8_t>(pixels);
    sieving.sieved = test.output<std::uint8_t>(pixels);
    test.on_cpu = [sieving] { sieve(Device{}, sieving); };
    test.on_fibers = [sieving](const Fibers& fibers) { sieve_on(fibers, sieving); };
    test.launches(pixels, SieveStart{{sieving}});
    for (const int label : classes) {
      test.launches(pixels, SieveContacts{{sieving}, label});
      test.launches(pixels, SieveComparison{{sieving}, label});
    }
    test.launches(pixels, SieveResult{{sieving}});
  }
}

// A batch of so many samples from a table of as many and some more.
void add_training_batch(Cases& cases, std::int64_t samples, const char* name) {
  constexpr int kDates = 11, kFeatures = 3;
  const auto table = static_cast<std::size_t>(samples) + 5;
  for (const bool plain : {false, true}) {
    KernelCase& test = add(cases, "training_batch", plain ? join_text("plain, ", name) : std::string(name));
    TrainingBatchArgs args;
    args.samples = samples, args.n_dates = kDates, args.n_features = kFeatures;
    args.rows = test.input(random_numbers<std::int64_t>(static_cast<std::size_t>(samples), 0, static_cast<int>(table) - 1, 1));
    args.table_values = test.input(random_numbers<float>(table * kDates * kFeatures, -3, 3, 2));
    args.table_valid = test.input(random_numbers<std::uint8_t>(table * kDates, 0, 1, 3));
    args.table_days = test.input(random_numbers<float>(table * kDates, 0, 365, 4));
    if (!plain) {
      args.present = test.input(random_numbers<std::uint32_t>(table, 0, 7, 5));
      args.source = 1, args.hide_main = 0.2f, args.hide_other = 0.5f;
      args.cut = {0.7f, 30, 330};
      args.date_dropout = 0.6f, args.noise = 0.1f, args.shift_days = 2, args.stretch = 0.1f, args.key = 7, args.sources_key = 8;
    }
    args.values = test.output<float>(samples * kDates * kFeatures);
    args.valid = test.output<std::uint8_t>(samples * kDates);
    args.days = test.output<float>(samples * kDates);
    test.on_cpu = [args] { training_batch(Device{}, args); };
    test.on_fibers = [args](const Fibers& fibers) { training_batch_on(fibers, args); };
    test.launches(samples * kDates, TrainingBatchDate{args});
    test.launches(samples * kDates * kFeatures, TrainingBatchValues<true>{args});
  }
}

void add_map_cases(Cases& cases, std::int64_t pixels, const char* name) {
  for (const int group : {kAsChosen, 8, 4, 0}) add_forest(cases, static_cast<int>(pixels), name, group);
  add_decide(cases, pixels, name);
  add_blend(cases, pixels, name);
  add_map_values(cases, pixels, name);
  add_thermal_time(cases, pixels, name);
  add_uncertainty(cases, pixels, name);
  add_fuse_maps(cases, pixels, name);
  add_mosaic_rule(cases, pixels, name);
  add_counting(cases, pixels, name);
  add_majority_filter(cases, pixels, name);
  add_smooth(cases, pixels, name);
  add_quantile_features(cases, pixels, name);
  add_components_and_sieve(cases, pixels, name);
  add_training_batch(cases, pixels, name);
  add_reconcile(cases, pixels, name);
}

}  // namespace

// Its default parameters (models/registry.cpp).
constexpr LtaeShape kDefaultNetwork = {.spectral = 32, .heads = 16, .head_width = 16, .mlp = 128, .hidden = 64, .classes = 23};
constexpr SeriesInput kYear = {"year", {32, 1, 30, 0.4, 0.0, true, 2}, 37};

Cases kernel_cases() {
  Cases cases;
  for (const SeriesInput& input : inputs()) add_series_cases(cases, input);
  add_ltae_forms(cases, inputs()[1]);  // cloudy
  add_ltae_shapes(cases);
  add_map_cases(cases, 200, "200 pixels");
  add_map_cases(cases, 1, "one pixel");
  return cases;
}

Cases gate_cases() {
  Cases cases;
  add_series_cases(cases, {"gate", {64, 2, 5, 0.5, 0.05, true, 2}});
  add_ltae_forms(cases, kYear, kDefaultNetwork);
  add_map_cases(cases, 128, "gate");
  return cases;
}

Cases year_cases() {
  Cases cases;
  add_series_cases(cases, kYear, kDefaultNetwork);
  for (const int group : {kAsChosen, 0}) add_forest(cases, 32, "year", group, {100, 4001, 481, 23, 3});
  return cases;
}

Cases large_cases() {
  Cases cases;
  const SeriesInput large = {"large", {1024, 128, 30, 0.4, 0.0, true, 2}, 37};
  add_series_cases(cases, large, kDefaultNetwork);
  add_ltae_forms(cases, large, kDefaultNetwork);
  add_map_cases(cases, 1024 * 1024, "large");
  return cases;
}

}  // namespace millesime::testing
