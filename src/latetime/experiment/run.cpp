#include "latetime/experiment/run.hpp"

#include <chrono>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/experiment/recorder.hpp"

namespace latetime {
namespace {

/// The folder of the run, ready to be written to.
RunDirectory prepare_directory(const RunConfig& config, const std::string& out, bool resume) {
  if (!resume || !RunDirectory::holds_run(out)) {
    return RunDirectory::create(out, to_toml(config), metrics_columns());
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

}  // namespace

RunSummary carry_out_run(const RunConfig& config, const std::string& out,
                         const RunSettings& settings) {
  using Clock = std::chrono::steady_clock;
  const Dataset data = load_data(config);
  const Network initial = load_network(config, data);
  Descent descent(data, initial, descent_options(config, data.size(), settings.threads));
  std::vector<LogTime> schedule = recorded_steps(config, data.size());
  const RunDirectory directory = prepare_directory(config, out, settings.resume);
  Recorder recorder(config, data, initial, directory, schedule.size(), settings.threads);
  if (settings.resume && recorder.take_over(descent)) {
    std::erase_if(schedule, [&](const LogTime& time) {
      return recorder.records() > 0 && time <= recorder.last_recorded();
    });
  } else {
    directory.keep_rows(0);
  }

  const auto start = Clock::now();
  RunSummary summary{.engine = std::string(descent.engine_name()), .first = descent.time()};
  if (settings.started) settings.started(descent.time(), last_time(config, data.size()));
  const DescentObservers observers{
      .record = [&](const TrainingState& state) { summary.last = recorder.record(state, descent); },
      .pulse =
          [&](const LogTime& time) {
            recorder.checkpoint_if_due(descent);
            return !settings.pulse || settings.pulse(time);
          },
      .needs_weights = false};
  summary.outcome = descent.run(schedule, observers);
  recorder.finish(descent, summary.outcome);
  summary.records = recorder.records();
  summary.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  summary.measuring_seconds = recorder.seconds_spent();
  return summary;
}

}  // namespace latetime
