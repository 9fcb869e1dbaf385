#include <pybind11/stl.h>

#include "bindings.hpp"
#include "blas_threads.hpp"
#include "latetime/experiment/figure1.hpp"

namespace latetime::python {
namespace py = pybind11;
namespace {

/// (fig1.csv, fig1_runs.csv) as texts; progress(done, total) is called after each run.
py::tuple figure1(bool quick, unsigned threads, const py::object& progress) {
  const Figure1Options options = quick ? quick_figure1() : Figure1Options{};
  std::vector<Figure1Point> points;
  {
    const py::gil_scoped_release release;
    const BlasOnThisThread blas;
    points = run_figure1(options, threads, [&](std::size_t done, std::size_t total) {
      const py::gil_scoped_acquire gil;
      progress(done, total);
      return true;
    });
  }
  return py::make_tuple(figure1_csv(summarize(points)), figure1_runs_csv(points));
}

}  // namespace

void bind_figures(py::module_& module) {
  module.def("figure1", figure1, py::arg("quick"), py::arg("threads"), py::arg("progress"));
}

}  // namespace latetime::python
