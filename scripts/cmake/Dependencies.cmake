# Every dependency of the project, found once. LibTorch (and, in the cuda flavour, nvcc) come from PyPI packages in a Python
# environment that scripts/setup makes; everything else from the distribution's packages.

include(LibTorch)
if(MILLESIME_CUDA)
  include(CudaToolkit)
endif()

find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
# By flag instead of by path: a program that links torch loads torch's copy of libgomp, so that there is one pool of threads.
set_target_properties(OpenMP::OpenMP_CXX PROPERTIES INTERFACE_LINK_LIBRARIES "${OpenMP_CXX_FLAGS};Threads::Threads")
find_package(GDAL 3.4 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(Boost 1.74 CONFIG REQUIRED)  # headers only: Boost.Math
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
find_package(nlohmann_json 3.10 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(icu REQUIRED IMPORTED_TARGET icu-uc)  # letters of class names; GDAL loads it, too
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(libdeflate REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
if(MILLESIME_TESTS)
  find_package(GTest 1.12 REQUIRED)
  find_package(Eigen3 3.4 REQUIRED)
endif()
