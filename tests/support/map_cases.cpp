// Cases of operations on maps that count, or that see the neighbours of a pixel.
#include "tests/support/case_parts.h"

#include <algorithm>
#include <limits>
#include <random>

#include "kernels/ops/confusion.impl.h"
#include "kernels/ops/connected_components.impl.h"
#include "kernels/ops/majority_filter.impl.h"
#include "kernels/ops/mosaic_rule.impl.h"
#include "kernels/ops/sieve.impl.h"
#include "kernels/ops/smooth.impl.h"
#include "pipeline/core/error.h"

namespace millesime::testing {
namespace {

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

}  // namespace

void add_map_cases(Cases& cases, std::int64_t pixels, const char* name) {
  add_counting(cases, pixels, name);
  add_mosaic_rule(cases, pixels, name);
  add_majority_filter(cases, pixels, name);
  add_smooth(cases, pixels, name);
  add_components_and_sieve(cases, pixels, name);
}

}  // namespace millesime::testing
