#include "latetime/theory/observe.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/dynamics/schedule.hpp"
#include "latetime/dynamics/weights_beyond.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

/// Why step-by-step claims have nothing to look at; empty when they do.
std::string no_steps_reason(const ClaimSetting& setting) {
  switch (setting.descent) {
    case ClaimDescent::gradient_descent:
      return "";
    case ClaimDescent::mini_batches:
      return "mini-batches: the paper's step (3.2) takes the full batch";
    case ClaimDescent::gradient_flow:
      return "gradient flow takes no steps";
  }
  return "";
}

/// Why a limit is not to be relied on for statements about all late times; empty: it is.
std::string doubts(const Limit& limit, const LateAccount& late) {
  if (limit.status != LimitStatus::found) {
    return fmt::format("the limit is {}: {}", word_of(limit.status), limit.message);
  }
  if (!limit.settled) {
    return "the flow has not come near its limit" +
           (limit.message.empty() ? "" : " (" + limit.message + ")");
  }
  if (late.undecided_events > 0) {
    return fmt::format("{} events of the late-time flow were closer than its error",
                       late.undecided_events);
  }
  return "";
}

std::array<StableRank, 3> of_two_classes(const std::vector<StableRank>& ranks) {
  return {ranks[0], ranks[1], ranks[2]};
}

Snapshot snapshot_of_flow(const LateFlow& flow, const Measurer& measurer,
                          const WeightsBeyond& beyond) {
  FlowStart here = flow.state();
  TrainingState state;
  state.coefficients = here.coefficients;
  state.only_hops = flow.only_hops(here.preactivations, beyond);
  return {.time = LogTime::from_log(flow.log_time()),
          .exact = false,
          .coefficients = std::move(here.coefficients),
          .preactivations = std::move(here.preactivations),
          .log_loss = flow.log_loss(),
          .stable_ranks = of_two_classes(measurer.stable_ranks(state, measurer.inside(state))),
          .sliding_pairs = flow.sliding_pairs()};
}

void note_outcome(const Outcome& outcome, RunTrace& run) {
  if (outcome.reason == StopReason::reached_end) return;
  run.outcome = fmt::format("the run stopped at {}: {}", decades_text(outcome.time),
                            outcome.message.empty() ? word_of(outcome.reason) : outcome.message);
}

/// Books what a run's own flow has met, and what was counted before it.
void note_flow(const Descent& descent, const ClaimSetting& setting, LateAccount& late) {
  if (!descent.flow()) return;
  const EngineMemory exact = descent.memory();
  late.reached = true;
  late.from = LogTime(exact.step);
  late.counted = exact.switches;
  if (exact.switches.counted) {
    late.initial_changed = has_initial_pair(setting, exact.switched_since_record);
  }
  late.until = descent.time();
  late.undecided_events = descent.flow()->undecided();
  for (const FlowEvent& event : descent.events()) {
    late.add(event, setting);
  }
}

}  // namespace

StepAccount watch_steps(const ClaimSetting& setting, std::uint64_t last,
                        const ObserveOptions& options) {
  StepWatch watch(setting);
  if (const std::string reason = no_steps_reason(setting); !reason.empty()) {
    watch.give_up(reason);
    return watch.account();
  }
  const double pairs = static_cast<double>(setting.neurons()) * static_cast<double>(setting.n());
  const auto most =
      std::min({last, options.most_steps, static_cast<std::uint64_t>(options.most_pairs / pairs)});
  const double work = 4.0 * pairs * static_cast<double>(setting.d());
  const auto dense_steps = std::min({most, options.most_weight_steps,
                                     static_cast<std::uint64_t>(options.most_weight_work / work)});
  DenseEngine dense(setting.problem, 0, 1, 1);
  for (std::uint64_t step = 0; step <= dense_steps; ++step) {
    if (step > 0) dense.advance(1);
    if (!dense.finite() || !options.goes_on()) break;
    const TrainingState state = dense.state();
    watch.look(step, state.coefficients, state.preactivations, state.weights);
    if (most == dense_steps && options.on_step) options.on_step(step, state.coefficients);
  }
  if (most == dense_steps) return watch.account();
  CoefficientEngine engine(setting.problem, 1);
  StepWatch by_coefficients(setting);
  for (std::uint64_t step = 0; step <= most; ++step) {
    if (step > 0) engine.advance(1);
    if (!engine.finite() || !options.goes_on()) break;
    const TrainingState state = engine.state(false);
    by_coefficients.look(step, state.coefficients, state.preactivations);
    if (options.on_step) options.on_step(step, state.coefficients);
  }
  StepAccount account = by_coefficients.account();
  account.weights = watch.account().weights;
  account.weight_steps = watch.account().weight_steps;
  account.update.add(watch.account().update);
  return account;
}

