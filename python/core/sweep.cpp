#include "latetime/sweep/sweep.hpp"

#include <pybind11/stl.h>

#include "bindings.hpp"
#include "blas_threads.hpp"
#include "latetime/store/folder_kind.hpp"
#include "latetime/sweep/sweep_files.hpp"

namespace latetime::python {
namespace py = pybind11;
namespace {

/// A plan with what makes its points.
struct Plan {
  Plan(const std::string& text, const std::string& origin, const std::string& folder)
      : Plan(parse_sweep(text, origin, folder)) {}
  explicit Plan(SweepDefinition definition) : plan(std::move(definition)), maker(plan, "") {}
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  const SweepPlan plan;
  PointMaker maker;
};

/// The line of a point that is made here and now, to be added by whoever holds the folder. Ctrl-C
/// raises KeyboardInterrupt.
std::string make_line(Plan& plan, std::size_t number, const std::string& runs) {
  bool by_keyboard = false;
  std::optional<PointRecord> record;
  {
    const py::gil_scoped_release release;
    const BlasOnThisThread blas;
    const std::string key = plan.maker.key(number);
    record = PointMaker(plan.plan, runs).make(number, key, [&] {
      const py::gil_scoped_acquire gil;
      by_keyboard = by_keyboard || PyErr_CheckSignals() != 0;
      return !by_keyboard;
    });
  }
  if (!record) throw py::error_already_set();
  return to_line(*record);
}

py::dict summary_dict(const SweepSummary& summary) {
  py::dict result;
  result["outcomes"] = summary.outcomes;
  result["first_problem"] = summary.first_problem;
  result["made"] = summary.progress.made;
  result["known"] = summary.progress.known;
  result["interrupted"] = summary.interrupted;
  result["exhausted"] = summary.exhausted;
  return result;
}

/// `progress(finished, total, ended_early)` is called after each point. What it raises, and Ctrl-C,
/// ends the sweep after its files have been written, and passes through.
py::dict carry_out(const Plan& plan, const std::string& out, unsigned jobs, bool resume,
                   const py::object& progress) {
  std::exception_ptr raised;
  const auto python = [&](const std::function<void()>& call) {
    const py::gil_scoped_acquire gil;
    try {
      if (!raised) call();
    } catch (...) {
      raised = std::current_exception();
    }
    return !raised;
  };
  SweepSettings settings{.jobs = jobs, .resume = resume};
  settings.keep_going = [&] {
    return python([] {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    });
  };
  if (!progress.is_none()) {
    settings.progress = [&](const SweepProgress& now) {
      python([&] { progress(now.finished(), now.total, now.ended_early); });
    };
  }
  SweepSummary summary;
  {
    const py::gil_scoped_release release;
    const BlasOnThisThread blas;
    summary = carry_out_sweep(plan.plan, out, settings);
  }
  if (raised) std::rethrow_exception(raised);
  return summary_dict(summary);
}

std::vector<py::dict> axes_of(const Plan& plan) {
  std::vector<py::dict> axes;
  for (const SweepAxis& axis : plan.plan.definition().axes) {
    py::dict one;
    one["key"] = axis.key;
    one["values"] = axis.values;
    one["dimension"] = axis.dimension;
    axes.push_back(one);
  }
  return axes;
}

/// None where the sweep is not refined.
py::object refine_rule(const Plan& plan) {
  const auto& rule = plan.plan.definition().refine;
  if (!rule) return py::none();
  py::dict result;
  result["quantity"] = rule->quantity;
  result["tolerance"] = rule->tolerance;
  result["threshold"] = rule->threshold;
  result["levels"] = rule->levels;
  return result;
}

}  // namespace

void bind_sweep(py::module_& module) {
  py::class_<Plan>(module, "SweepPlan")
      .def(py::init<const std::string&, const std::string&, const std::string&>(), py::arg("text"),
           py::arg("origin"), py::arg("folder"))
      .def("__len__", [](const Plan& plan) { return plan.plan.size(); })
      .def("refine_rule", refine_rule)
      .def("to_toml", [](const Plan& plan) { return to_toml(plan.plan.definition()); })
      .def("axes", axes_of)
      .def(
          "config",
          [](const Plan& plan, std::size_t number) {
            if (number >= plan.plan.size()) throw py::index_error("there is no such point");
            return plan.plan.config(plan.plan.point(number));
          },
          py::arg("number"))
      .def("make_line", make_line, py::arg("number"), py::arg("runs"))
      .def("carry_out", carry_out, py::arg("out"), py::arg("jobs"), py::arg("resume"),
           py::arg("progress").none(true));
  py::class_<SweepFolder>(module, "SweepFolder")
      .def(py::init([](const Plan& plan, const std::string& out, bool resume) {
             return std::make_unique<SweepFolder>(plan.plan, out, Shard{}, resume);
           }),
           py::arg("plan"), py::arg("out"), py::arg("resume"), py::keep_alive<1, 2>())
      .def("missing", &SweepFolder::missing)
      .def("refine", &SweepFolder::refine)
      .def("size", [](const SweepFolder& folder) { return folder.chosen().points().size(); })
      .def("runs", &SweepFolder::runs)
      .def("add_line",
           [](SweepFolder& folder, const std::string& line) { folder.store().add_line(line); })
      .def("write_files", [](SweepFolder& folder) {
        folder.store().flush();
        return summary_dict(folder.write_files(1));
      });
  module.def("read_sweep",
             [](const std::string& path) { return std::make_unique<Plan>(read_sweep(path)); });
  module.def("holds_sweep", holds_sweep, py::arg("folder"));
  module.def("quantities", [] {
    std::vector<std::tuple<std::string, std::string, bool>> list;
    for (const Quantity& quantity : all_quantities()) {
      list.emplace_back(quantity.name, quantity.meaning, quantity.by_default);
    }
    return list;
  });
}

}  // namespace latetime::python
