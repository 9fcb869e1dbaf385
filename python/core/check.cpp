#include <pybind11/stl.h>

#include "bindings.hpp"
#include "blas_threads.hpp"
#include "latetime/experiment/claim_check.hpp"

namespace latetime::python {
namespace py = pybind11;
namespace {

/// Settings by the names of the command line's options; `keep_going` stops at Ctrl-C.
CheckSettings settings_of(std::uint64_t steps, double delta, double large, double moderate,
                          unsigned threads) {
  CheckSettings settings{
      .thresholds = {.failure_probability = delta, .large = large, .moderate = moderate},
      .observe = {},
      .threads = threads};
  settings.observe.most_steps = steps;
  settings.observe.keep_going = [] {
    const py::gil_scoped_acquire gil;
    return !PyErr_Occurred() && PyErr_CheckSignals() == 0;
  };
  return settings;
}

/// The report as JSON text; raises KeyboardInterrupt where Ctrl-C stopped it.
template <class Check>
std::string checked(const Check& check) {
  std::string json;
  {
    const py::gil_scoped_release release;
    const BlasOnThisThread blas;
    json = claims_json(check());
  }
  if (PyErr_Occurred()) throw py::error_already_set();
  return json;
}

std::string check_folder(const std::string& path, std::uint64_t steps, double delta, double large,
                         double moderate, unsigned threads) {
  const CheckSettings settings = settings_of(steps, delta, large, moderate, threads);
  return checked([&] { return check_run(path, settings); });
}

std::string check_configuration(const RunConfig& config, const std::string& source,
                                std::uint64_t steps, double delta, double large, double moderate,
                                unsigned threads) {
  const CheckSettings settings = settings_of(steps, delta, large, moderate, threads);
  return checked([&] { return check_config(config, source, settings); });
}

}  // namespace

void bind_check(py::module_& module) {
  module.def("check_folder", check_folder, py::arg("path"), py::arg("steps"), py::arg("delta"),
             py::arg("large"), py::arg("moderate"), py::arg("threads"));
  module.def("check_config", check_configuration, py::arg("config"), py::arg("source"),
             py::arg("steps"), py::arg("delta"), py::arg("large"), py::arg("moderate"),
             py::arg("threads"));
}

}  // namespace latetime::python
