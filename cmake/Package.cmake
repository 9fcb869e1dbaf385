# What `cmake --install` makes of the libraries: a package that `find_package(Latetime)` finds, component `development`;
# the program alone is the component `runtime`. docs/cpp.md says how it is used.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(cmake_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Latetime)

# What whoever includes the headers of TARGET needs, here and where they are installed.
function(latetime_interface target kind)
  target_compile_features(${target} ${kind} cxx_std_20)
  # No contraction for them either: an inline function, one of Eigen's too, is compiled by all who call it, and the linker
  # keeps one copy for all. Where every machine has a fused multiply-add (ARM), a copy with contraction would change the
  # results of the libraries.
  target_compile_options(${target} ${kind} $<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
endfunction()

# All headers in the folder of the component NAME but those named after it.
function(latetime_install_component name)
  set(target latetime_${name})
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.hpp)
  foreach(header IN LISTS ARGN)
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${header})
      message(FATAL_ERROR "${name} has no header ${header}")
    endif()
    list(REMOVE_ITEM headers ${CMAKE_CURRENT_SOURCE_DIR}/${header})
  endforeach()
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${headers})
  latetime_interface(${target} PUBLIC)
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS ${target} EXPORT LatetimeTargets
    ARCHIVE COMPONENT development
    FILE_SET HEADERS COMPONENT development)
endfunction()

# latetime_install_package(COMPONENTS…): all of them as one target, with the header that includes what most users need.
function(latetime_install_package)
  add_library(latetime_library INTERFACE)
  list(TRANSFORM ARGN PREPEND latetime:: OUTPUT_VARIABLE libraries)
  target_link_libraries(latetime_library INTERFACE ${libraries})
  target_sources(latetime_library INTERFACE FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src
    FILES ${PROJECT_SOURCE_DIR}/src/latetime/latetime.hpp)
  latetime_interface(latetime_library INTERFACE)
  set_target_properties(latetime_library PROPERTIES EXPORT_NAME latetime)
  install(TARGETS latetime_library EXPORT LatetimeTargets FILE_SET HEADERS COMPONENT development)

  install(EXPORT LatetimeTargets NAMESPACE Latetime:: DESTINATION ${cmake_package_dir} COMPONENT development)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/LatetimeConfig.cmake.in
    ${CMAKE_BINARY_DIR}/LatetimeConfig.cmake INSTALL_DESTINATION ${cmake_package_dir} NO_SET_AND_CHECK_MACRO)
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/LatetimeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/LatetimeConfig.cmake ${CMAKE_BINARY_DIR}/LatetimeConfigVersion.cmake
    ${PROJECT_SOURCE_DIR}/cmake/FindArb.cmake DESTINATION ${cmake_package_dir} COMPONENT development)
endfunction()
