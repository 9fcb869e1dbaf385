# Third-party libraries, all from Debian 12 (scripts/install-deps). Their headers count as system
# headers, so that warnings speak of this project alone.

# What who links the installed libraries needs as well: arguments of find_package, and of pkg-config a name and its module.
# LatetimeConfig.cmake finds the same again.
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})  # FindArb.cmake
set(library_packages "Threads" "Arb" "Eigen3 3.4 NO_MODULE" "ZLIB" "fmt")
set(library_modules "tomlplusplus tomlplusplus" "libzip libzip" "hdf5 hdf5-serial" "lapacke lapacke"
  "openblas openblas" "sleef sleef" "muparser muparser")

foreach(package IN LISTS library_packages)
  separate_arguments(package)
  find_package(${package} REQUIRED)
endforeach()
find_package(PkgConfig REQUIRED)
foreach(module IN LISTS library_modules)
  separate_arguments(module)
  list(POP_FRONT module name)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
endforeach()

# Headers that sources alone include.
find_package(Spectra REQUIRED NO_MODULE)
find_package(nlohmann_json REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(CLI11 REQUIRED)
