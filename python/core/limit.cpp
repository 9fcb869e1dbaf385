#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bindings.hpp"
#include "blas_threads.hpp"
#include "latetime/data/gram.hpp"
#include "latetime/experiment/run_limit.hpp"
#include "latetime/optimize/optimum.hpp"
#include "latetime/store/run_sink.hpp"

namespace latetime::python {
namespace {

std::size_t size_of(Eigen::Index count) {
  return static_cast<std::size_t>(count);
}

py::array flags(const std::vector<bool>& values) {
  py::array_t<bool> array(static_cast<py::ssize_t>(values.size()));
  for (std::size_t i = 0; i < values.size(); ++i)
    array.mutable_at(static_cast<py::ssize_t>(i)) = values[i];
  return array;
}

py::array verdict_array(const std::shared_ptr<RunLimit>& run) {
  static_assert(sizeof(PairVerdict) == 1);
  const Limit& limit = run->report.limit;
  return view(reinterpret_cast<const std::uint8_t*>(limit.verdicts.data()),
              neuron_shape(run->shape.neurons(), limit.coefficients.cols(), run->shape.groups),
              keeper(run));
}

py::tuple part_values(const RunLimit& run, double StableRank::*value) {
  const auto& ranks = run.report.stable_ranks;
  py::tuple values(ranks.size());
  for (std::size_t part = 0; part < ranks.size(); ++part) values[part] = ranks[part].*value;
  return values;
}

py::dict pair_counts(const RunLimit& run) {
  const char* names[] = {"inactive", "active", "switches", "undecided"};
  py::dict own, other;
  for (std::size_t code = 0; code < 4; ++code) {
    own[names[code]] = run.pairs.own[code];
    other[names[code]] = run.pairs.other[code];
  }
  py::dict result;
  result["own"] = own;
  result["other"] = other;
  return result;
}

/// What `latetime limit --json` prints under "linear".
py::object linear_object(const RunLimit& run) {
  if (run.shape.groups > 2) return py::none();
  const LinearComparison& linear = run.linear;
  py::dict result;
  result["separability"] = word_of(linear.svm.verdict);
  if (!linear.svm_problem.empty()) result["problem"] = linear.svm_problem;
  if (linear.svm.verdict == Separability::separable) {
    result["svm_margin"] = linear.svm.margin;
    result["svm_support"] = flags(linear.svm.support);
    result["svm_multipliers"] = moved(linear.svm.multipliers);
    result["common_support"] = linear.common_support;
    result["cosine"] = linear.cosine;
    result["angle"] = linear.angle;
  }
  result["odd_margin"] = linear.odd_margin;
  result["even_part"] = linear.even_part;
  result["even_on_boundary"] = linear.even_on_boundary;
  result["spread"] = linear.spread;
  result["boundary"] = word_of(linear.boundary);
  return result;
}

/// Enters what is listed as items.
struct DictItems {
  py::dict& dict;

