#pragma once
// What the files of kernel cases share.

#include "tests/support/kernel_cases.h"

#include <memory>
#include <string>
#include <vector>

#include "tests/support/random_ltae.h"
#include "tests/support/series_world.h"

namespace millesime::testing {

// For operations whose CUDA instance has several forms: that of the dispatch, rather than a named one.
inline constexpr int kAsChosen = -1;

using Cases = std::vector<std::unique_ptr<KernelCase>>;

inline KernelCase& add(Cases& cases, const char* op, const std::string& input) {
  cases.push_back(std::make_unique<KernelCase>(op, input));
  return *cases.back();
}

// CPU instance, the same on fibers, and the launch that the GPU would see.
template <class Cpu, class OnFibers, class F>
void complete(KernelCase& test, const Cpu& on_cpu, const OnFibers& on_fibers, std::int64_t items, const F& functor) {
  test.on_cpu = on_cpu;
  test.on_fibers = on_fibers;
  test.launches(items, functor);
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

}  // namespace millesime::testing
