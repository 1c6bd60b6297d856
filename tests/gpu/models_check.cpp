// millesime_gpu_models: on a machine with a GPU, compares the logits of every architecture with those of the CPU, in both precisions,
// trains a network twice, and lets torch run out of memory. Prints a table for models/MEASURED.md. scripts/gpu-check builds and runs it.
// Exit 0: all is well; 1: something is not; 2: no device.
//
// Tolerances: a GPU adds up matrix products in another order. Of logits of about 1, sums of some hundred float32 products differ by some
// 1e-5; kTolerance is a hundred times that, and far from what would change a map. TF32 is off (models/base/device_memory.h): it would
// differ by 1e-3 to 1e-2. In bfloat16 every number has 8 bits, so that an activation of 1 that is rounded to the other side differs by
// 2^-8: after a few layers some hundredths.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <torch/utils.h>

#include "kernels/base/buffer.h"
#include "kernels/base/in_strips.h"
#include "models/arch/make_network.h"
#include "models/base/bfloat16_classifier.h"
#include "models/base/classifier.h"
#include "models/base/device_memory.h"
#include "models/base/model_file.h"
#include "models/base/network.h"
#include "models/registry.h"
#include "tests/unit/models/small_models.h"

using namespace millesime;

namespace {

constexpr float kTolerance = 1e-3f, kBfloat16Tolerance = 0.1f;
// More pixels than a call of a network takes on a GPU (16384), and a part of one.
constexpr int kDates = 37, kBands = 10, kClasses = 23, kPixels = 20000;

ModelSpec small_year(const Architecture& architecture) {
  ModelSpec spec;
  spec.architecture = architecture.name;
  spec.parameters = architecture.parameters;
  spec.input = architecture.preferred_input;
  if (spec.input == InputKind::regular)
    for (int t = 0; t < kDates; ++t) spec.days.push_back(10 * t);
  SourceSpec source;
  source.name = "sentinel2";
  for (int b = 0; b < kBands; ++b) source.bands.push_back("B" + std::to_string(b + 1));
  source.mean.assign(kBands, 0);
  source.deviation.assign(kBands, 1);
  spec.sources = {source};
  for (int c = 1; c <= kClasses; ++c) spec.classes.push_back(c);
  return spec;
}

// Pixels of a year, of which raw input has a third under clouds and some never seen.
struct Year {
  std::vector<float> values, days;
  std::vector<std::uint8_t> valid;
  Year() {
    const std::int64_t observations = std::int64_t{kPixels} * kDates;
    for (std::int64_t i = 0; i < observations * kBands; ++i) values.push_back(std::sin(static_cast<float>(i % 7919)));
    for (std::int64_t i = 0; i < observations; ++i) valid.push_back(i / kDates % 97 == 0 || i * 2654435761 % 3 == 0 ? 0 : 1);
    for (int t = 0; t < kDates; ++t) days.push_back(static_cast<float>(10 * t));
  }
};

struct Run {
  std::vector<float> logits;
  double speed = 0;  // pixels a second
};

Run run_on(Classifier& network, const Device& device, const Year& year) {
  const OwnStream stream(device);
  const Buffer<float> values = to_device(stream.get(), year.values), days = to_device(stream.get(), year.days);
  const Buffer<std::uint8_t> valid = to_device(stream.get(), year.valid);
  Buffer<float> out(device, std::int64_t{kPixels} * kClasses);
  Batch batch;
  batch.pixels = kPixels;
  SeriesBatch series;
  series.dates = kDates, series.features = kBands, series.values = values.data(), series.days = days.data();
  if (network.spec().input == InputKind::raw) series.valid = valid.data();
  batch.series = {series};
  network.logits(stream, batch, out.data());  // warms up
  stream.get().synchronize();
  const auto start = std::chrono::steady_clock::now();
  network.logits(stream, batch, out.data());
  stream.get().synchronize();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return {to_host(stream.get(), out), kPixels / seconds.count()};
}

bool report(const std::string& what, const Run& cpu, const Run& gpu, float tolerance) {
  float farthest = 0;
  for (std::size_t i = 0; i < cpu.logits.size(); ++i) {
    const float off = std::abs(cpu.logits[i] - gpu.logits[i]);
    if (!(off <= farthest)) farthest = off;  // NaN stays
  }
  const bool same = farthest <= tolerance;  // false for NaN
  std::printf("| %s | %.0f px/s | %.0f px/s | %.2g of %.2g | %s |\n", what.c_str(), cpu.speed, gpu.speed, static_cast<double>(farthest),
              static_cast<double>(tolerance), same ? "agrees" : "**TOO FAR**");
  std::fflush(stdout);
  return same;
}

// With the same seed, the same weights; and they have learned.
bool trains_twice_alike(const std::string& name, const Device& device) {
  const ModelSpec spec = testing::small_spec(name, 3, 8);
  const ModelInput input = testing::small_input(spec, 600, 8);
  Recipe recipe = testing::quick_recipe();
  recipe.epochs = 8;
  TrainingRun run = testing::plain_run();
  run.device = device;
  std::vector<double> losses;
  run.on_epoch = [&](const EpochReport& epoch) { losses.push_back(epoch.loss); };
  const ModelFile one = train_network(spec, input, {}, recipe, run), other = train_network(spec, input, {}, recipe, run);
  bool same = one.tensors.size() == other.tensors.size();
  for (const auto& [key, tensor] : one.tensors) same = same && other.tensors.at(key).values == tensor.values;
  const bool learned = losses.at(7) < losses.front();
  std::printf("| training of %s, twice | | loss %.3f to %.3f | | %s |\n", name.c_str(), losses.front(), losses.at(7),
              same && learned ? "the same weights"
              : !same         ? "**OTHER WEIGHTS**"
                              : "**DOES NOT LEARN**");
  std::fflush(stdout);
  return same && learned;
}

// A network that finds its device full halves the window.
bool halves_where_memory_lacks(const Device& device) {
  const ModelSpec spec = small_year(architecture("temporal_cnn"));
  torch::manual_seed(1);
  const auto network = load_classifier(network_file(spec, *make_network(spec)), device);
  release_cached_device_memory();  // else torch goes on with what it has
  std::vector<Buffer<unsigned char>> ballast;
  for (std::int64_t chunk = std::int64_t{1} << 30; chunk >= std::int64_t{1} << 24; chunk /= 4) {
    try {
      while (true) ballast.emplace_back(device, chunk);
    } catch (const OutOfDeviceMemory&) {
    }
  }
  const Stream stream(device);
  FittingRows fit;
  int parts = 0, refused = 0, done = 0;
  in_strips(
      4096, fit,
      [&](int, int n) {
        const Buffer<float> values(device, std::int64_t{n} * kDates * kBands), days(device, kDates);
        Buffer<float> out(device, std::int64_t{n} * kClasses);
        Batch batch;
        batch.pixels = n;
        SeriesBatch series;
        series.dates = kDates, series.features = kBands, series.values = values.data(), series.days = days.data();
        batch.series = {series};
        network->logits(stream, batch, out.data());
        stream.synchronize();
        ++parts, done += n;
      },
      [&] {
        ++refused;
        network->release();
        if (refused > 3 && !ballast.empty()) ballast.pop_back();  // a little at a time
      });
  const bool well = refused > 0 && done == 4096;
  std::printf("| temporal_cnn on a full device | | %d parts after %d refusals | | %s |\n", parts, refused, well ? "goes on" : "**FAILS**");
  return well;
}

int check() {
  const Device gpu{Device::Kind::cuda, cuda_devices() - 1};  // the last one: nothing may depend on the first
  const Year year;
  int wrong = 0;
  std::printf("| what, on %s | CPU | GPU | farthest logit | result |\n|---|---|---|---|---|\n", gpu.text().c_str());
  for (const Architecture& known : architectures()) {
    if (!known.network) continue;
    const ModelSpec spec = small_year(known);
    torch::manual_seed(1);
    const auto network = make_network(spec);
    const ModelFile file = network_file(spec, *network);
    const std::string form = spec.input == InputKind::raw ? ", raw and masked" : "";
    wrong += !report(known.name + form, run_on(*load_classifier(file, {}), {}, year), run_on(*load_classifier(file, gpu), gpu, year),
                     kTolerance);
    if (known.name != "temporal_cnn") continue;
    wrong += !report(known.name + ", bfloat16", run_on(*load_bfloat16_classifier(file, {}), {}, year),
                     run_on(*load_bfloat16_classifier(file, gpu), gpu, year), kBfloat16Tolerance);
  }
  for (const char* name : {"ltae", "temporal_cnn"}) wrong += !trains_twice_alike(name, gpu);
  wrong += !halves_where_memory_lacks(gpu);
  return wrong ? 1 : 0;
}

}  // namespace

int main() {
  try {
    if (cuda_devices() == 0) {
      std::fputs("no CUDA device can be used on this machine: the models are built and linked, but were not run\n", stderr);
      return 2;
    }
    return check();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
