#include "latetime/experiment/run.hpp"

#include <cmath>
#include <optional>

#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bindings.hpp"
#include "blas_threads.hpp"
#include "latetime/experiment/stored_run.hpp"
#include "latetime/experiment/training_run.hpp"
#include "latetime/measure/measures.hpp"
#include "latetime/model/blas.hpp"
#include "latetime/model/loss.hpp"
#include "latetime/report/run_overview.hpp"
#include "latetime/report/training_overview.hpp"
#include "latetime/store/training_folder.hpp"

namespace latetime::python {
namespace {

std::optional<double> log10_of(const LogTime& time) {
  if (time == LogTime()) return std::nullopt;
  return time.log10();
}

py::object step_of(const LogTime& time) {
  return time.step() ? py::object(py::int_(*time.step())) : py::object(py::none());
}

/// Asks Python's own handlers, and turns Ctrl-C into a wish to stop. Needs the GIL.
bool keyboard_interrupt() {
  if (PyErr_CheckSignals() == 0) return false;
  if (!PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) throw py::error_already_set();
  PyErr_Clear();
  return true;
}

/// Settings under which `started(first, last)` and `pulse(log10_t, step)` are called, both None
/// where nobody asks, and Ctrl-C stops and sets `by_keyboard`. Refers to the last three.
RunSettings watched_by_python(unsigned threads, bool resume, const py::object& started,
                              const py::object& pulse, bool& by_keyboard) {
  RunSettings settings{.threads = threads, .resume = resume};
  settings.started = [&started](const LogTime& first, const LogTime& last) {
    const py::gil_scoped_acquire gil;
    if (!started.is_none()) started(log10_of(first), log10_of(last), step_of(first), step_of(last));
  };
  settings.pulse = [&pulse, &by_keyboard](const LogTime& time) {
    const py::gil_scoped_acquire gil;
    by_keyboard = by_keyboard || keyboard_interrupt();
    if (by_keyboard) return false;
    return pulse.is_none() || pulse(log10_of(time), step_of(time)).cast<bool>();
  };
  return settings;
}

/// The folder's lock, held as long as Python holds the object or until release(); warns where locks
/// are not to be had.
class HeldFolder {
 public:
  explicit HeldFolder(const std::string& folder) : lock_(FolderLock::hold(folder)) {
    if (!lock_->weakness().empty() &&
        PyErr_WarnEx(PyExc_RuntimeWarning, (folder + ": " + lock_->weakness()).c_str(), 1) != 0) {
      throw py::error_already_set();
    }
  }
  void release() { lock_.reset(); }

