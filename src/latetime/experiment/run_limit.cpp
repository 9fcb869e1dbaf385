#include "latetime/experiment/run_limit.hpp"

#include <cmath>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/gram.hpp"
#include "latetime/dynamics/late_run.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/experiment/stored_run.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime {
namespace {

// Descent moves in large strides before this many steps, nothing like a flow in log t; trials of
// the flow (HandOver) do not begin from earlier states either.
constexpr std::uint64_t earliest_state = 100;

/// Options of `latetime run` that take a run on to earliest_state, where its end is before that.
std::string way_to_state(const StoredRun& run) {
  const RunConfig& config = run.config();
  const Eigen::Index n = run.data().size();
  if (last_time(config, n) >= LogTime(earliest_state)) return "--resume";
  if (config.descent.epochs == 0) {
    return fmt::format("--resume --set descent.until={}", earliest_state);
  }
  RunConfig one_epoch = config;
  one_epoch.descent.epochs = 1;
  const std::uint64_t batches = *last_time(one_epoch, n).step();
  return fmt::format("--resume --set descent.epochs={}", (earliest_state + batches - 1) / batches);
}

/// Takes the run's last state for a late one and follows the flow from there.
void compute(const StoredRun& run, const std::function<bool(double)>& keep_going,
             RunLimit& result) {
  if (run.shape().smoothing > 0.0) {
    result.problem =
        "limits are those of ReLU and leaky ReLU networks, this activation is smoothed; "
        "run with network.smoothing = 0";
    return;
  }
  const bool of_descent = run.config().descent.method != Method::flow;
  const FlowStart start{flow_log_time(result.start, of_descent), run.pairs(run.last().coefficients),
                        run.pairs(run.last().preactivations)};
  if (!start.coefficients.allFinite() || !start.preactivations.allFinite() ||
      run.read<RunEnd>().reason == StopReason::not_finite) {
    result.problem = "the run's last state is not finite: the weights overflowed";
  } else if (of_descent && result.start < LogTime(earliest_state)) {
    result.problem = fmt::format("the run ended at step {}, too early to say; go on with run {}",
                                 to_string(result.start), way_to_state(run));
  } else {
    const FlowProblem problem(run.problem());
    LateFlow flow(problem, start, options_to_limit(problem, of_descent));
    result.report = report_limit(flow, run.data().x, keep_going);
  }
}

}  // namespace

namespace {

RunLimit limit_of(const StoredRun& run, const std::function<bool(double)>& keep_going,
                  std::optional<double> effort) {
  const ArrayReader& arrays = run.file();
  RunLimit result;
  result.shape = run.shape();
  result.start = run.final_time();
  result.engine = run.engine();
  result.mini_batches = takes_mini_batches(run.config(), run.data().size());
  const std::vector<double> undecided = run.column("undecided_events");
  if (!undecided.empty() && undecided.back() > 0.0) {
    result.undecided_events = static_cast<std::uint64_t>(undecided.back());
  }
  result.stored = has_group<StoredLimit>(arrays);
  if (result.stored) {
    result.report = read_limit(arrays, run.path(), run.shape(), run.data().size());
  } else {
    compute(run, keep_going, result);
  }
  if (result.report.has_direction()) {
    const std::vector<int>& classes = run.data().classes;
    result.pairs = count_pairs(result.report.limit, classes, run.shape());
    if (run.config().data.measures_errors() && !result.report.errors) {
      result.report.errors = limit_errors(result.report.limit.coefficients, run.data(), run.shape(),
                                          run.held_out(), 1);
    }
    if (run.data().class_count > 2) return result;  // what follows is of two classes
    LimitReport& report = result.report;
    if (report.limit.status == LimitStatus::found && (effort || !report.optimality)) {
      report.optimality =
          judge_optimality(report.limit, run.data().x, classes, run.shape(), effort.value_or(1.0));
    }
    result.linear =
        compare_with_linear(result.report.limit, gram_matrix(run.data().x), classes, run.shape());
  }
  return result;
}

}  // namespace

RunLimit limit_of_run(const std::string& path, const std::function<bool(double)>& keep_going,
                      std::optional<double> effort) {
  return limit_of(StoredRun(path), keep_going, effort);
}

RunLimit limit_of_arrays(const ArrayReader& arrays, const std::string& origin,
                         const std::function<bool(double)>& keep_going,
                         std::optional<double> effort) {
  return limit_of(StoredRun(arrays, origin), keep_going, effort);
}

}  // namespace latetime
