// KernelCase, and the lists of cases.
#include "tests/support/kernel_cases.h"

#include <cstring>
#include <stdexcept>
#include <utility>

#include "pipeline/core/error.h"
#include "tests/support/case_parts.h"
#include "tests/support/random_forest.h"
#include "tests/support/series_world.h"

namespace millesime::testing {

void* KernelCase::add(const void* values, std::size_t bytes, bool written) {
  Array array{std::make_unique_for_overwrite<unsigned char[]>(bytes), std::vector<unsigned char>(bytes), written};
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

void add_cases_of_maps(Cases& cases, std::int64_t pixels, const char* name) {
  add_pixel_cases(cases, pixels, name);
  add_map_cases(cases, pixels, name);
}

}  // namespace

// Its default parameters (models/registry.cpp).
constexpr LtaeShape kDefaultNetwork = {.spectral = 32, .heads = 16, .head_width = 16, .mlp = 128, .hidden = 64, .classes = 23};
constexpr SeriesInput kYear = {"year", {32, 1, 30, 0.4, 0.0, true, 2}, 37};

std::vector<std::unique_ptr<KernelCase>> kernel_cases() {
  Cases cases;
  for (const SeriesInput& input : inputs()) add_series_cases(cases, input);
  add_ltae_forms(cases, inputs()[1]);  // cloudy
  add_ltae_shapes(cases);
  add_cases_of_maps(cases, 200, "200 pixels");
  add_cases_of_maps(cases, 1, "one pixel");
  return std::move(cases.list);
}

std::vector<std::unique_ptr<KernelCase>> gate_cases() {
  Cases cases;
  add_series_cases(cases, {"gate", {64, 2, 5, 0.5, 0.05, true, 2}});
  add_ltae_forms(cases, {"gate", {32, 1, 8, 0.4, 0.0, true, 2}}, kDefaultNetwork);
  add_cases_of_maps(cases, 128, "gate");
  return std::move(cases.list);
}

std::vector<std::unique_ptr<KernelCase>> year_cases() {
  Cases cases;
  add_series_cases(cases, kYear, kDefaultNetwork);
  for (const int group : {kAsChosen, 0}) add_forest(cases, 32, "year", group, {100, 4001, 481, 23, 3});
  return std::move(cases.list);
}

void visit_large_cases(const std::function<void(KernelCase&)>& visit) {
  Cases cases{visit, {}};
  const SeriesInput large = {"large", {1024, 128, 30, 0.4, 0.0, true, 2}, 37};
  add_series_cases(cases, large, kDefaultNetwork);
  add_ltae_forms(cases, large, kDefaultNetwork);
  for (const int group : {kAsChosen, 0}) add_forest(cases, 1024 * 128, "large year", group, {100, 4001, 481, 23, 3});
  add_cases_of_maps(cases, 1024 * 1024, "large");
  cases.visit_last();
}

}  // namespace millesime::testing