 private:
  std::shared_ptr<FolderLock> lock_;
};

/// A recorded state for observers and measures.
struct State {
  std::shared_ptr<TrainingState> state;
  std::shared_ptr<const RunProblem> problem;
  Record record;
};

int groups_of(const State& state) {
  return state.problem->initial.shape.groups;
}

py::array pairs_view(const State& state, const Matrix& pairs) {
  return view(pairs.data(), neuron_shape(pairs.rows(), pairs.cols(), groups_of(state)),
              keeper(state.state));
}

/// Weights follow from the coefficients where the engine does without them.
py::array weights_of(const State& state) {
  Matrix& weights = state.state->weights;
  if (weights.size() == 0) {
    Matrix computed = state.problem->initial.weights;
    const BlasOnThisThread blas;
    add_product(state.state->coefficients, state.problem->data.x, computed);
    weights = std::move(computed);
  }
  return pairs_view(state, weights);
}

py::array margins_of(const State& state) {
  const RunProblem& problem = *state.problem;
  const Matrix outputs = group_outputs(state.state->preactivations, problem.initial.shape);
  const Rivals rivals(problem.data.classes, problem.data.class_count);
  if (!rivals.two_classes()) {
    Vector all = rivals.margins(outputs);
    if (state.state->margin_offset.size() > 0) all += state.state->margin_offset;
    return moved(margins(rivals.outputs(all), problem.data.classes));
  }
  Vector result = margins(outputs, problem.data.classes);
  if (state.state->margin_offset.size() > 0) result += state.state->margin_offset;
  return moved(std::move(result));
}

py::dict metrics_of(const Record& record) {
  const auto fields = metrics_fields(record);
  py::dict metrics;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string& name = metrics_columns(true, record.groups())[i];
    if (name == engine_column) continue;
    metrics[py::str(name)] =
        fields[i].empty() ? std::nan("") : std::strtod(fields[i].c_str(), nullptr);
  }
  return metrics;
}

py::dict summary_dict(const RunSummary& summary, bool by_keyboard) {
  py::dict result;
  result["reason"] = word_of(summary.outcome.reason);
  result["message"] = summary.outcome.message;
  result["log10_t"] = log10_of(summary.outcome.time);
  result["seconds"] = summary.seconds;
  result["notes"] = summary.notes;
  result["by_keyboard"] = by_keyboard;
  return result;
}

void draw_overview(const std::string& folder) {
  const RunDirectory directory = RunDirectory::open(folder);
  const std::string table = directory.file("metrics.csv");
  replace_file(directory.file("overview.svg"),
               holds_training(folder) ? draw_training_overview(table) : draw_run_overview(table));
}

/// Runs `problem` into a folder (`out`) or into `memory`. `pulse(log10_t, step)` is called now and
/// then and returns False to stop; `started(first, last)` once, both as log10 or None; `recorded`
/// with each State. What they raise ends the run and passes through.
py::dict carry_out(const std::shared_ptr<RunProblem>& problem,
                   const std::shared_ptr<RunMemory>& memory, const std::string& out,
                   unsigned threads, bool resume, const py::object& started,
                   const py::object& pulse, const py::object& recorded) {
  std::optional<HeldFolder> folder;
  if (!memory) folder.emplace(out);  // until the picture is drawn
  bool by_keyboard = false;
  RunSettings settings = watched_by_python(threads, resume, started, pulse, by_keyboard);
  if (!recorded.is_none()) {
    settings.recorded = [&](const TrainingState& state, const Record& record) {
      const py::gil_scoped_acquire gil;
      recorded(State{std::make_shared<TrainingState>(state), problem, record});
    };
  }
  RunSummary summary;
  {
    const py::gil_scoped_release release;
    const BlasOnThisThread blas;
    summary = memory ? carry_out_run(*problem, *memory, settings)
                     : carry_out_run(*problem, out, settings);
  }
  if (!memory) draw_overview(out);
  return summary_dict(summary, by_keyboard);
}

/// The same of a training, which has no observers of states.
py::dict carry_out_train(const TrainingProblem& problem, const std::shared_ptr<RunMemory>& memory,
                         const std::string& out, unsigned threads, bool resume,
                         const py::object& started, const py::object& pulse) {
  std::optional<HeldFolder> folder;
  if (!memory) folder.emplace(out);  // until the picture is drawn
  bool by_keyboard = false;
  const RunSettings settings = watched_by_python(threads, resume, started, pulse, by_keyboard);
  {
    const py::gil_scoped_release release;
    const BlasOnThisThread blas;
    if (memory) {
      carry_out_training(problem, *memory, settings);
    } else {
      carry_out_training(problem, out, settings);
    }
  }
  if (!memory) draw_overview(out);
  py::dict result;
  result["by_keyboard"] = by_keyboard;
  return result;
}

py::object entry_object(const std::shared_ptr<RunMemory>& memory, const std::string& name) {
  const ArrayArchive::Entry& entry = memory->arrays.entry(name);
  return std::visit(
      [&](const auto& values) -> py::object {
        using Kind = std::decay_t<decltype(values)>;
        if constexpr (std::is_same_v<Kind, std::string> ||
                      std::is_same_v<Kind, std::vector<std::string>>) {
          return py::cast(values);
        } else {
          return view(values.data(), entry.shape, keeper(memory));
        }
      },
      entry.values);
}

std::vector<std::string> entry_names(const RunMemory& memory) {
  std::vector<std::string> names;
  for (const auto& entry : memory.arrays.entries()) names.push_back(entry.name);
  return names;
}

/// The fields of a column of metrics.csv.
std::vector<std::string> column_texts(const RunMemory& memory, const std::string& name) {
  const std::size_t column = memory.metrics.index_of(name);
  std::vector<std::string> texts;
  for (const auto& row : memory.metrics.rows) texts.push_back(row[column]);
  return texts;
}

/// The problem of a stored run, to go on with: its samples and weights lie in `memory`'s arrays.
std::shared_ptr<RunProblem> problem_of(const std::shared_ptr<RunMemory>& memory, RunConfig config) {
  const auto doubles = [&](const char* name) -> const std::vector<double>& {
    return std::get<std::vector<double>>(memory->arrays.entry(name).values);
  };
  const ArrayShape shape = memory->arrays.shape("/data/x");
  const auto n = static_cast<Eigen::Index>(shape.at(0)), d = static_cast<Eigen::Index>(shape.at(1));
  // A copy: the arrays are replaced when the run goes on.
  Matrix x = Eigen::Map<const Matrix>(doubles("/data/x").data(), n, d);
  const auto& y = doubles("/data/y");
  Dataset data = make_dataset(std::move(x), Eigen::Map<const Vector>(y.data(), n), "/data/x",
                              "/data/y", memory->arrays.read_string("/provenance/data_origin"));
  const NetworkShape network = shape_of(config.network, d, data.class_count);
  Network initial =
      network_of_array(network, memory->arrays.shape("/network/initial_weights"),
                       doubles("/network/initial_weights"), "/network/initial_weights");
  const StoredRun stored(memory->arrays, "run");
  data.clean_classes = stored.data().clean_classes;
  return std::make_shared<RunProblem>(
      RunProblem{std::move(config), std::move(data), std::move(initial), stored.held_out()});
}

/// The folder as `latetime run` leaves it.
void save(const RunMemory& memory, const std::string& path) {
  const HeldFolder folder(path);
  write_run(memory, path);
  draw_overview(path);
}

void bind_state(py::module_& module) {
  py::class_<State>(module, "State")
      .def_property_readonly(
          "log10_t",
          [](const State& s) {
            return log10_of(s.state->time).value_or(-std::numeric_limits<double>::infinity());
          })
      .def_property_readonly("step", [](const State& s) { return step_of(s.state->time); })
      .def_property_readonly("engine", [](const State& s) { return word_of(s.record.engine); })
      .def_property_readonly("metrics", [](const State& s) { return metrics_of(s.record); })
      .def_property_readonly("weights", weights_of)
      .def_property_readonly("preactivations",
                             [](const State& s) { return pairs_view(s, s.state->preactivations); })
      .def_property_readonly("coefficients",
                             [](const State& s) { return pairs_view(s, s.state->coefficients); })
      .def_property_readonly("rho",
                             [](const State& s) {
                               const Matrix& c = s.state->coefficients;
                               return moved(data_correlated_coefficients(c, s.problem->data.x),
                                            neuron_shape(c.rows(), c.cols(), groups_of(s)));
                             })
      .def_property_readonly("margins", margins_of);
}

}  // namespace

