// millesime_gpu_models: on a machine with a GPU, compares the logits of every architecture with those of the CPU; and pixels a second.
// scripts/gpu-check builds and runs it. Exit 0: all agree; 1: some do not; 2: no device.
//
// Matrix products add up in another order on a GPU: logits of about 1 may differ by some 1e-5; kTolerance is a hundred times that, and
// far from what would change a map.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <vector>

#include <torch/utils.h>

#include "kernels/base/buffer.h"
#include "models/base/classifier.h"
#include "models/base/model_file.h"
#include "models/base/network.h"
#include "models/registry.h"

using namespace millesime;

namespace {

constexpr float kTolerance = 1e-3f;
constexpr int kDates = 37, kBands = 10, kClasses = 23, kPixels = 4096;

ModelSpec small_year(const Architecture& architecture) {
  ModelSpec spec;
  spec.architecture = architecture.name;
  spec.parameters = architecture.parameters;
  spec.input = InputKind::regular;
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

std::vector<float> logits_on(const ModelFile& file, const Device& device, const std::vector<float>& values,
                             const std::vector<float>& days) {
  const Stream stream(device);
  const auto network = load_classifier(file, device);
  const Buffer<float> here = to_device(stream, values), when = to_device(stream, days);
  Buffer<float> out(device, std::int64_t{kPixels} * kClasses);
  stream.synchronize();
  Batch batch;
  batch.pixels = kPixels;
  SeriesBatch series;
  series.dates = kDates, series.features = kBands, series.values = here.data(), series.days = when.data();
  batch.series = {series};
  network->logits(batch, out.data());  // warms up
  const auto start = std::chrono::steady_clock::now();
  network->logits(batch, out.data());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("  %-6s %10.0f px/s", device.text().c_str(), kPixels / seconds.count());
  return to_host(stream, out);
}

}  // namespace

int main() {
  try {
    if (cuda_devices() == 0) {
      std::fputs("no CUDA device can be used on this machine: the models are built and linked, but were not run\n", stderr);
      return 2;
    }
    std::vector<float> values(static_cast<std::size_t>(kPixels) * kDates * kBands), days;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i % 7919));
    for (int t = 0; t < kDates; ++t) days.push_back(static_cast<float>(10 * t));
    int wrong = 0;
    for (const Architecture& known : architectures()) {
      const ModelSpec spec = small_year(known);
      torch::manual_seed(1);
      const auto network = known.make(spec);
      if (!network) continue;  // the random forest is a kernel
      const ModelFile file = network_file(spec, *network);
      std::printf("%-16s", known.name.c_str());
      const auto cpu = logits_on(file, {}, values, days), gpu = logits_on(file, {Device::Kind::cuda, 0}, values, days);
      float farthest = 0;
      for (std::size_t i = 0; i < cpu.size(); ++i) farthest = std::max(farthest, std::abs(cpu[i] - gpu[i]));
      const bool same = farthest <= kTolerance;  // false for NaN
      wrong += !same;
      std::printf("  largest difference %.2g%s\n", static_cast<double>(farthest), same ? "" : "  TOO FAR");
    }
    return wrong ? 1 : 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
