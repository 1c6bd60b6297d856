#include "tests/support/mock_cuda/runtime.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>

namespace millesime::testing {

Runtime runtime;

namespace {

struct Work {
  std::function<void()> run;
  cudaEvent_t awaited = nullptr;  // or nothing to run, but to wait until the event has happened so often
  int times = 0;
};
struct Marks {
  int recorded = 0, happened = 0;
  cudaStream_t on = nullptr;  // the stream of the last record
};
struct Memory {
  std::size_t bytes = 0;
  int device = 0;
};
using Allocations = std::map<const char*, Memory>;
struct Machine {
  std::map<cudaStream_t, std::deque<Work>> streams;
  std::map<cudaEvent_t, Marks> events;
  Allocations device, pinned, in_order;  // in_order: of the device's, those of its pool
  std::vector<cudaStream_t> made;
  std::map<cudaStream_t, int> device_of;  // streams
  std::uintptr_t handles = 0;
  bool held_back = false;
  int eager = -1;
};
Machine machine;
std::recursive_mutex mutex;     // of all of it
thread_local int selected = 0;  // device

cudaError_t called(const char* name) {
  const std::lock_guard lock(mutex);
  runtime.calls.emplace_back(name);
  const auto failure = runtime.fails.find(name);
  if (failure == runtime.fails.end() || runtime.good_calls-- > 0) return cudaSuccess;
  return runtime.last = failure->second;
}

template <class Handle>
Handle new_handle() {
  return reinterpret_cast<Handle>(16 * ++machine.handles);
}

bool within(const Allocations& allocations, const void* place) {
  const auto* const byte = static_cast<const char*>(place);
  auto after = allocations.upper_bound(byte);
  return after != allocations.begin() && byte < std::prev(after)->first + std::prev(after)->second.bytes;
}

void note_device(cudaStream_t stream, const void* memory = nullptr) {
  const auto known = machine.device_of.find(stream);
  const int device = known == machine.device_of.end() ? selected : known->second;
  const bool elsewhere =
      within(machine.device, memory) && std::prev(machine.device.upper_bound(static_cast<const char*>(memory)))->second.device != device;
  runtime.wrong_device += device != selected || elsewhere;
}

// The next work of a stream; false where there is none, or where it waits for another stream and that is not `forced` to be done.
bool step(cudaStream_t stream, bool forced) {
  auto& queue = machine.streams[stream];
  if (queue.empty()) return false;
  const Work next = queue.front();
  if (next.awaited)
    while (machine.events[next.awaited].happened < next.times)
      if (!forced || !step(machine.events[next.awaited].on, true)) return false;
  queue.pop_front();
  if (next.run) next.run();
  return true;
}

void finish(cudaStream_t stream) {
  while (step(stream, true)) {
  }
}

void finish_all() {
  for (auto& [stream, queue] : machine.streams) finish(stream);
}

void submit(cudaStream_t stream, Work work) {
  machine.streams[stream].push_back(std::move(work));
  if (!machine.held_back) return finish(stream);
  if (machine.eager < 0 || machine.eager >= static_cast<int>(machine.made.size())) return;
  while (step(machine.made[static_cast<std::size_t>(machine.eager)], false)) {
  }
}

cudaError_t allocate(const char* call, Allocations& allocations, void** memory, std::size_t bytes) {
  cudaError_t error = called(call);
  if (&allocations == &machine.device) {
    std::size_t used = 0;
    for (const auto& [place, allocation] : machine.device) used += allocation.bytes;
    if (bytes > runtime.largest || bytes > runtime.memory - used) error = runtime.last = cudaErrorMemoryAllocation;
  }
  if (error != cudaSuccess) return error;
  *memory = std::malloc(bytes);
  allocations[static_cast<const char*>(*memory)] = {bytes, selected};
  ++runtime.live, ++runtime.asked.allocations;
  return error;
}

cudaError_t release(const char* call, Allocations& allocations, void* memory) {
  allocations.erase(static_cast<const char*>(memory));
  std::free(memory);
  --runtime.live;
  return called(call);
}

}  // namespace

void reset_runtime() {
  const std::lock_guard lock(mutex);
  runtime = {};
  machine = {};
}

void hold_back(int eager) { machine.held_back = true, machine.eager = eager; }

void launch(cudaStream_t stream, std::function<void()> kernel) {
  const std::lock_guard lock(mutex);
  ++runtime.asked.kernels;
  note_device(stream);
  submit(stream, {std::move(kernel)});
}

}  // namespace millesime::testing

using namespace millesime::testing;