void bind_run(py::module_& module) {
  bind_state(module);
  py::class_<RunMemory, std::shared_ptr<RunMemory>>(module, "Memory")
      .def(py::init<>())
      .def_readonly("config", &RunMemory::config)
      .def_property_readonly("columns",
                             [](const RunMemory& memory) { return memory.metrics.columns; })
      .def("column", column_texts, py::arg("name"))
      .def("names", entry_names)
      .def("get", entry_object, py::arg("name"))
      .def("copy", [](const RunMemory& memory) { return std::make_shared<RunMemory>(memory); })
      .def("problem", problem_of, py::arg("config"))
      .def("save", save);
  py::class_<HeldFolder>(module, "HeldFolder")
      .def(py::init<const std::string&>(), py::arg("folder"))
      .def("__enter__", [](const py::object& self) { return self; })
      .def("__exit__", [](HeldFolder& self, const py::args&) { self.release(); });
  module.def(
      "metrics_columns", [](bool errors, int classes) { return metrics_columns(errors, classes); },
      py::arg("errors") = false, py::arg("classes") = 2);
  module.def("read_run",
             [](const std::string& path) { return std::make_shared<RunMemory>(read_run(path)); });
  module.def("read_training", [](const std::string& path) {
    return std::make_shared<RunMemory>(read_training(path));
  });
  module.def("holds_training", [](const std::string& path) { return holds_training(path); });
  module.def("carry_out", carry_out, py::arg("problem"), py::arg("memory").none(true),
             py::arg("out"), py::arg("threads"), py::arg("resume"), py::arg("started").none(true),
             py::arg("pulse").none(true), py::arg("recorded").none(true));
  module.def("carry_out_training", carry_out_train, py::arg("problem"),
             py::arg("memory").none(true), py::arg("out"), py::arg("threads"), py::arg("resume"),
             py::arg("started").none(true), py::arg("pulse").none(true));
}

}  // namespace latetime::python