Snapshot take_snapshot(const TrainingState& state, bool exact, const ClaimSetting& setting,
                       const Measurer& measurer) {
  Vector margins = margins_of(setting, state.preactivations);
  if (state.margin_offset.size() > 0) margins += state.margin_offset;
  return {.time = state.time,
          .exact = exact,
          .coefficients = state.coefficients,
          .preactivations = state.preactivations,
          .log_loss = log_mean_loss(margins, setting.problem.loss),
          .stable_ranks = of_two_classes(measurer.stable_ranks(state, measurer.inside(state))),
          .error_estimate = state.error_estimate,
          .sliding_pairs = state.sliding_pairs,
          .switches = state.switches,
          .initial_changed = state.switches.counted ? std::optional(has_initial_pair(
                                                          setting, state.switched_since_record))
                                                    : std::nullopt};
}

void follow_late(LateFlow& flow, const Measurer& measurer, const ObserveOptions& options,
                 RunTrace& run) {
  flow.on_event = [&run](const FlowEvent& event) { run.late.add(event, run.setting); };
  const auto keep_going = [&options](double) { return options.goes_on(); };
  const double end = options.last_decade * std::log(10.0);
  const WeightsBeyond beyond(run.setting.problem.initial.weights, run.setting.problem.data.x);
  const std::uint64_t undecided_before = run.late.undecided_events;
  const double factor = std::pow(10.0, 0.125);
  FlowStatus status = FlowStatus::reached;
  while (flow.log_time() < end && status == FlowStatus::reached) {
    double next = std::max(flow.log_time() * factor, flow.log_time() + 1.0);
    if (next > 0.99 * end) next = end;  // no last step so short that it shows rounding
    status = flow.advance_to(next, keep_going);
    if (status == FlowStatus::reached)
      run.snapshots.push_back(snapshot_of_flow(flow, measurer, beyond));
  }
  run.late.until = LogTime::from_log(flow.log_time());
  std::optional<Limit> here;  // a flow that has come to its limit need not go on
  if (status != FlowStatus::reached && status != FlowStatus::interrupted) {
    here = follow_to_limit(flow, 0.0, keep_going);
    if (here->status != LimitStatus::found || !here->settled) here.reset();
  }
  if (here) {
    run.limit = std::move(here);
  } else if (status != FlowStatus::reached) {
    run.late.problem = fmt::format("the late-time flow stopped at t = {}: {}",
                                   decades_text(run.late.until), explain(status));
    run.limit_problem = run.late.problem;
  } else {
    run.limit = follow_to_limit(flow, std::max(1e6, options.last_decade), keep_going);
  }
  run.late.undecided_events = undecided_before + flow.undecided();
  if (run.limit) run.limit_problem = doubts(*run.limit, run.late);
  flow.on_event = nullptr;
}

std::vector<LogTime> snapshot_times(const LogTime& until) {
  const LogTime whole = std::min(until, LogTime::from_log10(15.0));
  std::vector<LogTime> times = record_steps(whole, 4, {});
  const double factor = std::pow(10.0, 0.125);
  for (double log = times.back().log(); times.back() < until;) {
    log *= factor;
    times.push_back(log > 0.99 * until.log() ? until : LogTime::from_log(log));
  }
  return times;
}

std::string late_time_advice(Method method, EngineChoice engine) {
  if (method == Method::stochastic) {
    return "choose descent.method = \"gd\" and descent.until = \"1e100\", without epochs and "
           "batch_size (method \"sgd\" takes every step)";
  }
  if (engine != EngineChoice::automatic) {
    return "choose descent.engine = \"auto\" and descent.until = \"1e100\"";
  }
  return "choose descent.until = \"1e100\"";
}

RunTrace observe_run(const ClaimSetting& setting, const DescentOptions& options,
                     const ObserveOptions& how) {
  RunTrace run{.setting = setting};
  run.steps = watch_steps(run.setting, options.until.step().value_or(LogTime::largest_step), how);
  const Measurer measurer(setting.problem.data, setting.problem.initial, setting.problem.loss);
  Descent descent(setting.problem, options);
  const DescentObservers observers{
      .record =
          [&](const TrainingState& state) {
            run.snapshots.push_back(take_snapshot(state, !descent.flow(), run.setting, measurer));
          },
      .pulse = [&](const LogTime&) { return how.goes_on(); },
      .needs_weights = false};
  const Outcome outcome = descent.run(snapshot_times(options.until), observers);
  note_outcome(outcome, run);
  note_flow(descent, run.setting, run.late);
  if (descent.flow() && outcome.reason == StopReason::reached_end) {
    LateFlow flow = descent.flow_from_here();
    follow_late(flow, measurer, how, run);
  } else {
    run.late.problem = !run.outcome.empty()
                           ? run.outcome
                           : fmt::format("the run ends at step {}, before late time; {}",
                                         decades_text(outcome.time),
                                         late_time_advice(options.method, options.engine));
  }
  return run;
}

}  // namespace latetime
