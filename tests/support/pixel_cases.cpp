// Cases of operations that treat each pixel by itself.
#include "tests/support/case_parts.h"

#include <algorithm>
#include <limits>
#include <random>

#include "kernels/ops/blend.impl.h"
#include "kernels/ops/decide.impl.h"
#include "kernels/ops/forest.impl.h"
#include "kernels/ops/fuse_maps.impl.h"
#include "kernels/ops/map_values.impl.h"
#include "kernels/ops/quantile_features.impl.h"
#include "kernels/ops/reconcile.impl.h"
#include "kernels/ops/thermal_time.impl.h"
#include "kernels/ops/training_batch.impl.h"
#include "kernels/ops/uncertainty.impl.h"
#include "pipeline/core/error.h"

namespace millesime::testing {

void add_forest(Cases& cases, int pixels, const char* name, int group, const ForestShape& shape) {
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
      complete_form(
          test, group == kAsChosen, [args] { forest(Device{}, args); }, [args](const Fibers& fibers) { forest_on(fibers, args); }, items,
          functor);
    };
    switch (group == kAsChosen ? forest_group_pixels(args.forest) : group) {
      case 16: completed(block_count(pixels, 16), ForestGroup<16>{args}); break;
      case 8: completed(block_count(pixels, 8), ForestGroup<8>{args}); break;
      case 4: completed(block_count(pixels, 4), ForestGroup<4>{args}); break;
      default: n_statics > 0 ? completed(pixels, ForestBlock<1, true>{args}) : completed(pixels, ForestBlock<1, false>{args}); break;
    }
  }
}

namespace {

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
  std::vector<float> transition((kYears - 1) * kStates * kStates, 0.05f);
  for (int i = 0; i < (kYears - 1) * kStates; ++i) transition[static_cast<std::size_t>(i * kStates + i % kStates)] = 0.8f;
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

}  // namespace

void add_pixel_cases(Cases& cases, std::int64_t pixels, const char* name) {
  for (const int group : {kAsChosen, 8, 4, 0}) add_forest(cases, static_cast<int>(pixels), name, group);
  add_decide(cases, pixels, name);
  add_blend(cases, pixels, name);
  add_map_values(cases, pixels, name);
  add_thermal_time(cases, pixels, name);
  add_uncertainty(cases, pixels, name);
  add_fuse_maps(cases, pixels, name);
  add_reconcile(cases, pixels, name);
  add_quantile_features(cases, pixels, name);
  add_training_batch(cases, pixels, name);
}

}  // namespace millesime::testing
