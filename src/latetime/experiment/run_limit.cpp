#include "latetime/experiment/run_limit.hpp"

#include <cmath>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/gram.hpp"
#include "latetime/dynamics/late_run.hpp"
#include "latetime/experiment/config.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime {
namespace {

// Descent moves in large strides before this many steps, nothing like a flow in log t; trials of
// the flow (HandOver) do not begin from earlier states either.
constexpr std::uint64_t earliest_state = 100;

/// What result.h5 knows of a run, as far as its limit goes.
class StoredRun {
 public:
  StoredRun(const ArrayReader& file, const std::string& path)
      : file_(file),
        path_(path),
        config_(
            parse_config(file.read_string("/provenance/config"), path + ":/provenance/config", "")),
        data_(read_data()) {
    const ArrayShape weights = file.shape("/network/initial_weights");
    if (weights != ArrayShape{2, width(), static_cast<std::size_t>(data_.dim())}) {
      fail(fmt::format("/network/initial_weights has shape ({}) where (2, {}, {}) is needed",
                       fmt::join(weights, ", "), width(), data_.dim()));
    }
  }

  const RunConfig& config() const { return config_; }
  const Dataset& data() const { return data_; }
  NetworkShape shape() const {
    return {.groups = 2,
            .width = config_.network.width,
            .dim = data_.dim(),
            .slope = config_.network.slope};
  }

  LogTime final_time() const {
    const double step = number("/final/step"), log10 = number("/final/log10_t");
    if (step >= 0.0 && step <= static_cast<double>(LogTime::largest_step)) {
      return static_cast<std::uint64_t>(step);
    }
    if (!std::isfinite(log10)) fail("/final has no time");
    return LogTime::from_log10(log10);
  }

  /// An array (2, m, n) as neurons × n.
  Matrix pairs(const std::string& name) const {
    const ArrayShape wanted{2, width(), static_cast<std::size_t>(data_.size())};
    const ArrayShape shape = file_.shape(name);
    if (shape != wanted) {
      fail(fmt::format("{} has shape ({}) where ({}) is needed", name, fmt::join(shape, ", "),
                       fmt::join(wanted, ", ")));
    }
    const auto values = file_.read_doubles(name);
    return Eigen::Map<const Matrix>(values.data(), 2 * config_.network.width, data_.size());
  }

 private:
  std::size_t width() const { return static_cast<std::size_t>(config_.network.width); }

  Dataset read_data() const {
    const ArrayShape shape = file_.shape("/data/x");
    if (shape.size() != 2) fail("/data/x is no matrix");
    const auto x = file_.read_doubles("/data/x"), y = file_.read_doubles("/data/y");
    return make_dataset(Eigen::Map<const Matrix>(x.data(), static_cast<Eigen::Index>(shape[0]),
                                                 static_cast<Eigen::Index>(shape[1])),
                        Eigen::Map<const Vector>(y.data(), static_cast<Eigen::Index>(y.size())),
                        path_ + ":/data/x", path_ + ":/data/y", "");
  }

  double number(const std::string& name) const {
    const auto values = file_.read_doubles(name);
    if (values.size() != 1) fail(name + " is no single number");
    return values[0];
  }

  [[noreturn]] void fail(const std::string& problem) const {
    throw InputError(path_, problem + "; the file is damaged, run again into another folder");
  }

  const ArrayReader& file_;
  const std::string& path_;
  const RunConfig config_;
  const Dataset data_;
};

/// Takes the run's last state for a late one and follows the flow from there.
void compute(const StoredRun& run, const std::function<bool(double)>& keep_going,
             RunLimit& result) {
  const bool of_descent = run.config().descent.method != "flow";
  const FlowStart start{flow_log_time(result.start, of_descent), run.pairs("/final/coefficients"),
                        run.pairs("/final/preactivations")};
  if (of_descent && result.start < LogTime(earliest_state)) {
    result.problem = fmt::format(
        "the run ended at step {}, too early to say; go on to step {} or "
        "later with run --resume",
        to_string(result.start), earliest_state);
  } else if (!start.coefficients.allFinite() || !start.preactivations.allFinite()) {
    result.problem = "the run's last state is not finite: the weights overflowed";
  } else {
    const FlowProblem problem(run.data(), run.shape(), run.config().descent.learning_rate);
    LateFlow flow(problem, start, options_to_limit(problem, of_descent));
    result.report = report_limit(flow, run.data().x, keep_going);
  }
}

}  // namespace

RunLimit limit_of_run(const std::string& path, const std::function<bool(double)>& keep_going) {
  const RunDirectory directory = RunDirectory::open(path);
  const std::string result_path = directory.file("result.h5");
  const auto file = directory.read_result();
  if (!file) {
    throw InputError(result_path,
                     "is missing: the run was stopped before its first record; use run --resume");
  }
  return limit_of_arrays(*file, result_path, keep_going);
}

RunLimit limit_of_arrays(const ArrayReader& arrays, const std::string& origin,
                         const std::function<bool(double)>& keep_going) {
  const StoredRun run(arrays, origin);
  RunLimit result;
  result.shape = run.shape();
  result.start = run.final_time();
  result.engine = arrays.read_string("/engine/name");
  result.mini_batches = run.config().descent.method == "sgd";
  result.stored = arrays.exists("/limit");
  if (result.stored) {
    result.report = read_limit(arrays, origin, run.shape(), run.data().size());
  } else {
    compute(run, keep_going, result);
  }
  if (result.report.has_direction()) {
    const std::vector<int>& classes = run.data().classes;
    result.pairs = count_pairs(result.report.limit, classes, run.shape());
    result.linear =
        compare_with_linear(result.report.limit, gram_matrix(run.data().x), classes, run.shape());
  }
  return result;
}

}  // namespace latetime
