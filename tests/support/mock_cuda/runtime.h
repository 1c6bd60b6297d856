#pragma once
// Control and record of the mock of the CUDA runtime. Device memory is host memory, every call is recorded, and any call can be made
// to fail. Work on a stream is done at once or, after hold_back(), as late or as early as the order in streams and their events allow, so
// that missing order is detected. As in CUDA, copies from ordinary host memory read it at once, and copies to it wait.

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace millesime::testing {

// What the device and its driver were asked for.
struct Asked {
  std::size_t bytes_up = 0, bytes_down = 0;  // between page-locked and device memory
  int copies_of_ordinary_memory = 0;         // which the driver stages
  int kernels = 0;
  int allocations = 0;      // of the device's and of page-locked memory, and growth of its pool
  int waits_of_device = 0;  // calls that wait for all its work: cudaFree
  int waits_of_host = 0;    // for a stream
};

struct Runtime {
  std::map<std::string, cudaError_t> fails;  // by the name of the call
  int good_calls = 0;                        // of those that still succeed
  std::vector<std::string> calls;
  std::size_t largest = ~std::size_t{0};  // allocation of device memory that is possible, bytes
  std::size_t memory = ~std::size_t{0};   // of the device, bytes
  cudaError_t last = cudaSuccess;         // that cudaGetLastError() reports
  int devices = 2, live = 0, streams = 0, events = 0;
  int resident_blocks = 8;       // of any kernel, a multiprocessor
  std::size_t pool_bytes = 0;    // that the pool of memory in order holds
  std::uint64_t pool_keeps = 0;  // its release threshold
  int wrong_device = 0;          // work on a stream or memory of a device that its thread had not selected
  Asked asked;
  int lost_copies = 0;  // whose page-locked memory was freed before they were done
};
extern Runtime runtime;

void reset_runtime();
// From now on work waits until somebody waits for it; but that on the stream that was made as number `eager` (from 0; -1: none) is done as
// soon as it may.
void hold_back(int eager);
// A kernel, for tests.
void launch(cudaStream_t stream, std::function<void()> kernel);

}  // namespace millesime::testing
