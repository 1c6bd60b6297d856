# Functions that make every target of the project: one language level, warnings as errors, no floating-point contraction.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# Paths relative to the source folder and precompiled headers: one cache serves all flavours and all clones.
find_program(MILLESIME_CCACHE ccache)
if(MILLESIME_CCACHE)
  set(with_ccache ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_SLOPPINESS=pch_defines,time_macros ${MILLESIME_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${with_ccache})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${with_ccache})
endif()

# Sanitized programs are 250 MB, which GNU ld takes twice as long to link; some distributions have no gold.
find_program(MILLESIME_GOLD ld.gold)

function(millesime_compile_options target)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow;-Wnon-virtual-dtor;-Wpedantic;-Werror>
    # GCC 12 sees overlapping copies in std::string operator+ where there are none (GCC bug 105651).
    $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-restrict>
    # The same value of a * b + c with every compiler and on every device.
    $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>
    $<$<COMPILE_LANGUAGE:CUDA>:-fmad=false;-Xcompiler=-ffp-contract=off;-Xcompiler=-fopenmp;-Xcompiler=-Wall,-Wextra;-Werror=all-warnings>)
  # The standard library checks its own bounds: an index beyond a vector ends the program instead of reading or writing what lies there. Kernels
  # and models index their arrays in their innermost loops.
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "/pipeline/")
    target_compile_definitions(${target} PRIVATE _GLIBCXX_ASSERTIONS)
  endif()
  if(MILLESIME_SANITIZE)
    # With the sanitizers' code in between, GCC 12 takes std::function and std::regex for uninitialised (GCC bug 105562).
    # toml++ 3.3 calls letters beyond ASCII outside of texts unreachable, and rejects them all the same.
    target_compile_options(${target} PRIVATE $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-maybe-uninitialized>
      $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${MILLESIME_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=undefined;-fno-sanitize=unreachable>)
    if(NOT MILLESIME_FUZZ)
      # Checks before every access, a third of the time to compile and to run. AddressSanitizer finds null pointers, too; the preset fuzz has all.
      target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize=null,alignment,vptr>)
    endif()
    target_link_options(${target} PRIVATE -fsanitize=${MILLESIME_SANITIZE})
    if(MILLESIME_GOLD AND NOT MILLESIME_FUZZ)
      target_link_options(${target} PRIVATE $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-fuse-ld=gold>)
    endif()
    target_compile_definitions(${target} PRIVATE MILLESIME_SANITIZED)
  endif()
endfunction()

# millesime_precompiled(name [LINK libs...] HEADERS ...): headers of other projects, compiled once for all targets that
# millesime_use_precompiled(target name). Never headers of ours: a change of one would compile everything again. A source includes what it
# uses all the same; the preset tidy compiles without.
function(millesime_precompiled name)
  cmake_parse_arguments(P "" "" "LINK;HEADERS" ${ARGN})
  set(empty ${CMAKE_BINARY_DIR}/precompiled/${name}.cpp)
  if(NOT EXISTS ${empty})
    file(WRITE ${empty} "")
  endif()
  add_library(millesime_precompiled_${name} OBJECT ${empty})
  target_link_libraries(millesime_precompiled_${name} PRIVATE OpenMP::OpenMP_CXX ${P_LINK})
  millesime_compile_options(millesime_precompiled_${name})
  target_precompile_headers(millesime_precompiled_${name} PRIVATE ${P_HEADERS})
endfunction()

# GCC 12 sees overflows in std::string operator+ where there are none (GCC bug 105651), and more of them when <string> is precompiled.
set(without_precompiled_string_warnings "$<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-array-bounds>")

function(millesime_use_precompiled target name)
  target_link_libraries(${target} PRIVATE OpenMP::OpenMP_CXX)  # a precompiled header serves the flags that it was compiled with
  if(name STREQUAL torch)
    target_link_libraries(${target} PRIVATE millesime_cuda)
    target_compile_options(${target} PRIVATE -fPIC)  # for the library of networks; a precompiled header serves one kind of code
  endif()
  if(name STREQUAL values)
    target_compile_definitions(${target} PRIVATE _GLIBCXX_ASSERTIONS)  # as its own, in pipeline/core: also for the headers of kernels
  endif()
  target_precompile_headers(${target} REUSE_FROM millesime_precompiled_${name})
