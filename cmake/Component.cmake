# Settings of every target of this project, and the rule that a component is one folder, one library.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# Of all targets in this folder and below, and of nobody who links to them.
# No contraction: a*b+c is rounded the same on every instruction set, so that results do not
# depend on which kernel the machine picked.
# The three -Wno: false alarms of GCC 12 inside Eigen and libstdc++, and designated initialisers that
# leave fields to their defaults.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow
  -Wno-missing-field-initializers -Wno-maybe-uninitialized -Wno-restrict -ffp-contract=off)
add_compile_definitions(LATETIME_VERSION="${PROJECT_VERSION}")
if(LATETIME_WERROR)
  add_compile_options(-Werror)
endif()
if(LATETIME_SANITIZE)
  add_compile_options(-fsanitize=${LATETIME_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LATETIME_SANITIZE})
endif()

# What most sources include is compiled once for all libraries, once for all programs, and once for all tests: GCC takes a
# precompiled header only where macros and position independence are the same.
# Kernels are built with other flags and share no header with the rest; they do without. `precompiled_kinds`: which of the three.
if(precompiled_kinds)
  set(nothing ${CMAKE_BINARY_DIR}/precompiled.cpp)
  file(CONFIGURE OUTPUT ${nothing} CONTENT "int main() {}\n")
endif()
foreach(kind IN LISTS precompiled_kinds)
  if(kind STREQUAL "libraries")
    add_library(latetime_headers_${kind} OBJECT ${nothing})
  else()
    add_executable(latetime_headers_${kind} ${nothing})
  endif()
  set_target_properties(latetime_headers_${kind} PROPERTIES EXCLUDE_FROM_ALL ON)
  target_link_libraries(latetime_headers_${kind} PRIVATE Eigen3::Eigen fmt::fmt)
  target_precompile_headers(latetime_headers_${kind} PRIVATE <Eigen/Core> <fmt/format.h> <algorithm> <array>
    <cmath> <cstdint> <filesystem> <functional> <map> <memory> <optional> <random> <span> <sstream> <string>
    <utility> <variant> <vector>)
endforeach()

# latetime_precompile(TARGET KIND [HEADERS…]): KIND is libraries, programs or tests; HEADERS make it one of its own.
function(latetime_precompile target kind)
  if(NOT kind IN_LIST precompiled_kinds)
    return()
  endif()
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:fmt::fmt>)  # its macro must be that of the precompiled headers
  target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overflow)
  if(ARGN)
    target_precompile_headers(${target} PRIVATE ${ARGN})
    return()
  endif()
  target_precompile_headers(${target} REUSE_FROM latetime_headers_${kind})
  get_target_property(sources ${target} SOURCES)
  list(FILTER sources INCLUDE REGEX "_kernel|\\.S$")
  set_source_files_properties(${sources} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
endfunction()

# latetime_component(NAME SOURCES a.cpp … [DEPENDS base …] [USES fmt::fmt …] [INTERNAL b.hpp …])
# DEPENDS: other components, and libraries whose headers its own include; scripts/check-layers holds the includes to the
# same arrows. USES: libraries that its sources alone include; header-only ones in $<BUILD_INTERFACE:…>, as who links an
# installed component does not need them. INTERNAL: headers for its own sources and tests, which are not installed.
function(latetime_component name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;USES;INTERNAL" ${ARGN})
  add_library(latetime_${name} STATIC ${arg_SOURCES})
  add_library(latetime::${name} ALIAS latetime_${name})
  target_link_libraries(latetime_${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_USES})
  latetime_install_component(${name} ${arg_INTERNAL})
  if(NOT name STREQUAL "base")  # base does without fmt, whose macros the precompiled headers hold
    latetime_precompile(latetime_${name} libraries)
  endif()
endfunction()