const char* cudaGetErrorString(cudaError_t error) { return error == cudaErrorMemoryAllocation ? "out of memory" : "it broke"; }
const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation"
                                            : (error == cudaErrorIllegalAddress ? "cudaErrorIllegalAddress" : "cudaErrorX");
}
cudaError_t cudaGetLastError() {
  const std::lock_guard lock(mutex);
  const cudaError_t last = runtime.last;
  runtime.last = cudaSuccess;
  return last;
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = runtime.devices;
  return called("cudaGetDeviceCount");
}
cudaError_t cudaSetDevice(int device) {
  const std::lock_guard lock(mutex);
  selected = device;
  return called("cudaSetDevice");
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  *value = 3;
  return called("cudaDeviceGetAttribute");
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int, std::size_t) {
  const std::lock_guard lock(mutex);
  *blocks = runtime.resident_blocks;
  return called("cudaOccupancyMaxActiveBlocksPerMultiprocessor");
}
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) {
  const std::lock_guard lock(mutex);
  *pool = nullptr;
  return called("cudaDeviceGetDefaultMemPool");
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void* value) {
  const std::lock_guard lock(mutex);
  runtime.pool_keeps = *static_cast<std::uint64_t*>(value);
  return called("cudaMemPoolSetAttribute");
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, std::size_t bytes) {
  const std::lock_guard lock(mutex);
  std::size_t used = 0;
  for (const auto& [place, allocation] : machine.in_order) used += allocation.bytes;
  runtime.pool_bytes = std::max(used, std::min(runtime.pool_bytes, bytes));
  return called("cudaMemPoolTrimTo");
}
cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  const std::lock_guard lock(mutex);
  return allocate("cudaMalloc", machine.device, memory, bytes);
}
cudaError_t cudaFree(void* memory) {
  const std::lock_guard lock(mutex);
  finish_all();
  ++runtime.asked.waits_of_device;
  return release("cudaFree", machine.device, memory);
}
cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  const std::lock_guard lock(mutex);
  return allocate("cudaMallocHost", machine.pinned, memory, bytes);
}
cudaError_t cudaFreeHost(void* memory) {
  const std::lock_guard lock(mutex);
  return release("cudaFreeHost", machine.pinned, memory);
}
cudaError_t cudaMallocAsync(void** memory, std::size_t bytes, cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  note_device(stream);
  const cudaError_t error = allocate("cudaMallocAsync", machine.device, memory, bytes);
  if (error != cudaSuccess) return error;
  machine.in_order[static_cast<const char*>(*memory)] = {bytes, selected};
  std::size_t used = 0;
  for (const auto& [place, allocation] : machine.in_order) used += allocation.bytes;
  if (used <= runtime.pool_bytes) --runtime.asked.allocations;  // the pool has it
  runtime.pool_bytes = std::max(runtime.pool_bytes, used);
  return error;
}
cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  const cudaError_t error = called("cudaFreeAsync");
  submit(stream, {[memory] {
           machine.in_order.erase(static_cast<const char*>(memory));
           machine.device.erase(static_cast<const char*>(memory));
           std::free(memory);
           --runtime.live;
         }});
  return error;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  const cudaError_t error = called("cudaMemcpyAsync");
  if (error != cudaSuccess) return error;
  const auto known = [](const void* place) { return within(machine.device, place) || within(machine.pinned, place); };
  note_device(stream, from), note_device(stream, to);
  if (within(machine.device, to) && !within(machine.device, from)) runtime.asked.bytes_up += bytes;
  if (within(machine.device, from) && !within(machine.device, to)) runtime.asked.bytes_down += bytes;
  runtime.asked.copies_of_ordinary_memory += !known(from) || !known(to);
  std::vector<char> staged;
  if (!known(from)) staged.assign(static_cast<const char*>(from), static_cast<const char*>(from) + bytes);
  const bool to_ordinary_memory = !known(to);
  submit(stream, {[=, staged = std::move(staged)] {
           if ((staged.empty() && !known(from)) || (!to_ordinary_memory && !known(to))) {
             ++runtime.lost_copies;
             return;
           }
           std::memcpy(to, staged.empty() ? from : staged.data(), bytes);
         }});
  if (to_ordinary_memory) finish(stream);
  return error;
}
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width,
                              std::size_t height, cudaMemcpyKind, cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  const cudaError_t error = called("cudaMemcpy2DAsync");
  if (error != cudaSuccess) return error;
  const bool down = within(machine.pinned, to), known = (down || within(machine.device, to)) && within(machine.device, from);
  note_device(stream, from), note_device(stream, to);
  if (down) runtime.asked.bytes_down += width * height;
  if (!known || width > to_pitch || width > from_pitch) return cudaErrorInvalidValue;
  submit(stream, {[=] {
           for (std::size_t row = 0; row < height; ++row)
             std::memcpy(static_cast<char*>(to) + row * to_pitch, static_cast<const char*>(from) + row * from_pitch, width);
         }});
  return error;
}
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  const cudaError_t error = called("cudaMemsetAsync");
  if (error == cudaSuccess) submit(stream, {[=] { std::memset(memory, value, bytes); }});
  return error;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  ++runtime.asked.waits_of_host;
  finish(stream);
  return called("cudaStreamSynchronize");
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const std::lock_guard lock(mutex);
  const cudaError_t error = called("cudaStreamCreateWithFlags");
  if (error == cudaSuccess)
    machine.made.push_back(*stream = new_handle<cudaStream_t>()), machine.device_of[*stream] = selected, ++runtime.streams;
  return error;
}
cudaError_t cudaStreamDestroy(cudaStream_t) {
  const std::lock_guard lock(mutex);
  --runtime.streams;
  return called("cudaStreamDestroy");
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const std::lock_guard lock(mutex);
  const cudaError_t error = called("cudaStreamWaitEvent");
  if (error == cudaSuccess) submit(stream, {nullptr, event, machine.events[event].recorded});
  return error;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  const std::lock_guard lock(mutex);
  const cudaError_t error = called("cudaEventCreateWithFlags");
  if (error == cudaSuccess) *event = new_handle<cudaEvent_t>(), ++runtime.events;
  return error;
}
cudaError_t cudaEventDestroy(cudaEvent_t) {
  const std::lock_guard lock(mutex);
  --runtime.events;
  return called("cudaEventDestroy");
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  const cudaError_t error = called("cudaEventRecord");
  if (error != cudaSuccess) return error;
  Marks& marks = machine.events[event];
  marks.on = stream;
  submit(stream, {[event, times = ++marks.recorded] { machine.events[event].happened = times; }});
  return error;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const std::lock_guard lock(mutex);
  const Marks& marks = machine.events[event];
  while (marks.happened < marks.recorded && step(marks.on, true)) {
  }
  return called("cudaEventSynchronize");
}
