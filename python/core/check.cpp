#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include <pybind11/stl.h>

#include "bindings.hpp"
#include "blas_threads.hpp"
#include "latetime/experiment/claim_check.hpp"
#include "latetime/store/run_sink.hpp"

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

/// `proved`: (id, whether the conclusion holds, from which step on) of each claim that is proved.
std::string check_memory(const RunMemory& memory,
                         const std::vector<std::tuple<std::string, bool, std::uint64_t>>& proved,
                         std::uint64_t steps, double delta, double large, double moderate,
                         unsigned threads) {
  const CheckSettings settings = settings_of(steps, delta, large, moderate, threads);
  std::vector<ProvedClaim> claims;
  for (const auto& [id, holds, from] : proved) claims.push_back({id, {holds, from}});
  return checked([&] { return check_arrays(memory.arrays, "run", settings, claims); });
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
  module.def("check_memory", check_memory, py::arg("memory"), py::arg("proved"), py::arg("steps"),
             py::arg("delta"), py::arg("large"), py::arg("moderate"), py::arg("threads"));
  module.def("check_config", check_configuration, py::arg("config"), py::arg("source"),
             py::arg("steps"), py::arg("delta"), py::arg("large"), py::arg("moderate"),
             py::arg("threads"));
}

}  // namespace latetime::python
