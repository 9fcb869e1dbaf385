#pragma once

#include <pybind11/pybind11.h>

// One function a file: each adds its classes and functions to the module.

namespace latetime::python {

void bind_config(pybind11::module_& module);
void bind_problem(pybind11::module_& module);
void bind_run(pybind11::module_& module);
void bind_limit(pybind11::module_& module);
void bind_sweep(pybind11::module_& module);
void bind_check(pybind11::module_& module);
void bind_prove(pybind11::module_& module);
void bind_figures(pybind11::module_& module);

}  // namespace latetime::python
