#include "latetime/experiment/claim_check.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/dynamics/late_run.hpp"
#include "latetime/experiment/proved_claims.hpp"
#include "latetime/experiment/recorder.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/experiment/sample_scale.hpp"
#include "latetime/experiment/stored_run.hpp"
#include "latetime/store/problem_seal.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime {
namespace {

// Records of a stored run that are looked at, evenly thinned; each costs a stable rank or so.
constexpr std::size_t most_records_looked_at = 160;

// Steps taken again give the stored coefficients to rounding; engines may differ in theirs.
constexpr double same_coefficients = 1e-8;

ClaimDescent claim_descent(const RunConfig& config, Eigen::Index n) {
  if (takes_mini_batches(config, n)) return ClaimDescent::mini_batches;
  return config.descent.method == Method::flow ? ClaimDescent::gradient_flow
                                               : ClaimDescent::gradient_descent;
}

/// σ0: as configured; of weights from a file, the root mean square of the entries.
double initial_std(const RunConfig& config, const Network& initial) {
  if (config.network.initial_weights.empty()) return config.network.init_std;
  return initial.weights.norm() / std::sqrt(static_cast<double>(initial.weights.size()));
}

ClaimSetting setting_of(const RunConfig& config, const Dataset& data, const Network& initial,
                        const ClaimThresholds& thresholds) {
  if (initial.shape.smoothing > 0.0) {
    throw InputError("network.smoothing",
                     "the paper's results are about ReLU and leaky ReLU, this run's activation is "
                     "smoothed; check a run with network.smoothing = 0");
  }
  return ClaimSetting(
      {data, initial, config.descent.learning_rate, loss_named(config.descent.loss)},
      claim_descent(config, data.size()), initial_std(config, initial), thresholds);
}

ClaimReport report_of(const RunTrace& run, const RunConfig& config, const std::string& source) {
  ClaimReport report;
  report.source = source;
  report.claims = check_claims(run);
  const ClaimSetting& s = run.setting;
  report.n = s.n();
  report.d = s.d();
  report.width = s.width();
  report.slope = s.slope();
  report.learning_rate = s.problem.learning_rate;
  report.init_std = s.init_std;
  report.method = config.descent.method;
  report.loss = config.descent.loss;
  report.thresholds = s.thresholds;
  report.steps = run.steps.looked ? run.steps.last : 0;
  report.steps_problem = run.steps.problem;
  report.snapshots = run.snapshots.size();
  if (!run.snapshots.empty()) report.until = run.snapshots.back().time;
  report.late = run.late.reached;
  if (!run.sure_limit()) report.late_problem = run.no_limit_reason();
  if (config.descent.loss != LossName::logistic) {
    report.notes.push_back(
        fmt::format("the paper's loss is the logistic one, this run's the {} "
                    "loss: no claim's hypotheses are met",
                    text_of(config.descent.loss)));
  }
  if (!config.network.initial_weights.empty()) {
    report.notes.push_back("sigma0 is the root mean square of the initial weights in the file");
  }
  if (config.descent.method == Method::stochastic && !takes_mini_batches(config, s.n())) {
    report.notes.push_back(
        fmt::format("batches of {} hold all {} samples: every step is one of the full batch",
                    config.descent.batch_size, s.n()));
  }
  return report;
}

/// How a stored run that ended before late time gets there. Only a run whose engines looked for a
/// hand-over from the start has stored what going on to late time needs.
std::string way_to_late_time(const StoredRun& run) {
  const DescentOptions options = descent_options(run.config(), run.data().size(), 1);
  const EnginePlan plan = plan_engines(options, run.data().size(), run.shape());
  if (plan.hand_over) return "go on with run --resume --set descent.until=1e100";
  return "run a copy of config.toml into another folder; there " +
         late_time_advice(options.method, options.engine);
}

/// Which records of a stored run are looked at: evenly many, the last one included.
std::vector<std::size_t> thinned(std::size_t records) {
  const std::size_t stride = (records + most_records_looked_at - 1) / most_records_looked_at;
  std::vector<std::size_t> chosen;
  for (std::size_t at = 0; at < records; at += std::max<std::size_t>(stride, 1)) {
    chosen.push_back(at);
  }
  if (!chosen.empty() && chosen.back() + 1 != records) chosen.push_back(records - 1);
  return chosen;
}

std::uint64_t whole(double value) {
  return value > 0.0 ? static_cast<std::uint64_t>(std::min(value, 0x1p62)) : 0;
}

/// The records of a run as snapshots; none when their coefficients were not kept.
std::vector<Snapshot> stored_snapshots(const StoredRun& run, const ClaimSetting& setting) {
  std::vector<Snapshot> snapshots;
  if (!run.keeps_coefficients()) return snapshots;
  const auto times = run.record_times();
  const auto engines = run.record_engines();
  const auto coefficients = run.record_coefficients();
  const auto loss = run.column("log_loss"), error = run.column("error_estimate"),
             sliding = run.column("sliding_pairs"), own = run.column("last_own_switch"),
             other = run.column("last_other_switch"), norms = run.column("norm_w");
  const char* parts[] = {"pos", "neg", "all"};
  std::array<std::vector<double>, 3> ranks, excesses;
  for (std::size_t part = 0; part < 3; ++part) {
    ranks[part] = run.column(std::string("stable_rank_") + parts[part]);
    excesses[part] = run.column(std::string("stable_rank_excess_") + parts[part]);
  }
  for (const std::size_t at : thinned(times.size())) {
    Snapshot snapshot{.time = times[at],
                      .exact = engines[at] != EngineKind::flow,
                      .coefficients = coefficients[at],
                      .preactivations = setting.initial_z + coefficients[at] * setting.gram,
                      .derived = true,
                      .norm_w = norms[at],
                      .log_loss = loss[at],
                      .error_estimate = error[at],
                      .sliding_pairs = static_cast<Eigen::Index>(whole(sliding[at]))};
    for (std::size_t part = 0; part < 3; ++part) {
      snapshot.stable_ranks[part] = {ranks[part][at], excesses[part][at]};
    }
    snapshot.switches.counted = !std::isnan(own[at]);
    snapshot.switches.last_own_step = whole(own[at]);
    snapshot.switches.last_other_step = whole(other[at]);
    snapshots.push_back(std::move(snapshot));
  }
  if (!snapshots.empty() && snapshots.back().time == run.final_time()) {
    snapshots.back().preactivations = run.pairs(run.last().preactivations);
    snapshots.back().derived = false;
  }
  return snapshots;
}

/// Steps taken again, with a comparison of what they come to at the stored records.
StepAccount steps_taken_again(const StoredRun& stored, const std::vector<Snapshot>& snapshots,
                              const ClaimSetting& setting, ObserveOptions options) {
  std::string difference;
  options.on_step = [&](std::uint64_t step, const Matrix& coefficients) {
    const auto found = std::lower_bound(
        snapshots.begin(), snapshots.end(), LogTime(step),
        [](const Snapshot& snapshot, const LogTime& time) { return snapshot.time < time; });
    if (found == snapshots.end() || found->time != LogTime(step) || !difference.empty()) return;
    const double scale = std::max(1e-12, found->coefficients.cwiseAbs().maxCoeff());
    const double off = (coefficients - found->coefficients).cwiseAbs().maxCoeff();
    if (off <= same_coefficients * scale) return;
    difference = fmt::format(
        "the steps taken again do not lead to the stored coefficients at step {}", step);
  };
  const LogTime last = stored.final_time();
  StepAccount steps = watch_steps(setting, last.step().value_or(LogTime::largest_step), options);
  if (difference.empty()) return steps;
  StepAccount nothing;
  nothing.problem = difference;
  return nothing;
}

/// Books the events that the run's own flow met.
void add_stored_events(const StoredRun& stored, RunTrace& run) {
  if (!has_group<StoredEvents>(stored.file())) return;
  const auto events = stored.read<StoredEvents>();
  for (std::size_t e = 0; e < events.log10_t.size(); ++e) {
    // Compared before they are signed: a number beyond 2^63 would be a negative place.
    if (events.neurons[e] >= static_cast<std::uint64_t>(run.setting.width()) ||
        events.samples[e] >= static_cast<std::uint64_t>(run.setting.n())) {
      throw InputError(stored.path(),
                       "/events names a neuron or a sample that the run does not have; run again");
    }
    const auto neuron = static_cast<Eigen::Index>(events.classes[e]) * run.setting.width() +
                        static_cast<Eigen::Index>(events.neurons[e]);
    const auto sample = static_cast<Eigen::Index>(events.samples[e]);
    run.late.add({.log_time = events.log10_t[e] * std::log(10.0),
                  .neuron = neuron,
                  .sample = sample,
                  .cause = {},
                  .decided = events.decided[e] != 0},
                 run.setting);
  }
}

/// Books what the stored records tell of the late time, and follows the run on.
void continue_late(const StoredRun& stored, const Measurer& measurer, const ObserveOptions& options,
                   RunTrace& run) {
  const bool of_descent = run.setting.descent != ClaimDescent::gradient_flow;
  const LogTime last = stored.final_time();
  run.late.reached = true;
  run.late.until = last;
  run.late.from = LogTime(stored.engine_step());
  run.late.counted = read_switch_counts(stored.file(), stored.path());
  add_stored_events(stored, run);
  const auto undecided = stored.column("undecided_events");
  run.late.undecided_events = undecided.empty() ? 0 : whole(undecided.back());
  const FlowProblem problem(run.setting.problem);
  const FlowStart start{std::max(0.0, flow_log_time(last, of_descent)),
                        stored.pairs(stored.last().coefficients),
                        stored.pairs(stored.last().preactivations)};
  LateFlow flow(problem, start, options_to_limit(problem, of_descent));
  follow_late(flow, measurer, options, run);
}

void require_possible(const ClaimThresholds& thresholds) {
  const auto require = [](const char* name, double value, bool possible, const char* range) {
    if (possible) return;  // which NaN never is
    throw InputError(name,
                     fmt::format("{} is not possible; it must be {}", shortest(value), range));
  };
  const double delta = thresholds.failure_probability, large = thresholds.large,
               moderate = thresholds.moderate;
  require("delta", delta, delta >= 1e-12 && delta <= 0.999, "at least 1e-12 and at most 0.999");
  require("large", large, large > 0.0 && std::isfinite(large), "greater than 0 and finite");
  require("moderate", moderate, moderate >= 1.0 && moderate <= 1e12, "at least 1 and at most 1e12");
}

/// Of a run whose folder, or arrays, are sound.
ClaimReport check_stored(const StoredRun& stored, const std::string& source,
                         const CheckSettings& settings, const std::vector<ProvedClaim>& proved) {
  require_two_classes(stored.data(), source, "the paper's claims are");
  const Network initial = stored.initial();
  RunTrace run{.setting = setting_of(stored.config(), stored.data(), initial, settings.thresholds)};
  run.snapshots = stored_snapshots(stored, run.setting);
  run.steps = steps_taken_again(stored, run.snapshots, run.setting, settings.observe);
  const EngineKind engine = stored.engine();
  const auto end = stored.read<RunEnd>();
  const LogTime last = stored.final_time();
  if (end.reason != StopReason::reached_end) {
    run.outcome = fmt::format("the run stopped at t = {}: {}", decades_text(last),
                              end.message.empty() ? word_of(end.reason) : end.message);
  }
  if (engine == EngineKind::flow && run.outcome.empty()) {
    const Measurer measurer(stored.data(), initial, loss_named(stored.config().descent.loss));
    continue_late(stored, measurer, settings.observe, run);
  } else {
    run.late.problem = run.outcome.empty()
                           ? fmt::format("the run ends at step {}, before late time; {}",
                                         decades_text(last), way_to_late_time(stored))
                           : run.outcome;
  }
  ClaimReport report = report_of(run, stored.config(), source);
  enter_proved(proved, report.claims);
  if (run.steps.looked) {
    report.notes.push_back(
        fmt::format("steps are not stored: steps 0 to {} were taken again in "
                    "memory, and lead to the records until there",
                    run.steps.last));
  }
  if (!stored.keeps_coefficients()) {
    report.notes.push_back(
        "the coefficients of the records were too large to be stored: only steps "
        "taken again and times after the run's end were looked at");
  }
  return report;
}

}  // namespace