endfunction()

# Sources that are compiled together read headers once: half of the time. The names inside of the sources of a target must differ.
function(millesime_compile_together target)
  if(MILLESIME_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8
      UNITY_BUILD_CODE_BEFORE_INCLUDE "// NOLINTNEXTLINE(bugprone-suspicious-include)")
    if(MILLESIME_CHECKED)
      set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
      cmake_language(EVAL CODE "cmake_language(DEFER CALL millesime_group_checked ${target})")  # once all sources are known
    endif()
    # GCC takes an included source for a header, whose classes must not hold types of an anonymous namespace.
    target_compile_options(${target} PRIVATE $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CXX_COMPILER_ID:GNU>>:-Wno-subobject-linkage>)
  endif()
endfunction()

# For scripts/check: of eight sources those that are read are compiled together, the others alone.
function(millesime_group_checked target)
  get_target_property(sources ${target} SOURCES)
  set(position 0)
  foreach(source ${sources})
    cmake_path(ABSOLUTE_PATH source OUTPUT_VARIABLE path)
    math(EXPR eight "${position} / 8")
    if(path IN_LIST MILLESIME_CHECKED)
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP checked_${eight})
    endif()
    math(EXPR position "${position} + 1")
  endforeach()
endfunction()

# What reads texts, plans and writes pages touches no pixel: at -O1 it compiles in two thirds of the time.
function(millesime_computes_nothing target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1> $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endfunction()

# millesime_library(NAME name [TORCH] SOURCES ... [PUBLIC libs...] [PRIVATE libs...] [INTERNAL headers...])
# Headers are included by their path from the project root, e.g. "pipeline/core/grid.h". Those beside the sources are the library's public
# headers, less the INTERNAL ones. Each compiles alone: a source that includes it first shows that; the others are compiled by the target
# `headers`, with what the library links publicly. The sources of a TORCH library include torch, which comes precompiled; it has no public
# headers of its own.
function(millesime_library)
  cmake_parse_arguments(L "TORCH" "NAME" "SOURCES;PUBLIC;PRIVATE;INTERNAL" ${ARGN})
  add_library(millesime_${L_NAME} STATIC ${L_SOURCES})
  target_include_directories(millesime_${L_NAME} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(millesime_${L_NAME} PUBLIC ${L_PUBLIC} PRIVATE ${L_PRIVATE})
  millesime_compile_options(millesime_${L_NAME})
  # Kernels are optimised as they are shipped.
  if(NOT CMAKE_CURRENT_SOURCE_DIR MATCHES "/kernels/" OR NOT CMAKE_BUILD_TYPE STREQUAL Release)
    millesime_compile_together(millesime_${L_NAME})
  endif()
  if(L_TORCH)
    millesime_use_precompiled(millesime_${L_NAME} torch)
    # LibTorch does the work: what calls it is compiled at -O1.
    target_compile_options(millesime_${L_NAME} PRIVATE $<$<CONFIG:Release>:-O1> ${without_precompiled_string_warnings})
    return()
  endif()
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "/pipeline/")
    millesime_use_precompiled(millesime_${L_NAME} values)
    target_compile_options(millesime_${L_NAME} PRIVATE ${without_precompiled_string_warnings})
  endif()

  set(folders ${CMAKE_CURRENT_SOURCE_DIR})
  set(included_first "")
  foreach(source ${L_SOURCES})
    cmake_path(ABSOLUTE_PATH source OUTPUT_VARIABLE path)
    cmake_path(GET path PARENT_PATH folder)
    list(APPEND folders ${folder})
    file(STRINGS ${source} include LIMIT_COUNT 1 REGEX "^#include")
    string(REGEX REPLACE "^#include \"(.*)\".*" "${CMAKE_SOURCE_DIR}/\\1" include "${include}")
    list(APPEND included_first ${include})
  endforeach()
  list(REMOVE_DUPLICATES folders)
  list(TRANSFORM folders APPEND "/*.h")
  file(GLOB headers CONFIGURE_DEPENDS ${folders})
  foreach(header ${L_INTERNAL})
    list(REMOVE_ITEM headers ${CMAKE_CURRENT_SOURCE_DIR}/${header})
  endforeach()
  foreach(header ${included_first})
    if(header IN_LIST headers)
      list(REMOVE_ITEM headers ${header})
    endif()
  endforeach()
  set(alone "")
  foreach(header ${headers})
    cmake_path(RELATIVE_PATH header BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE name)
    string(REPLACE "/" "_" source ${name})
    set(source ${CMAKE_CURRENT_BINARY_DIR}/headers/${source}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${name}\"\n")
    list(APPEND alone ${source})
  endforeach()
  if(alone)
    add_library(millesime_${L_NAME}_headers OBJECT EXCLUDE_FROM_ALL ${alone})
    target_link_libraries(millesime_${L_NAME}_headers PRIVATE millesime_${L_NAME})
    millesime_compile_options(millesime_${L_NAME}_headers)
    target_compile_options(millesime_${L_NAME}_headers PRIVATE $<$<CONFIG:Release>:-O1>)  # nobody runs them
    if(TARGET millesime_precompiled_values)
      millesime_use_precompiled(millesime_${L_NAME}_headers values)
    endif()
    add_dependencies(headers millesime_${L_NAME}_headers)
  endif()
endfunction()

# millesime_op(name): adds kernels/ops/<name>.cpp to millesime_kernels_ops and, in the cuda flavour, <name>.cu (the CUDA instance) to millesime_cuda_instances.
function(millesime_op name)
  target_sources(millesime_kernels_ops PRIVATE ${name}.cpp)
  if(MILLESIME_CUDA)
    target_sources(millesime_cuda_instances PRIVATE ${name}.cu)
  endif()
endfunction()

# The cuda flavour repeats the tests of what differs in it: networks, what nvcc makes, and the chain as a whole. All of pipeline/ and kernels/ops
# compiles to the same objects in both flavours (scripts/test compares them); its tests run in the cpu flavour alone.
set(MILLESIME_TESTED_WITH_CUDA "^(unit/models|golden|gpu)(/|$)|^unit/kernels/base$|^consistency/(ptx|gate)|^e2e/chain$")
# And these rooms neither read bytes of others nor index arrays: the checks of the standard library are enough for them (millesime_compile_options).
set(MILLESIME_TESTED_WITHOUT_SANITIZERS "^unit/(learning|engine|configure|reports|house)/")
function(millesime_leaves_out name result)
  set(${result} OFF PARENT_SCOPE)
  if((MILLESIME_CUDA AND NOT name MATCHES "${MILLESIME_TESTED_WITH_CUDA}") OR
     (MILLESIME_SANITIZE AND name MATCHES "${MILLESIME_TESTED_WITHOUT_SANITIZERS}"))
    set(${result} ON PARENT_SCOPE)
  endif()
endfunction()

# The environment of every test, and its exit code for "skipped".
function(millesime_test_properties name labels environment)
  set(cost 1)
  if(labels MATCHES "e2e|slow")
    set(cost 100)  # ctest starts these first, so that two jobs end together
  elseif(name MATCHES "^unit/(models/training|stages/(train|reconcile)|simulate/simulate|models/architectures|kernels/preprocessing)$")
    set(cost 10)  # the slowest under the sanitizers
  endif()
  set(sanitizer "")
  if(MILLESIME_SANITIZE)
    # A fault tells three frames of who allocated, and freed memory is watched until 32 MB follow: a fifth of the time of what allocates much.
    set(sanitizer "ASAN_OPTIONS=malloc_context_size=3:quarantine_size_mb=32:thread_local_quarantine_size_kb=64;")
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" SKIP_RETURN_CODE 77 COST ${cost}
    # passive: tests run side by side, and a thread that spins while it waits takes the processor from another test.
    ENVIRONMENT "${sanitizer}OMP_WAIT_POLICY=passive;MILLESIME_BINARY=${CMAKE_BINARY_DIR}/millesime;MILLESIME_SOURCE=${CMAKE_SOURCE_DIR};\
MILLESIME_TEST_FOLDER=${CMAKE_BINARY_DIR}/tests/folders/${name};${environment}")
endfunction()

