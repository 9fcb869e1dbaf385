#include "latetime/experiment/run.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/experiment/recorder.hpp"
#include "latetime/experiment/training_run.hpp"
#include "latetime/model/loss.hpp"
#include "latetime/store/training_folder.hpp"

namespace latetime {
namespace {

void require_same_configuration(const RunConfig& earlier, const RunConfig& now,
                                const std::string& where) {
  const std::string key = first_difference(earlier, now);
  if (key.empty()) return;
  throw InputError(where, fmt::format("was begun with another {}; resume with the same "
                                      "configuration, or name another folder",
                                      key));
}

/// Where a run goes, and what an earlier part of it left there.
struct Place {
  RunSink sink;
  std::unique_ptr<ArrayReader> earlier = nullptr;
};

std::size_t record_count(const ArrayReader& result) {
  return result.shape("/records/engine").at(0);
}

Place place_in_directory(const RunConfig& config, const std::string& out, bool resume) {
  refuse_training(out);
  const RunDirectory directory = prepare_directory(config, out, resume, metrics_columns());
  Place place{.sink = sink_into(directory)};
  if (resume) {
    if (auto result = directory.read_result()) {
      place.earlier = std::make_unique<Hdf5Reader>(std::move(*result));
    }
  }
  directory.keep_rows(place.earlier ? record_count(*place.earlier) : 0);
  return place;
}

Place place_in_memory(const RunConfig& config, RunMemory& memory, bool resume) {
  Place place{.sink = sink_into(memory)};
  if (resume && !memory.arrays.entries().empty()) {
    require_same_configuration(parse_config(memory.config, "the earlier part", "."),
                               parse_config(to_toml(config), "this part", "."), "the run");
    place.earlier = std::make_unique<ArrayArchive>(std::move(memory.arrays));
    memory.metrics.rows.resize(record_count(*place.earlier));
  } else {
    memory.metrics.rows.clear();
  }
  memory.config = to_toml(config);
  memory.metrics.columns = metrics_columns();
  return place;
}

/// The limit t = ∞ of a descent that a late-time flow follows; nothing when it was asked to stop.
std::optional<LimitReport> solve_run_limit(const Descent& descent, const Samples& x,
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
  // Both as read from there: the configuration of own arrays names files of the folder itself.
  require_same_configuration(
      parse_config(directory.config_text(), directory.file("config.toml"), out),
      parse_config(to_toml(config), "this configuration", out), out);
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

namespace {

/// Everything is checked before `make_place` is called.
RunSummary carry_out(const RunProblem& problem, const std::function<Place()>& make_place,
                     const RunSettings& settings) {
  using Clock = std::chrono::steady_clock;
  const auto& [config, data, initial] = problem;
  const Measurer measurer(data, initial);
  DescentOptions options = descent_options(config, data.size(), settings.threads);
  options.discrepancy = largest_difference(measurer, data);
  Descent descent(data, initial, options);
  std::vector<LogTime> schedule = recorded_steps(config, data.size());
  const Place place = make_place();
  Recorder recorder(config, data, initial, place.sink, schedule.size(), settings.threads);
  std::vector<LogTime> recorded;
  if (place.earlier) recorder.take_over(*place.earlier, descent);
  if (recorder.records() > 0) {
    const auto rest = std::upper_bound(schedule.begin(), schedule.end(), recorder.last_recorded());
    recorded.assign(schedule.begin(), rest);
    schedule.erase(schedule.begin(), rest);
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
  const auto record = [&](const TrainingState& state) {
    summary.last = recorder.record(state, descent);
    if (settings.recorded) settings.recorded(state, summary.last);
  };
  const auto pulse = [&](const LogTime& time) {
    recorder.checkpoint_if_due(descent);
    tell_engine(time);
    return !settings.pulse || settings.pulse(time);
  };
  const DescentObservers observers{.record = record, .pulse = pulse, .needs_weights = false};
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

}  // namespace

RunProblem load_problem(const RunConfig& config) {
  require_paper_network(config);
  Dataset data = load_data(config);
  Network initial = load_network(config, data);
  return {config, std::move(data), std::move(initial)};
}

RunSummary carry_out_run(const RunConfig& config, const std::string& out,
                         const RunSettings& settings) {
  return carry_out_run(load_problem(config), out, settings);
}

RunSummary carry_out_run(const RunProblem& problem, const std::string& out,
                         const RunSettings& settings) {
  return carry_out(
      problem, [&] { return place_in_directory(problem.config, out, settings.resume); }, settings);
}

RunSummary carry_out_run(const RunProblem& problem, RunMemory& memory,
                         const RunSettings& settings) {
  return carry_out(
      problem, [&] { return place_in_memory(problem.config, memory, settings.resume); }, settings);
}

}  // namespace latetime
