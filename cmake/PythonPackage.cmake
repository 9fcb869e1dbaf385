# Finds what the Python package needs: sets LATETIME_PYTHON_FOUND. A machine without builds the rest. NumPy is needed
# to run the package, not to build it.

set(LATETIME_PYTHON "AUTO" CACHE STRING "Build the Python package: ON, OFF, or AUTO (where Python is there)")
set(LATETIME_PYTHON_FOUND OFF)

# What keeps the package from being built, and the mend; empty when nothing does.
function(latetime_python_lacks result)
  if(NOT Python_FOUND)
    set(lack "the headers of ${Python_EXECUTABLE} (3.10 or later) are missing: apt install python3-dev, or, for a "
             "Python of another origin, its own headers")
  elseif(NOT pybind11_FOUND)
    set(lack "pybind11 is missing: apt install pybind11-dev")
  elseif(Python_VERSION VERSION_GREATER_EQUAL 3.13 AND pybind11_VERSION VERSION_LESS 2.13)
    set(lack "pybind11 ${pybind11_VERSION} does not know Python ${Python_VERSION}: take pybind11 2.13, or the system's "
             "Python, /usr/bin/python3")
  elseif(Python_VERSION VERSION_GREATER_EQUAL 3.12 AND pybind11_VERSION VERSION_LESS 2.11)
    set(lack "pybind11 ${pybind11_VERSION} does not know Python ${Python_VERSION}: take pybind11 2.11, or the system's "
             "Python, /usr/bin/python3")
  endif()
  string(CONCAT lack ${lack})
  set(${result} "${lack}" PARENT_SCOPE)
endfunction()

if(NOT LATETIME_PYTHON STREQUAL "OFF")
  # The Debian packages of scripts/install-deps belong to the system's own Python.
  if(NOT DEFINED Python_EXECUTABLE AND EXISTS /usr/bin/python3)
    set(Python_EXECUTABLE /usr/bin/python3)
  endif()
  find_package(Python 3.10 COMPONENTS Interpreter Development.Module QUIET)
  if(Python_FOUND)  # without it, pybind11 looks for one by itself, and fails
    find_package(pybind11 2.10 CONFIG QUIET)
  endif()
  latetime_python_lacks(lack)
  if(NOT lack)
    set(LATETIME_PYTHON_FOUND ON)
  elseif(LATETIME_PYTHON STREQUAL "ON")
    message(FATAL_ERROR "The Python package cannot be built: ${lack}")
  else()
    message(STATUS "The Python package is left out (scripts/install-deps python): ${lack}")
  endif()
endif()
