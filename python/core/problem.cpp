#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bindings.hpp"
#include "blas_threads.hpp"
#include "latetime/base/error.hpp"
#include "latetime/data/array_file.hpp"
#include "latetime/dynamics/batch_order.hpp"
#include "latetime/experiment/inspection.hpp"
#include "latetime/experiment/training_run.hpp"

namespace latetime::python {
namespace {

std::vector<double> labels_of(const Dataset& data) {
  std::vector<double> labels;
  for (Eigen::Index i = 0; i < data.size(); ++i) labels.push_back(data.label(i));
  return labels;
}

Dataset dataset_of(const py::array& x, const py::array& y) {
  return make_dataset(samples_of(x, "X"), vector_of(y, "y"), "X", "y", "arrays from Python");
}

py::array samples_view(const std::shared_ptr<Dataset>& data) {
  return view(data->x.data(),
              {static_cast<std::size_t>(data->size()), static_cast<std::size_t>(data->dim())},
              keeper(data));
}

/// (n,) the order in which an epoch of mini-batch descent takes the samples.
py::array batch_permutation(std::uint64_t seed, std::uint64_t epoch, std::uint32_t n) {
  const auto order = epoch_order(seed, epoch, n);
  py::array_t<std::int64_t> result(static_cast<py::ssize_t>(n));
  std::copy(order.begin(), order.end(), result.mutable_data());
  return result;
}

/// The section [data] of a run on own samples, which names the copies that result.h5 will hold.
DataConfig config_of_own(const DataConfig& given, const Dataset* test) {
  DataConfig data;
  data.source = DataSource::file;
  data.d = 0;  // as the file says
  data.x = "result.h5:/data/x";
  data.label_noise = given.label_noise;
  data.y = data.label_noise > 0.0 ? "result.h5:/data/clean_y" : "result.h5:/data/y";
  if (test) {
    data.test_x = "result.h5:/data/test_x";
    data.test_y = "result.h5:/data/test_y";
  }
  return data;
}

/// A problem from a configuration; own samples, test samples of such ones, and weights, where
/// given, take the place of what it names.
RunProblem make_problem(RunConfig config, const Dataset* own_data, const Dataset* test,
                        const py::object& weights) {
  if (own_data) config.data = config_of_own(config.data, test);
  Dataset data = own_data ? *own_data : load_data(config);
  if (own_data) add_label_noise(data, config);
  Network initial;
  if (weights.is_none()) {
    initial = load_network(config, data);
  } else {
    const NetworkShape shape = shape_of(config.network, data.dim(), data.class_count);
    initial = network_of(shape, py::array(weights), "W0");
    config.network.initial_weights = "result.h5:/network/initial_weights";
  }
  if (data.class_count > 2 && (test || config.data.measures_errors())) {
    throw InputError("X_test, label_noise",
                     "errors and label noise are of two classes, y has more; leave them out");
  }
  HeldOut held_out = own_data ? HeldOut{} : held_out_of(config, data);
  if (test) held_out.test = *test;
  return {std::move(config), std::move(data), std::move(initial), std::move(held_out)};
}

/// Stand for samples, labels and weights that a Python program holds: a training stores none.
constexpr const char* own_x = "arrays:X";
constexpr const char* own_y = "arrays:y";
constexpr const char* own_weights = "arrays:W0";

bool names(const std::string& file, const char* own) {
  return std::filesystem::path(file).filename() == own;  // keys that name files become absolute
}

/// A training; own samples and weights, where given, take the place of what the configuration
/// names.
TrainingProblem make_training_problem(RunConfig config, const Dataset* own_data,
                                      const Dataset* test, const py::object& weights) {
  if (own_data) {
    const double noise = config.data.label_noise;
    config.data = DataConfig{};
    config.data.source = DataSource::file;
    config.data.d = 0;  // as the file says
    config.data.label_noise = noise;
    config.data.x = own_x;
    config.data.y = own_y;
  }
  if (!weights.is_none()) config.network.initial_weights.clear();
  if (names(config.data.x, own_x) && !own_data) {
    throw InputError("X",
                     "the training is one of arrays, which it does not hold; give them again, "
                     "lt.train(X, y, ..., out=folder, resume=True)");
  }
  if (names(config.network.initial_weights, own_weights)) {
    throw InputError("W0",
                     "the training began with an array, which it does not hold; give it "
                     "again, lt.train(..., W0=W0, out=folder, resume=True)");
  }
  TrainingProblem problem{.config = config, .data = {}};
  if (own_data) {
    problem.data = *own_data;
    add_label_noise(problem.data, config);
    const std::string& file = config.network.initial_weights;
    if (!file.empty()) {
      problem.initial_weights = network_of_file(hidden_shape(config, problem.data), file).weights;
    }
  } else {
    const py::gil_scoped_release release;
    problem = load_training_problem(config);
  }
  if (test) problem.test = *test;
  if (!weights.is_none()) {
    problem.initial_weights =
        network_of(hidden_shape(problem.config, problem.data), py::array(weights), "W0").weights;
    problem.config.network.initial_weights = own_weights;
  }
  return problem;
}

/// The same samples and weights under another end.
TrainingProblem training_with(const TrainingProblem& problem, RunConfig config) {
  TrainingProblem other = problem;
  config.data = problem.config.data;
  config.network.initial_weights = problem.config.network.initial_weights;
  other.config = std::move(config);
  return other;
}

/// Samples of any number of classes, numbered from 0.
std::shared_ptr<Dataset> classified(const py::array& x, const std::vector<int>& classes,
                                    int class_count, const std::string& where) {
  auto data = std::make_shared<Dataset>(Dataset{.x = samples_of(x, where),
                                                .classes = classes,
                                                .class_count = class_count,
                                                .origin = "arrays from Python"});
  if (data->size() == 0 || data->dim() == 0) {
    throw InputError(where, "the array is empty; give at least one sample of one feature");
  }
  if (data->classes.size() != static_cast<std::size_t>(data->size())) {
    throw InputError(where, fmt::format("has {} samples and {} labels; give a label a sample",
                                        data->size(), data->classes.size()));
  }
  require_finite(data->x, where);
  return data;
}

py::dict inspection_dict(const DataInspection& data) {
  const OrthogonalityReport& report = data.orthogonality;
  py::dict result;
  result["n"] = data.n;
  result["d"] = data.d;
  result["R_min"] = report.norm_min;
  result["R_max"] = report.norm_max;
  result["R"] = report.norm_ratio;
  result["p"] = report.max_inner_product;
  result["n_p_over_R_min_squared"] = report.np_over_norm2;
  result["smallest_eigenvalue_of_G"] = report.min_eigenvalue;
  result["linearly_independent"] = data.linearly_independent;
  return result;
}

py::dict inspect_problem(const RunProblem& problem) {
  const RunInspection run = [&] {
    const py::gil_scoped_release release;
    const BlasOnThisThread blas;
    return inspect_run(problem.config, problem.data);
  }();
  py::dict result = inspection_dict(run.data);
  result["origin"] = run.origin;
  if (run.class_count > 2) {
    result["classes"] = run.class_count;
  } else {
    result["samples_of_class_plus"] = run.class_plus;
    result["samples_of_class_minus"] = run.class_minus;
  }
  result["engine"] = engines_text(run.engines);
  result["last_step"] = run.last_step.step() ? py::object(py::int_(*run.last_step.step()))
                                             : py::str(to_string(run.last_step));
  result["records"] = run.records;
  result["neurons"] = run.neurons;
  return result;
}

py::dict inspect_array(const py::array& x) {
  const Samples samples = samples_of(x, "X");
  if (samples.size() == 0) throw InputError("X", "the array is empty; give at least one sample");
  require_finite(samples, "X");
  const BlasOnThisThread blas;
  return inspection_dict(inspect_samples(samples, "X"));
}

}  // namespace

void bind_problem(py::module_& module) {
  py::class_<Dataset, std::shared_ptr<Dataset>>(module, "Dataset")
      .def(py::init(&dataset_of), py::arg("x"), py::arg("y"))
      .def_property_readonly("X", samples_view)
      .def_property_readonly(
          "y",
          [](const Dataset& data) {
            return moved(Vector(Eigen::Map<const Vector>(labels_of(data).data(), data.size())));
          })
      .def_readonly("origin", &Dataset::origin);
  module.def(
      "load_data",
      [](const RunConfig& config) {
        const py::gil_scoped_release release;
        return std::make_shared<Dataset>(load_data(config));
      },
      py::arg("config"));
  module.def("batch_permutation", batch_permutation, py::arg("seed"), py::arg("epoch"),
             py::arg("n"));
  module.def("read_array", [](const std::string& reference) {
    NumericArray array = read_array(reference);
    auto owner = std::make_shared<NumericArray>(std::move(array));
    return view(owner->values.data(), owner->shape, keeper(owner));
  });

  py::class_<RunProblem, std::shared_ptr<RunProblem>>(module, "Problem")
      .def(py::init(&make_problem), py::arg("config"), py::arg("data").none(true),
           py::arg("test").none(true), py::arg("weights").none(true))
      .def_property_readonly(
          "measures_errors",
          [](const RunProblem& problem) { return problem.config.data.measures_errors(); })
      .def_readonly("config", &RunProblem::config)
      .def_property_readonly(
          "data", [](const RunProblem& problem) { return std::make_shared<Dataset>(problem.data); })
      .def_property_readonly(
          "initial_weights",
          [](const std::shared_ptr<RunProblem>& problem) {
            const Matrix& weights = problem->initial.weights;
            return view(weights.data(),
                        neuron_shape(weights.rows(), weights.cols(), problem->initial.shape.groups),
                        keeper(problem));
          })
      .def("inspect", inspect_problem);
  py::class_<TrainingProblem, std::shared_ptr<TrainingProblem>>(module, "TrainingProblem")
      .def(py::init(&make_training_problem), py::arg("config"), py::arg("data").none(true),
           py::arg("test").none(true), py::arg("weights").none(true))
      .def("with_config", training_with, py::arg("config"));
  module.def("classified", classified, py::arg("x"), py::arg("classes"), py::arg("class_count"),
             py::arg("where"));
  module.def("inspect_array", inspect_array, py::arg("x"));
}

}  // namespace latetime::python