ClaimReport check_config(const RunConfig& config, const std::string& source,
                         const CheckSettings& settings) {
  require_possible(settings.thresholds);
  const Dataset data = load_two_classes(config, "the paper's claims are");
  require_squares(data.x, "data");
  const Network initial = load_network(config, data);
  const ClaimSetting setting = setting_of(config, data, initial, settings.thresholds);
  const Measurer measurer(data, initial, loss_named(config.descent.loss));
  DescentOptions options = descent_options(config, data.size(), settings.threads);
  options.discrepancy = largest_difference(measurer, data);
  ClaimReport report = report_of(observe_run(setting, options, settings.observe), config, source);
  report.notes.push_back("the run was carried out in memory");
  return report;
}

ClaimReport check_run(const std::string& directory, const CheckSettings& settings) {
  require_possible(settings.thresholds);
  const StoredRun stored(directory);
  read_metrics(RunDirectory::open(directory).file("metrics.csv"));  // a damaged table is refused
  return check_stored(stored, directory, settings,
                      stored_proved_claims(directory, problem_seal(stored.file())));
}

ClaimReport check_arrays(const ArrayReader& arrays, const std::string& source,
                         const CheckSettings& settings, const std::vector<ProvedClaim>& proved) {
  require_possible(settings.thresholds);
  return check_stored(StoredRun(arrays, source), source, settings, proved);
}

std::size_t count_verdicts(const std::vector<Claim>& claims, ClaimVerdict verdict) {
  return static_cast<std::size_t>(std::count_if(
      claims.begin(), claims.end(),
      [verdict](const Claim& claim) { return claim.applies && claim.verdict == verdict; }));
}

}  // namespace latetime
