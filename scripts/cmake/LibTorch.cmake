# LibTorch from the PyPI package `torch`, as one imported target: LibTorch::LibTorch.
#
# Torch's own CMake files are not used: they overwrite compiler flags, choose CUDA architectures for their users, search for
# a system-wide CUDA toolkit and warn about libraries that the package does not need. Three libraries and two include folders
# are enough. Only models/ links this target.

set(MILLESIME_VENV "" CACHE PATH "Python environment that holds the torch package (scripts/setup makes it)")
if(NOT MILLESIME_VENV)
  if(MILLESIME_CUDA)
    set(flavour cuda)
    set(given "$ENV{MILLESIME_VENV_CUDA}")
  else()
    set(flavour cpu)
    set(given "$ENV{MILLESIME_VENV}")
  endif()
  if(given)
    set_property(CACHE MILLESIME_VENV PROPERTY VALUE "${given}")
  else()
    set_property(CACHE MILLESIME_VENV PROPERTY VALUE "${CMAKE_SOURCE_DIR}/build/venv-${flavour}")
  endif()
endif()

file(GLOB MILLESIME_SITE_PACKAGES ${MILLESIME_VENV}/lib/python3*/site-packages)
set(torch_root ${MILLESIME_SITE_PACKAGES}/torch)
if(NOT EXISTS ${torch_root}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "LibTorch: expected the torch package in the Python environment ${MILLESIME_VENV}, found none. "
    "Run scripts/setup (cuda: scripts/setup --cuda), or set MILLESIME_VENV (cuda: MILLESIME_VENV_CUDA).")
endif()

# torch/version.py is the only file of the package with its version and its CUDA version.
file(STRINGS ${torch_root}/version.py torch_version REGEX "^__version__")
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" torch_version "${torch_version}")
if(torch_version VERSION_LESS 2.8)
  message(FATAL_ERROR "LibTorch: ${torch_root} is version ${torch_version}, expected 2.8 or newer (C++11 ABI). Run scripts/setup.")
endif()
message(STATUS "LibTorch ${torch_version}: ${torch_root}")

add_library(LibTorch::LibTorch INTERFACE IMPORTED)
foreach(name c10 torch_cpu torch)
  add_library(LibTorch::${name} SHARED IMPORTED)
  set_target_properties(LibTorch::${name} PROPERTIES IMPORTED_LOCATION ${torch_root}/lib/lib${name}.so)
endforeach()
target_link_libraries(LibTorch::LibTorch INTERFACE LibTorch::torch LibTorch::torch_cpu LibTorch::c10)
# SYSTEM: no warnings from torch's headers.
target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE
  ${torch_root}/include ${torch_root}/include/torch/csrc/api/include)

if(MILLESIME_CUDA)
  if(NOT EXISTS ${torch_root}/lib/libtorch_cuda.so)
    message(FATAL_ERROR "LibTorch: ${torch_root} is a CPU build, expected one with CUDA. Run scripts/setup --cuda or set MILLESIME_VENV_CUDA.")
  endif()
  foreach(name c10_cuda torch_cuda)
    add_library(LibTorch::${name} SHARED IMPORTED)
    set_target_properties(LibTorch::${name} PROPERTIES IMPORTED_LOCATION ${torch_root}/lib/lib${name}.so)
  endforeach()
  # The program uses no symbol of libtorch_cuda, which registers its kernels when it is loaded, so the linker must be told to keep it.
  target_link_libraries(LibTorch::LibTorch INTERFACE
    -Wl,--push-state,--no-as-needed LibTorch::torch_cuda -Wl,--pop-state LibTorch::c10_cuda)
  target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE ${MILLESIME_SITE_PACKAGES}/nvidia/cu13/include)
endif()
