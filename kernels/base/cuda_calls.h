#pragma once
// The CUDA calls of kernels/base: implemented in cuda_runtime.cpp, errors in no_cuda.cpp. Private to kernels/base.

#include <cstddef>

#include "kernels/base/stream.h"

namespace millesime::cuda {

void* allocate(const Device& device, std::size_t bytes);
void release(void* memory) noexcept;
void* allocate_pinned(const Device& device, std::size_t bytes);
void release_pinned(void* memory) noexcept;
void copy(const Stream& stream, const Device& to, void* target, const Device& from, const void* source, std::size_t bytes);
// On the stream's device, or page-locked for it.
void copy_rows(const Stream& stream, void* target, std::size_t target_pitch, const void* source, std::size_t source_pitch,
               std::size_t width, std::size_t rows);
void zero(const Stream& stream, void* target, std::size_t bytes);
void* allocate_in_order(const Stream& stream, const char* what, std::size_t bytes);
void release_in_order(const Stream& stream, void* memory) noexcept;
void release_cached(const Device& device) noexcept;  // memory that the pool of allocate_in_order() keeps
void synchronize(const Stream& stream);
void* make_stream(const Device& device);
void drop_stream(void* handle) noexcept;
void* make_event(const Device& device);
void drop_event(void* handle) noexcept;
void record(const Stream& stream, void* event);
void wait(const Device& device, void* event);
void hold(const Stream& stream, void* event);

}  // namespace millesime::cuda
