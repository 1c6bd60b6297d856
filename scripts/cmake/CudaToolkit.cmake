# nvcc and the CUDA runtime from PyPI packages in torch's environment (same CUDA release as torch's own runtime), so that the
# preset `cuda` needs no toolkit of the system and no path on the command line.

set(cuda_root ${MILLESIME_SITE_PACKAGES}/nvidia/cu13)
if(NOT EXISTS ${cuda_root}/bin/nvcc)
  message(FATAL_ERROR "CUDA: expected ${cuda_root}/bin/nvcc, found none. Run scripts/setup --cuda.")
endif()
set(CMAKE_CUDA_COMPILER ${cuda_root}/bin/nvcc CACHE FILEPATH "CUDA compiler")
set(CUDAToolkit_ROOT ${cuda_root} CACHE PATH "CUDA toolkit")
set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER} CACHE FILEPATH "Host compiler of nvcc")

# Turing, Ampere (A100; A40), Hopper, Blackwell; PTX of the last for later devices.
set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 90-real 100 CACHE STRING "CUDA architectures")
# The runtime that torch loads, not a second, static one: one set of streams, one primary context.
set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
enable_language(CUDA)
find_package(CUDAToolkit 13.0 REQUIRED)
