# Settings shared by every target, and the rule that a component is one folder, one library.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library(latetime_settings INTERFACE)
target_include_directories(latetime_settings INTERFACE ${PROJECT_SOURCE_DIR}/src)
# No contraction: a*b+c is rounded the same on every instruction set, so that results do not
# depend on which kernel the machine picked.
target_compile_options(latetime_settings INTERFACE -Wall -Wextra -Wpedantic -Wshadow
  -Wno-missing-field-initializers -Wno-maybe-uninitialized -Wno-restrict -ffp-contract=off)
target_compile_definitions(latetime_settings INTERFACE LATETIME_VERSION="${PROJECT_VERSION}")
if(LATETIME_WERROR)
  target_compile_options(latetime_settings INTERFACE -Werror)
endif()
if(LATETIME_SANITIZE)
  target_compile_options(latetime_settings INTERFACE -fsanitize=${LATETIME_SANITIZE}
                         -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(latetime_settings INTERFACE -fsanitize=${LATETIME_SANITIZE})
endif()

# With LATETIME_PCH, what most sources include is compiled once a target. Kernels are built with other
# flags and share no header with the rest; they do without.
function(latetime_precompile target)
  if(LATETIME_PCH)
    target_precompile_headers(${target} PRIVATE <Eigen/Core> <fmt/format.h> <filesystem> <functional>
                              <map> <memory> <string> <vector> ${ARGN})
    get_target_property(sources ${target} SOURCES)
    list(FILTER sources INCLUDE REGEX "_kernel")
    set_source_files_properties(${sources} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

# latetime_component(NAME SOURCES a.cpp … DEPENDS base data …)
# DEPENDS are other components or imported targets; scripts/check-layers holds the includes to the same arrows.
# The three -Wno: false alarms of GCC 12 inside Eigen and libstdc++, and designated initialisers that
# leave fields to their defaults.
function(latetime_component name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(latetime_${name} STATIC ${arg_SOURCES})
  add_library(latetime::${name} ALIAS latetime_${name})
  target_link_libraries(latetime_${name} PUBLIC latetime_settings ${arg_DEPENDS})
  if(name MATCHES "^(data|dynamics|theory|experiment)$")
    latetime_precompile(latetime_${name})
  endif()
endfunction()
