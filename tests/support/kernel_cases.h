#pragma once
// Small runs of every kernel, for the tests that its CUDA instance equals its CPU instance: on fibers (tests/consistency/
// fibers_test.cpp) and by interpreting nvcc's PTX (tests/consistency/ptx_test.py). A new operation needs its cases in kernel_cases.cpp.

#include "tests/support/fibers_backend.h"

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

namespace millesime::testing {

class KernelCase {
 public:
  KernelCase(std::string operation, std::string input) : op(std::move(operation)), name(op + ", " + std::move(input)) {}

  // Arrays of exactly their size, which the kernel's arguments point to.
  template <class T, class Memory>
  const T* input(const std::vector<T, Memory>& values) {
    return static_cast<const T*>(add(values.data(), values.size() * sizeof(T), false));
  }
  template <class T>
  T* output(const std::vector<T>& initial) {
    return static_cast<T*>(add(initial.data(), initial.size() * sizeof(T), true));
  }
  template <class T>
  T* output(std::int64_t n) {  // whose initial numbers must not matter
    std::vector<T> initial(static_cast<std::size_t>(n));
    std::memset(static_cast<void*>(initial.data()), 0xA5, initial.size() * sizeof(T));
    return output(initial);
  }

  std::vector<std::vector<unsigned char>> outputs() const;
  void reset();  // outputs become what they were

  // The input of an interpreter of the kernel, and the expected output, in a folder of files described by case.json.
  void write(const std::string& folder);

  std::int64_t bytes() const;  // of all arrays: what comes from and goes to memory once

  // The outputs of the CUDA instance; `timed`, if given, is then called with the launch alone. Needs a build with CUDA.
  std::vector<std::vector<unsigned char>> on_device(const Stream& stream,
                                                    const std::function<void(const std::function<void()>&)>& timed = nullptr);

  std::string op;  // kernels/ops/<op>.cu
  std::string name;
  std::function<void()> on_cpu;
  std::function<void(const Fibers&)> on_fibers;

  // A launch, after those before: what parallel_for or parallel_count is called with on a GPU.
  template <class F>
  void launches(std::int64_t n, const F& f) {
    Launch& launch = remember(n, f);
    if constexpr (WholeWarps<F>::value) launch.warp_shared_bytes = kTileBytes, launch.scratch_bytes = 0;
    if constexpr (NeedsScratch<F>::value) launch.scratch_bytes = f.scratch_bytes();
    if constexpr (WholeBlocks<F>::value) launch.threads = kBlockThreads, launch.shared_bytes = f.shared_bytes();
    launch.run = with_functor<F>([n](const Stream& stream, const F& functor) { launch_for(stream, n, functor); });
  }
  template <class F>
  void counts(std::int64_t n, const F& f) {
    Launch& launch = remember(n, f);
    launch.shared_bytes = 8 * f.slots();
    launch.run = with_functor<F>([n](const Stream& stream, const F& functor) { launch_count(stream, n, functor); });
  }

 private:
  struct Launch {
    std::int64_t items = 0;
    int threads = 64;                                      // of a block; fewer than a case has pixels, so that threads take several
    std::int64_t scratch_bytes = -1;                       // of a thread; -1: the kernel has no such parameter
    std::int64_t warp_shared_bytes = 0, shared_bytes = 0;  // of a warp, of a block
    std::vector<unsigned char> functor;
    std::string type;
    std::function<void(const Stream&, const std::vector<unsigned char>&)> run;
  };

  template <class F>
  Launch& remember(std::int64_t n, const F& f) {
    Launch& launch = launches_.emplace_back();
    launch.items = n;
    launch.functor.assign(reinterpret_cast<const unsigned char*>(&f), reinterpret_cast<const unsigned char*>(&f) + sizeof f);
    launch.type = typeid(F).name();
    return launch;
  }

  // On a GPU: the instances that the .cu files leave in the library.
  template <class F>
  static void launch_for(const Stream& stream, std::int64_t n, const F& f) {
    millesime::parallel_for(cuda_backend(stream), "case", n, f);
  }
  template <class F>
  static void launch_count(const Stream& stream, std::int64_t n, const F& f) {
    millesime::parallel_count(cuda_backend(stream), "case", n, f);
  }
  template <class F, class Start>
  static auto with_functor(const Start& start) {
    return [start](const Stream& stream, const std::vector<unsigned char>& bytes) {
      alignas(F) unsigned char memory[sizeof(F)];
      std::memcpy(memory, bytes.data(), sizeof(F));
      start(stream, *reinterpret_cast<const F*>(memory));
    };
  }

  struct Array {
    std::unique_ptr<unsigned char[]> memory;
    std::vector<unsigned char> initial;
    bool written;
  };
  void* add(const void* values, std::size_t bytes, bool written);

  std::vector<Array> arrays_;
  std::vector<Launch> launches_;
};

std::vector<std::unique_ptr<KernelCase>> kernel_cases();
// One of every kernel, under per-pixel random clouds, in windows whose rows begin at sectors of memory (gate_test.py).
std::vector<std::unique_ptr<KernelCase>> gate_cases();
// A warp of pixels of a Sentinel-2 year and the default network, to count what it asks for (kernels/MEASURED.md).
std::vector<std::unique_ptr<KernelCase>> year_cases();
// The same with the numbers of a Sentinel-2 year, to time (tests/gpu): made, visited and freed one after the other.
void visit_large_cases(const std::function<void(KernelCase&)>& visit);

}  // namespace millesime::testing