# Sources of tests are compiled for the sake of what they call: not optimised (`level` -O0), or a little where they compute.
function(millesime_test_options target level)
  millesime_compile_options(${target})
  target_compile_options(${target} PRIVATE $<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:${level}>
    # GCC 12 sees these in the standard library where there are none, more of them at -O1 and in precompiled headers (GCC bug 105651).
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-stringop-overflow;-Wno-array-bounds>)
endfunction()

# millesime_test(NAME path/of/test SOURCES x_test.cpp more... LINK libs... LABELS ... [ENVIRONMENT A=b ...] [ALONE])
# One ctest entry, named by its path, that runs the tests in its sources *_test.cpp (tests/support/main.cpp selects them). The tests of a folder
# share a GoogleTest binary, test_<folder>: linking is most of the cost of a small test. ALONE, one has a binary test_<path of test> for
# flags, definitions or sources that its neighbours must not have. Those that include torch share one as well, for its precompiled header.
# Labels: fast (under a second), slow, e2e (runs the program), gpu (needs a device, skips without).
function(millesime_test)
  cmake_parse_arguments(T "ALONE" "NAME" "SOURCES;LINK;LABELS;ENVIRONMENT" ${ARGN})
  millesime_leaves_out(${T_NAME} left_out)
  if(left_out)
    return()
  endif()
  cmake_path(GET T_NAME PARENT_PATH binary)
  set(precompiled tests)
  set(level -O0)
  if(T_ALONE OR T_NAME MATCHES "^unit/(kernels|imagery|coverage|engine)/")
    set(precompiled "")  # a precompiled header serves one level
    set(level -O1)
  endif()
  if(T_ALONE)
    set(binary ${T_NAME})
  elseif(LibTorch::LibTorch IN_LIST T_LINK)
    string(APPEND binary /torch)
    set(precompiled torch)
  endif()
  string(REPLACE "/" "_" target test_${binary})
  if(NOT TARGET ${target})
    add_executable(${target})
    target_link_libraries(${target} PRIVATE millesime_test_support)
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/bin)
    if(precompiled STREQUAL torch)
      millesime_compile_options(${target})
      target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
    else()
      millesime_test_options(${target} ${level})
    endif()
    if(precompiled)
      millesime_use_precompiled(${target} ${precompiled})
    endif()
    if(NOT T_ALONE AND NOT T_NAME MATCHES "^consistency/")  # those include kernels with other meanings of the same words
      millesime_compile_together(${target})
    endif()
    if(T_NAME MATCHES "^(unit|property)/")
      add_dependencies(unit_tests ${target})
    endif()
  endif()
  target_sources(${target} PRIVATE ${T_SOURCES})
  target_link_libraries(${target} PRIVATE ${T_LINK})

  list(FILTER T_SOURCES INCLUDE REGEX "_test\\.cpp$")
  list(TRANSFORM T_SOURCES PREPEND --source=)
  add_test(NAME ${T_NAME} COMMAND ${target} ${T_SOURCES})
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
  millesime_leaves_out(${T_NAME} left_out)
  if(left_out)
    return()
  endif()
  if(T_SCRIPT MATCHES "\\.py$")
    set(interpreter ${MILLESIME_VENV}/bin/python -B)
  else()
    set(interpreter bash)
  endif()
  add_test(NAME ${T_NAME} COMMAND ${interpreter} ${CMAKE_CURRENT_SOURCE_DIR}/${T_SCRIPT})
  millesime_test_properties(${T_NAME} "${T_LABELS}" "${T_ENVIRONMENT}")
endfunction()
