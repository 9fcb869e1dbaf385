#include <pybind11/stl.h>

#include "bindings.hpp"
#include "blas_threads.hpp"
#include "latetime/experiment/proof_run.hpp"
#include "latetime/store/run_sink.hpp"

namespace latetime::python {
namespace py = pybind11;
namespace {

/// proof.json and the certificate; raises KeyboardInterrupt where Ctrl-C stopped it.
std::pair<std::string, std::string> prove(const RunMemory& memory, const std::string& origin,
                                          const std::string& level, std::uint64_t step,
                                          std::uint64_t most_steps, unsigned threads) {
  ProofRequest request{.level = *choice_of<ProofLevel>(level),
                       .step = step,
                       .most_steps = most_steps,
                       .threads = threads,
                       .keep_going = {}};
  request.keep_going = [](std::uint64_t, std::uint64_t) {
    const py::gil_scoped_acquire gil;
    return !PyErr_Occurred() && PyErr_CheckSignals() == 0;
  };
  std::pair<std::string, std::string> result;
  {
    const py::gil_scoped_release release;
    const BlasOnThisThread blas;
    const ProofReport report = prove_arrays(memory.arrays, origin, request);
    result = {proof_json(report), report.certificate()};
  }
  if (PyErr_Occurred()) throw py::error_already_set();
  return result;
}

}  // namespace

void bind_prove(py::module_& module) {
  module.def("prove", prove, py::arg("memory"), py::arg("origin"), py::arg("level"),
             py::arg("step"), py::arg("most_steps"), py::arg("threads"));
  module.def("proof_levels", [] { return words_of<ProofLevel>(); });
}

}  // namespace latetime::python
