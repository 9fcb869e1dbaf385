#include <pybind11/stl.h>

#include "bindings.hpp"
#include "blas_threads.hpp"
#include "latetime/experiment/figure1.hpp"
#include "latetime/experiment/image_figure.hpp"

namespace latetime::python {
namespace py = pybind11;
namespace {

/// (fig1.csv, fig1_runs.csv, settings) as texts; progress(done, total) is called after each run.
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
  return py::make_tuple(figure1_csv(summarize(points)), figure1_runs_csv(points),
                        figure1_settings(options));
}

/// (figN.csv, figN_runs.csv, settings) as texts; progress(done, total) is called now and then, in
/// parts of the whole work, and returns whether to go on. None where it stopped.
py::object image_figure_tables(const std::string& figure, bool quick, const std::string& folder,
                               const std::string& images, const std::string& reading,
                               unsigned threads, const py::object& progress) {
  ImageFigureOptions options = image_figure(choice_named<PaperFigure>("figure", figure), quick);
  options.images = choice_named<ImageSetName>("images", images);
  if (!reading.empty()) options.reading = choice_named<FigureReading>("reading", reading);
  std::vector<ImageRun> runs;
  std::exception_ptr raised;
  {
    const py::gil_scoped_release release;
    const BlasOnThisThread blas;
    runs = run_image_figure(options, folder, threads, [&](double done, double total) {
      const py::gil_scoped_acquire gil;
      try {
        progress(done, total);
        return true;
      } catch (...) {
        raised = std::current_exception();
        return false;
      }
    });
  }
  if (raised) std::rethrow_exception(raised);
  if (runs.empty()) return py::none();
  return py::make_tuple(image_figure_csv(summarize(runs)), image_runs_csv(runs),
                        image_figure_toml(options));
}

}  // namespace

void bind_figures(py::module_& module) {
  module.def("image_figure", image_figure_tables, py::arg("figure"), py::arg("quick"),
             py::arg("folder"), py::arg("images"), py::arg("reading"), py::arg("threads"),
             py::arg("progress"));
  module.def("figure1", figure1, py::arg("quick"), py::arg("threads"), py::arg("progress"));
}

}  // namespace latetime::python
