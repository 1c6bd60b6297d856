#pragma once
// What the files of kernel cases share.

#include "tests/support/kernel_cases.h"

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/random_forest.h"
#include "tests/support/random_ltae.h"
#include "tests/support/series_world.h"

namespace millesime::testing {

// For operations whose CUDA instance has several forms: that of the dispatch, rather than a named one.
inline constexpr int kAsChosen = -1;

// Cases that are being made, each complete before the next. With a visitor they are visited and freed instead of kept.
struct Cases {
  std::function<void(KernelCase&)> visit;
  std::vector<std::unique_ptr<KernelCase>> list;

  void visit_last() {
    if (visit && !list.empty()) visit(*list.back()), list.clear();
  }
};

inline KernelCase& add(Cases& cases, const char* op, const std::string& input) {
  cases.visit_last();
  cases.list.push_back(std::make_unique<KernelCase>(op, input));
  return *cases.list.back();
}

// CPU instance, the same on fibers, and the launch that the GPU would see.
template <class Cpu, class OnFibers, class F>
void complete(KernelCase& test, const Cpu& on_cpu, const OnFibers& on_fibers, std::int64_t items, const F& functor) {
  test.on_cpu = on_cpu;
  test.on_fibers = on_fibers;
  test.launches(items, functor);
}

// The same for an operation whose CUDA instance has several forms: on fibers the form `functor`, by its dispatch or named.
template <class Cpu, class Dispatch, class F>
void complete_form(KernelCase& test, bool by_dispatch, const Cpu& on_cpu, const Dispatch& dispatch, std::int64_t items, const F& functor) {
  if (by_dispatch) return complete(test, on_cpu, dispatch, items, functor);
  complete(
      test, on_cpu, [items, functor](const Fibers& fibers) { parallel_for(fibers, "a form", items, functor); }, items, functor);
}

template <class T>
std::vector<T> random_numbers(std::size_t n, int low, int high, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<T> values(n);
  for (T& value : values) value = static_cast<T>(low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1)));
  return values;
}

struct SeriesInput {
  const char* name;
  SeriesShape shape;
  int targets = 6;
};

// A case of every operation that reads series.
void add_series_cases(Cases& cases, const SeriesInput& input, const LtaeShape& network = {});
// L-TAE in the forms that its kernel does not choose for this network and number of dates, and networks of other shapes.
void add_ltae_forms(Cases& cases, const SeriesInput& input, const LtaeShape& network = {});
void add_ltae_shapes(Cases& cases);

// Cases of operations on pixels of maps, and of samples: each by itself, and with what counts them or sees their neighbours.
void add_pixel_cases(Cases& cases, std::int64_t pixels, const char* name);
void add_map_cases(Cases& cases, std::int64_t pixels, const char* name);
// `group`: pixels that a block walks together (ForestGroup), 0: a pixel a thread (ForestBlock).
void add_forest(Cases& cases, int pixels, const char* name, int group = kAsChosen, const ForestShape& shape = {5, 40, 7, 4, 3});

}  // namespace millesime::testing
