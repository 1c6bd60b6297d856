// Kernels with faults that the interpreter of PTX must find (tests/consistency/ptx_faults_test.py), each with its correct version.

#include <cuda_runtime.h>

extern "C" __global__ void copies(const int* in, int* out, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) out[i] = in[i];
}

extern "C" __global__ void copies_one_too_many(const int* in, int* out, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i <= n) out[i] = in[i];
}

extern "C" __global__ void gathers(const int* in, int* out, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) out[i] = in[i * 8 % n];
}

extern "C" __global__ void reverses(const int* in, int* out, int n) {
  __shared__ int s[64];
  s[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = s[n - 1 - static_cast<int>(threadIdx.x)];
}

extern "C" __global__ void reverses_without_barrier(const int* in, int* out, int n) {
  __shared__ int s[64];
  s[threadIdx.x] = in[threadIdx.x];
  out[threadIdx.x] = s[n - 1 - static_cast<int>(threadIdx.x)];
}

extern "C" __global__ void reads_what_nobody_wrote(const int* in, int* out, int n) {
  __shared__ int s[64];
  if (threadIdx.x < 32) s[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = s[n - 1 - static_cast<int>(threadIdx.x)];
}

extern "C" __global__ void leaves_before_the_barrier(const int* in, int* out, int n) {
  if (static_cast<int>(threadIdx.x) >= n / 2) return;
  if (threadIdx.x < 8) __syncthreads();
  out[threadIdx.x] = in[threadIdx.x];
}

extern "C" __global__ void blocks_write_one_number(const int* in, int* out, int n) {
  if (threadIdx.x == 0) out[0] = in[blockIdx.x] + n;
}

extern "C" __global__ void counts_in_32_bits(const int* in, int* out, int n) {
  const int i = static_cast<int>(threadIdx.x);
  const int far = n * 67108864;  // 2^26: 64 of them have wrapped to 0, 48 to a negative number
  out[i] = in[far + i];
}
