#include "latetime/experiment/run.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/experiment/recorder.hpp"
#include "latetime/experiment/training_run.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

/// The limit t = ∞ of a descent that a late-time flow follows; nothing when it was asked to stop.
std::optional<LimitReport> solve_run_limit(const Descent& descent, const Matrix& x,
                                           const RunSettings& settings) {
  bool stopped = false;
  LateFlow flow = descent.flow_from_here();
  LimitReport report = report_limit(flow, x, [&](double) {
    stopped = settings.pulse && !settings.pulse(descent.time());
    return !stopped;
  });
  if (stopped) return std::nullopt;
  return report;
}

}  // namespace

RunDirectory prepare_directory(const RunConfig& config, const std::string& out, bool resume,
                               const std::vector<std::string>& columns) {
  if (!resume || !RunDirectory::holds_run(out)) {
    return RunDirectory::create(out, to_toml(config), columns);
  }
  RunDirectory directory = RunDirectory::open(out);
  const RunConfig earlier =
      parse_config(directory.config_text(), directory.file("config.toml"), out);
  const std::string key = first_difference(earlier, config);
  if (!key.empty()) {
    throw InputError(out, fmt::format("was begun with another {}; resume with the same "
                                      "configuration, or name another folder",
                                      key));
  }
  directory.write_config(to_toml(config));
  return directory;
}

HandOver::Discrepancy largest_difference(const Measurer& measurer, const Dataset& data) {
  return [&measurer, &data](const Matrix& flow, const Vector& flow_margins, const Matrix& exact,
                            const Vector& exact_margins) {
    const auto ranks = [&](const Matrix& coefficients) {
      TrainingState state;
      state.coefficients = coefficients;
      return measurer.stable_ranks(measurer.inside(state));
    };
    const auto log_loss = [&](const Vector& margins) {
      Matrix outputs = Matrix::Zero(margins.size(), data.class_count);
      for (Eigen::Index i = 0; i < margins.size(); ++i) {
        outputs(i, data.classes[static_cast<std::size_t>(i)]) = margins[i];
      }
      return log_mean_loss(outputs, data.classes);
    };
    double largest = std::abs(log_loss(flow_margins) - log_loss(exact_margins));
    const auto a = ranks(flow), b = ranks(exact);
    for (std::size_t part = 0; part < 3; ++part) {
      // NaN where all weights are zero: nothing to compare.
      if (std::isnan(a[part].value) && std::isnan(b[part].value)) continue;
      largest = std::max(largest, std::abs(a[part].value - b[part].value));
    }
    return largest;
  };
}

RunSummary carry_out_run(const RunConfig& config, const std::string& out,
                         const RunSettings& settings) {
  using Clock = std::chrono::steady_clock;
  require_paper_network(config);
  const Dataset data = load_data(config);
  const Network initial = load_network(config, data);
  const Measurer measurer(data, initial);
  DescentOptions options = descent_options(config, data.size(), settings.threads);
  options.discrepancy = largest_difference(measurer, data);
  Descent descent(data, initial, options);
  std::vector<LogTime> schedule = recorded_steps(config, data.size());
  const RunDirectory directory = prepare_directory(config, out, settings.resume, metrics_columns());
  Recorder recorder(config, data, initial, directory, schedule.size(), settings.threads);
  std::vector<LogTime> recorded;
  if (settings.resume && recorder.take_over(descent)) {
    if (recorder.records() > 0) {
      const auto rest =
          std::upper_bound(schedule.begin(), schedule.end(), recorder.last_recorded());
      recorded.assign(schedule.begin(), rest);
      schedule.erase(schedule.begin(), rest);
    }
  } else {
    directory.keep_rows(0);
  }

  const auto start = Clock::now();
  RunSummary summary{.engine = std::string(descent.engine_name()), .first = descent.time()};
  if (settings.started) settings.started(descent.time(), last_time(config, data.size()));
  std::string engine;
  const auto tell_engine = [&](const LogTime& time) {
    if (!settings.engine_changed || descent.engine_name() == engine) return;
    engine = descent.engine_name();
    settings.engine_changed(engine, time);
  };
  tell_engine(descent.time());
  const DescentObservers observers{
      .record = [&](const TrainingState& state) { summary.last = recorder.record(state, descent); },
      .pulse =
          [&](const LogTime& time) {
            recorder.checkpoint_if_due(descent);
            tell_engine(time);
            return !settings.pulse || settings.pulse(time);
          },
      .needs_weights = false};
  summary.outcome = descent.run(schedule, observers, recorded);
  summary.engine = descent.engine_name();
  recorder.finish(descent, summary.outcome);  // first, so that a kill from here on costs no step
  if (descent.flow() && summary.outcome.reason != StopReason::interrupted) {
    summary.limit = solve_run_limit(descent, data.x, settings);
    if (summary.limit) {
      recorder.finish(descent, summary.outcome, &*summary.limit);
    } else {
      summary.outcome = {StopReason::interrupted, descent.time(), "stopped on request"};
      recorder.finish(descent, summary.outcome);
    }
  }
  summary.records = recorder.records();
  summary.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  summary.measuring_seconds = recorder.seconds_spent();
  return summary;
}

}  // namespace latetime