  template <class Value>
  void operator()(const char* name, const Value& value) const {
    dict[name] = value;
  }
  void operator()(const char* name, const OptimalityVerdict& verdict) const {
    py::dict words;
    list_verdict(verdict, DictItems{words});
    dict[name] = words;
  }
};

/// What `latetime limit --json` prints under "errors"; None where the run measures none.
py::object errors_object(const RunLimit& run) {
  if (!run.report.errors) return py::none();
  py::dict result;
  list_errors(*run.report.errors, DictItems{result});
  return result;
}

py::object weights_object(const Matrix& coefficients) {
  if (coefficients.size() == 0) return py::none();
  return moved(coefficients, neuron_shape(coefficients.rows(), coefficients.cols()));
}

/// What `latetime limit --json` prints under "optimality", and better weights.
py::object optimality_object(const RunLimit& run) {
  if (!run.report.optimality) return py::none();
  const LimitOptimality& optimality = *run.report.optimality;
  py::dict result;
  list_optimality(optimality, DictItems{result});
  result["better"] = weights_object(optimality.better);
  result["better_nearby"] = weights_object(optimality.better_nearby);
  return result;
}

/// Bounds of the least ½‖V‖² on samples x (n × d).
py::dict least_norm(const std::shared_ptr<Dataset>& data, Eigen::Index width, double slope,
                    double effort) {
  require_two_classes(*data, "y", "bounds of the least norm are");
  OptimumBounds bounds;
  {
    const py::gil_scoped_release release;
    const BlasOnThisThread blas;
    const LeastNormProblem problem(gram_matrix(data->x), data->x.cols(), data->classes, width,
                                   slope);
    bounds = bound_optimum(problem, {}, effort);
  }
  py::dict result;
  result["lower"] = bounds.lower;
  result["upper"] = bounds.upper;
  result["every_slope"] = bounds.every_slope;
  result["complete"] = bounds.complete;
  result["multipliers"] = moved(bounds.multipliers);
  result["coefficients"] = weights_object(neuron_rows(bounds.best, width));
  return result;
}

/// (n,), of K ≥ 3 classes (n, K−1).
std::vector<std::size_t> margin_shape(const RunLimit& run, Eigen::Index count) {
  const Eigen::Index rivals = run.shape.groups - 1;
  if (rivals == 1) return {size_of(count)};
  return {size_of(count / rivals), size_of(rivals)};
}

/// What `latetime limit --json` prints under "collapse"; None of two classes.
py::object collapse_object(const RunLimit& run) {
  if (!run.report.collapse) return py::none();
  py::dict result;
  for (const CollapseMeasure& one : collapse_measures) {
    result[one.name] = *run.report.collapse.*one.value;
  }
  return result;
}

template <class Array>
auto array_getter(Array Limit::*member) {
  return [member](const std::shared_ptr<RunLimit>& run) {
    const Array& values = run->report.limit.*member;
    if constexpr (Array::ColsAtCompileTime == 1) {
      return view(values.data(), margin_shape(*run, values.size()), keeper(run));
    } else {
      return view(values.data(), neuron_shape(values.rows(), values.cols(), run->shape.groups),
                  keeper(run));
    }
  };
}

template <class Value>
auto getter(Value Limit::*member) {
  return [member](const RunLimit& run) { return run.report.limit.*member; };
}

std::shared_ptr<RunLimit> limit_of(const RunMemory& memory, const std::string& origin,
                                   std::optional<double> effort) {
  bool stopped = false;
  const auto keep_going = [&](double) {
    const py::gil_scoped_acquire gil;
    stopped = stopped || PyErr_CheckSignals() != 0;
    return !stopped;
  };
  std::shared_ptr<RunLimit> result;
  {
    const py::gil_scoped_release release;
    const BlasOnThisThread blas;
    result = std::make_shared<RunLimit>(limit_of_arrays(memory.arrays, origin, keep_going, effort));
  }
  if (stopped) throw py::error_already_set();  // what the signal's handler raised
  return result;
}

}  // namespace

void bind_limit(py::module_& module) {
  py::class_<RunLimit, std::shared_ptr<RunLimit>>(module, "Limit")
      .def_property_readonly("status",
                             [](const RunLimit& run) {
                               return run.problem.empty() ? word_of(run.report.limit.status)
                                                          : std::string("none");
                             })
      .def_property_readonly("message",
                             [](const RunLimit& run) {
                               return run.problem.empty() ? run.report.limit.message : run.problem;
                             })
      .def_property_readonly("has_direction",
                             [](const RunLimit& run) { return run.report.has_direction(); })
      .def_readonly("stored", &RunLimit::stored)
      .def_property_readonly("engine", [](const RunLimit& run) { return word_of(run.engine); })
      .def_property_readonly("settled", getter(&Limit::settled))
      .def_property_readonly("log10_followed",
                             [](const RunLimit& run) { return run.report.log10_followed(); })
      .def_property_readonly(
          "stable_rank", [](const RunLimit& run) { return part_values(run, &StableRank::value); })
      .def_property_readonly(
          "stable_rank_excess",
          [](const RunLimit& run) { return part_values(run, &StableRank::excess); })
      .def_property_readonly("normalized_margin", getter(&Limit::normalized_margin))
      .def_property_readonly("kkt_residual", getter(&Limit::kkt_residual))
      .def_property_readonly("strictness", getter(&Limit::strictness))
      .def_property_readonly("multipliers", array_getter(&Limit::multipliers))
      .def_property_readonly("margins", array_getter(&Limit::margins))
      .def_property_readonly("coefficients", array_getter(&Limit::coefficients))
      .def_property_readonly("slopes", array_getter(&Limit::slopes))
      .def_property_readonly("ray", array_getter(&Limit::ray))
      .def_property_readonly("support",
                             [](const RunLimit& run) -> py::array {
                               const auto& support = run.report.limit.support;
                               const auto count = static_cast<Eigen::Index>(support.size());
                               return flags(support).reshape(margin_shape(run, count));
                             })
      .def_property_readonly("collapse", collapse_object)
      .def_property_readonly("classes", [](const RunLimit& run) { return run.shape.groups; })
      .def_property_readonly("verdicts", verdict_array)
      .def_property_readonly("pairs", pair_counts)
      .def_property_readonly("switching_share",
                             [](const RunLimit& run) { return run.pairs.switching_share(); })
      .def_property_readonly("linear", linear_object)
      .def_property_readonly("errors", errors_object)
      .def_property_readonly("optimality", optimality_object);
  module.def("limit_of", limit_of, py::arg("memory"), py::arg("origin"),
             py::arg("effort") = py::none());
  module.def("least_norm", least_norm, py::arg("data"), py::arg("width"), py::arg("slope"),
             py::arg("effort"));
}

}  // namespace latetime::python
