// millesime_gpu_kernels: on a machine with a GPU, compares the CUDA instance of every kernel with its CPU instance, bit for bit, and its
// time with that of memory: the bytes that must be transferred once, at the speed of a copy in the same run; then windows on every device,
// and with too little memory (window_check.h). An argument: only large cases with this text in their names. Prints tables for
// kernels/MEASURED.md. scripts/gpu-check builds and runs it. Exit 0: all agree; 1: some do not; 2: no device.

#include <malloc.h>

#include "tests/support/kernel_cases.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "kernels/base/device.h"
#include "kernels/base/stream.h"
#include "tests/gpu/window_check.h"

using namespace millesime;

namespace {

constexpr int kRepeats = 5, kLaunches = 4;

// Of one launch, among several in a row: as in a program, which does not wait after each.
double seconds_of(const Stream& stream, const std::function<void()>& launch) {
  double best = 1e30;
  for (int i = 0; i < kRepeats; ++i) {
    stream.synchronize();
    const auto start = std::chrono::steady_clock::now();
    for (int k = 0; k < kLaunches; ++k) launch();
    stream.synchronize();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best / kLaunches;
}

// Bytes a second, read and written.
double copy_speed(const Stream& stream) {
  constexpr std::int64_t kBytes = std::int64_t{1} << 29;
  Buffer<unsigned char> from(stream.device, kBytes), to(stream.device, kBytes);
  from.zero(stream);
  const double seconds =
      seconds_of(stream, [&] { detail::copy_bytes(stream, stream.device, to.data(), stream.device, from.data(), kBytes); });
  return 2.0 * static_cast<double>(kBytes) / seconds;
}

bool agrees(testing::KernelCase& test, const Stream& stream, const std::function<void(const std::function<void()>&)>& timed) {
  test.reset();
  test.on_cpu();
  return test.on_device(stream, timed) == test.outputs();
}

// `of`: only large cases with this in their names.
int check(const std::string& of) {
  const OwnStream stream(Device{Device::Kind::cuda, 0});
  int differ = 0;
  for (const auto& test : testing::kernel_cases()) {
    const bool same = agrees(*test, stream, nullptr);
    differ += !same;
    if (!same) std::printf("DIFFERS  %s\n", test->name.c_str());
  }
  const double bandwidth = copy_speed(stream);
  std::printf(
      "small cases: %d differ from the CPU\ncopy on the device: %.0f GB/s\n\n| kernel | ms | GB/s | of copy | result "
      "|\n|---|---|---|---|---|\n",
      differ, bandwidth / 1e9);
  testing::visit_large_cases([&](testing::KernelCase& test) {
    if (test.name.find(of) == std::string::npos) return;
    double seconds = 0;
    const bool same = agrees(test, stream, [&](const auto& launch) { seconds = seconds_of(stream, launch); });
    differ += !same;
    const double speed = static_cast<double>(test.bytes()) / seconds;
    std::printf("| %s | %.3f | %.0f | %.0f %% | %s |\n", test.name.c_str(), seconds * 1e3, speed / 1e9, 100 * speed / bandwidth,
                same ? "the CPU's bits" : "**DIFFERS**");
    std::fflush(stdout);
  });
  std::printf("\n| windows: upload, network, smoothing, map, download | speed | parts | result |\n|---|---|---|---|\n");
  std::fflush(stdout);
  differ += testing::check_windows(cuda_devices());
  std::printf("\n%d differ from the CPU\n", differ);
  return differ ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (cuda_devices() == 0) {
      std::fputs("no CUDA device can be used on this machine: the kernels are built and linked, but were not run\n", stderr);
      return 2;
    }
    // Memory that a case gives back is that of the next one: fresh pages took longer than all else.
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1);
    return check(argc > 1 ? argv[1] : "");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
