# Finds what the Python package needs: sets LATETIME_PYTHON_FOUND. A machine without builds the rest.

set(LATETIME_PYTHON "AUTO" CACHE STRING "Build the Python package: ON, OFF, or AUTO (where Python is there)")
set(LATETIME_PYTHON_FOUND OFF)
if(NOT LATETIME_PYTHON STREQUAL "OFF")
  # The Debian packages of scripts/install-deps belong to the system's own Python.
  if(NOT DEFINED Python_EXECUTABLE AND EXISTS /usr/bin/python3)
    set(Python_EXECUTABLE /usr/bin/python3)
  endif()
  find_package(Python 3.10 COMPONENTS Interpreter Development.Module NumPy QUIET)
  if(Python_FOUND)  # without it, pybind11 looks for one by itself, and fails
    find_package(pybind11 2.10 CONFIG QUIET)
  endif()
  if(Python_FOUND AND pybind11_FOUND)
    set(LATETIME_PYTHON_FOUND ON)
  elseif(LATETIME_PYTHON STREQUAL "ON")
    message(FATAL_ERROR "LATETIME_PYTHON=ON needs Python 3.10 with its headers, NumPy and pybind11 "
                        "(scripts/install-deps)")
  else()
    message(WARNING "The Python package is left out: Python with its headers, NumPy and pybind11 are "
                    "needed (scripts/install-deps). Everything else is built.")
  endif()
endif()
