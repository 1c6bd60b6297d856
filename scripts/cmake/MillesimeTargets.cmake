# Functions that make every target of the project: one language level, warnings as errors, no floating-point contraction.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(MILLESIME_CCACHE ccache)
if(MILLESIME_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MILLESIME_CCACHE})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${MILLESIME_CCACHE})
endif()

function(millesime_compile_options target)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow;-Wnon-virtual-dtor;-Wpedantic;-Werror>
    # GCC 12 sees overlapping copies in std::string operator+ where there are none (GCC bug 105651).
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-restrict>
    # The same value of a * b + c with every compiler and on every device.
    $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>
    $<$<COMPILE_LANGUAGE:CUDA>:-fmad=false;-Xcompiler=-ffp-contract=off;-Xcompiler=-fopenmp;-Xcompiler=-Wall,-Wextra;-Werror=all-warnings>)
  if(MILLESIME_SANITIZE)
    # With the sanitizers' code in between, GCC 12 takes std::function and std::regex for uninitialised (GCC bug 105562).
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized;-fsanitize=${MILLESIME_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=undefined>)
    target_link_options(${target} PRIVATE -fsanitize=${MILLESIME_SANITIZE})
  endif()
endfunction()

# millesime_library(NAME name SOURCES ... [PUBLIC libs...] [PRIVATE libs...] [INTERNAL headers...])
# Headers are included by their path from the project root, e.g. "pipeline/core/grid.h". Those beside the sources are the
# library's public headers, less the INTERNAL ones: the target `headers` compiles each of them alone, with what the library links
# publicly.
function(millesime_library)
  cmake_parse_arguments(L "" "NAME" "SOURCES;PUBLIC;PRIVATE;INTERNAL" ${ARGN})
  add_library(millesime_${L_NAME} STATIC ${L_SOURCES})
  target_include_directories(millesime_${L_NAME} PUBLIC ${CMAKE_SOURCE_DIR})
  set(folders ".")
  foreach(source ${L_SOURCES})
    cmake_path(GET source PARENT_PATH folder)
    list(APPEND folders "./${folder}")
  endforeach()
  list(REMOVE_DUPLICATES folders)
  list(TRANSFORM folders APPEND "/*.h")
  file(GLOB headers CONFIGURE_DEPENDS ${folders})
  foreach(header ${L_INTERNAL})
    list(REMOVE_ITEM headers ${CMAKE_CURRENT_SOURCE_DIR}/${header} ${CMAKE_CURRENT_SOURCE_DIR}/./${header})
  endforeach()
  target_sources(millesime_${L_NAME} PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR} FILES ${headers})
  set_target_properties(millesime_${L_NAME} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  target_link_libraries(millesime_${L_NAME} PUBLIC ${L_PUBLIC} PRIVATE ${L_PRIVATE})
  millesime_compile_options(millesime_${L_NAME})
endfunction()

# millesime_op(name): adds kernels/ops/<name>.cpp and, in the cuda flavour, <name>.cu (the CUDA instance) to millesime_kernels_ops.
function(millesime_op name)
  target_sources(millesime_kernels_ops PRIVATE ${name}.cpp)
  if(MILLESIME_CUDA)
    target_sources(millesime_kernels_ops PRIVATE ${name}.cu)
  endif()
endfunction()

# The environment of every test, and its exit code for "skipped".
function(millesime_test_properties name labels environment)
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" SKIP_RETURN_CODE 77
    # passive: tests run side by side, and a thread that spins while it waits takes the processor from another test.
    ENVIRONMENT "OMP_WAIT_POLICY=passive;MILLESIME_BINARY=${CMAKE_BINARY_DIR}/millesime;MILLESIME_SOURCE=${CMAKE_SOURCE_DIR};\
MILLESIME_TEST_FOLDER=${CMAKE_BINARY_DIR}/tests/folders/${name};${environment}")
endfunction()

# millesime_test(NAME path/of/test SOURCES ... LINK libs... LABELS ... [ENVIRONMENT A=b ...])
# One gtest binary; ctest name = path. GoogleTest's own main is replaced by tests/support/main.cpp (skips are reported).
# Labels: fast (under a second), slow, e2e (runs the program), gpu (needs a device, skips without).
function(millesime_test)
  cmake_parse_arguments(T "" "NAME" "SOURCES;LINK;LABELS;ENVIRONMENT" ${ARGN})
  string(REPLACE "/" "_" target test_${T_NAME})
  add_executable(${target} ${T_SOURCES})
  target_link_libraries(${target} PRIVATE ${T_LINK} millesime_test_support)
  millesime_compile_options(${target})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/bin)
  if(T_NAME MATCHES "^(unit|property)/")
    add_dependencies(unit_tests ${target})
  endif()
  add_test(NAME ${T_NAME} COMMAND ${target})
  set(environment ${T_ENVIRONMENT})
  if(MILLESIME_SANITIZE)
    list(APPEND environment UBSAN_OPTIONS=print_stacktrace=1 LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/support/leaks.supp)
  endif()
  millesime_test_properties(${T_NAME} "${T_LABELS}" "${environment}")
endfunction()

# millesime_script_test(NAME path/of/test SCRIPT x.py|x.sh LABELS ... [ENVIRONMENT A=b ...])
# Python runs in the environment of scripts/requirements-tests.txt. Exit 0 passes, 77 is skipped.
function(millesime_script_test)
  cmake_parse_arguments(T "" "NAME;SCRIPT" "LABELS;ENVIRONMENT" ${ARGN})
  if(T_SCRIPT MATCHES "\\.py$")
    set(interpreter ${MILLESIME_VENV}/bin/python -B)
  else()
    set(interpreter bash)
  endif()
  add_test(NAME ${T_NAME} COMMAND ${interpreter} ${CMAKE_CURRENT_SOURCE_DIR}/${T_SCRIPT})
  millesime_test_properties(${T_NAME} "${T_LABELS}" "${T_ENVIRONMENT}")
endfunction()
