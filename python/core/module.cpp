#include <filesystem>

#include "bindings.hpp"
#include "latetime/base/error.hpp"

PYBIND11_MODULE(_core, module) {
  namespace py = pybind11;
  module.doc() = "The C++ library behind latetime; use the package, not this module.";
  module.attr("version") = LATETIME_VERSION;
  module.attr("pybind11_version") = py::make_tuple(PYBIND11_VERSION_MAJOR, PYBIND11_VERSION_MINOR);
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const latetime::InputError& error) {
      PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const std::filesystem::filesystem_error& error) {
      PyErr_SetString(PyExc_ValueError, latetime::unusable_path(error).what());
    }
  });
  latetime::python::bind_config(module);
  latetime::python::bind_problem(module);
  latetime::python::bind_run(module);
  latetime::python::bind_limit(module);
  latetime::python::bind_check(module);
  latetime::python::bind_prove(module);
  latetime::python::bind_figures(module);
  latetime::python::bind_sweep(module);
}
