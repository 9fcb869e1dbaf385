#include "latetime/dynamics/descent.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>

#include "latetime/base/error.hpp"
#include "latetime/dynamics/limit.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

using Clock = std::chrono::steady_clock;

// How long a run goes on between two calls of `pulse`.
constexpr std::chrono::milliseconds pulse_period{30};

// A flow whose log loss has fallen by less than this is asked at its end whether its samples are
// separated, unless it ends early, when activations may still change.
constexpr double least_flow_fall = 0.5;
constexpr std::uint64_t steps_before_verdict = 100'000;

// Rounding that has come to more than that goes on to grow.
constexpr double more_than_rounding = 2e-10;

/// What a checkpoint holds of the hand-over, beside its looks: the row /engine/flow of result.h5.
struct FlowCheckpoint {
  bool taken_over = false;
  double error = 0.0;  ///< of log loss and stable ranks at the hand-over
  FlowOptions options;
  std::uint64_t looked_at = 0;  ///< step of the last look

  Matrix row() const {
    Matrix result(1, 5);
    result << (taken_over ? 1.0 : 0.0), error, options.preactivation_error, options.event_error,
        static_cast<double>(looked_at);
    return result;
  }
  static FlowCheckpoint of(const Matrix& row) {
    return {.taken_over = row(0, 0) != 0.0,
            .error = row(0, 1),
            .options = {.preactivation_error = row(0, 2), .event_error = row(0, 3)},
            .looked_at = static_cast<std::uint64_t>(row(0, 4))};
  }
};

std::string overflow_of(const Problem& problem) {
  if (problem.loss == exponential) {
    return "the exponential loss blew up: the multipliers e^-u of negative margins u have no "
           "bound, and the network's outputs overflowed; lower descent.learning_rate or "
           "network.init_std, or take descent.loss = \"logistic\"";
  }
  return "the network's outputs overflowed; the data or the learning rate are far too large";
}

Outcome failed(FlowStatus status, const LogTime& time) {
  if (status == FlowStatus::interrupted) return {StopReason::interrupted, time, explain(status)};
  return {StopReason::flow_failed, time, explain(status)};
}

}  // namespace

Descent::Descent(const Problem& problem, const DescentOptions& options)
    : problem_(problem),
      options_(options),
      plan_(plan_engines(options, problem.samples(), problem.shape())),
      exact_(problem, options, plan_) {
  require_named(problem.loss, "Descent");
  if (!plan_.hand_over && options.method != Method::flow) return;
  const Samples& x = problem.data.x;
  flow_problem_.emplace(problem);
  beyond_ = std::make_shared<const WeightsBeyond>(problem.initial.weights, x);
  if (options.method == Method::flow) {
    begin_gradient_flow();
    return;
  }
  hand_over_ = std::make_unique<HandOver>(
      *flow_problem_, preactivations(problem.initial.weights, x), beyond_,
      discrepancy_of(options, problem),
      HandOver::Options{
          .tolerance = options.tolerance,
          .forced = plan_.forced_flow,
          .most_steps = exact_.shadowed() ? most_shadowed_steps(plan_) : plan_.most_exact_steps});
}

EngineKind Descent::engine() const {
  return late_ ? EngineKind::flow : exact_.engine();
}

LogTime Descent::time() const {
  return late_ ? late_->time() : LogTime(exact_.step());
}

TrainingState Descent::state(bool with_weights, bool with_error) const {
  return late_ ? late_->state(with_weights, with_error) : exact_.state(with_weights);
}

EngineMemory Descent::memory() const {
  EngineMemory memory = exact_.memory();
  add_flow_to(memory);
  return memory;
}

/// Exact engines store what they step on with; a flow is followed again from where it began.
void Descent::add_flow_to(EngineMemory& memory) const {
  if (!hand_over_) return;
  memory.arrays["look_steps"] = hand_over_->look_steps();
  memory.arrays["look_coefficients"] = hand_over_->look_coefficients();
  memory.arrays["flow"] = FlowCheckpoint{.taken_over = late_ != nullptr,
                                         .error = flow_error_,
                                         .options = flow_options_,
                                         .looked_at = looked_at_}
                              .row();
}

EngineMemory Descent::memory_pattern(const std::function<bool(const std::string&)>& stored) {
  EngineMemory pattern = exact_.memory_pattern(stored);
  add_flow_to(pattern);
  return pattern;
}

void Descent::restore(const EngineMemory& memory) {
  exact_.restore(memory);
  late_.reset();
  if (options_.method == Method::flow) begin_gradient_flow();
  if (!hand_over_) return;
  hand_over_->restore(memory.arrays.at("look_steps"), memory.arrays.at("look_coefficients"));
  const FlowCheckpoint flow = FlowCheckpoint::of(memory.arrays.at("flow"));
  looked_at_ = flow.looked_at;
  if (flow.taken_over) {
    const FlowStart start = flow_start();
    if (!start.coefficients.allFinite() || !start.preactivations.allFinite()) {
      throw InputError(
          "result.h5",
          "/engine holds numbers that are not finite, where the late-time flow begins; "
          "it is damaged, run anew into another folder");
    }
    begin_flow(start, flow.error, exact_.state(false).error_estimate, flow.options);
  }
}

void Descent::clear_switched() {
  late_ ? late_->clear_switched() : exact_.clear_switched();
}

FlowStart Descent::flow_start() const {
  return hand_over_->start(exact_.step(), exact_.coefficients());
}

/// A flow from the present state of the exact engine, which is off by `exact_error`, part of
/// `error`.
void Descent::begin_flow(const FlowStart& start, double error, double exact_error,
                         const FlowOptions& flow_options) {
  const double rounding = exact_error > more_than_rounding ? exact_error : 0.0;
  flow_error_ = error;
  flow_options_ = flow_options;
  late_ = std::make_unique<LateRun>(
      *flow_problem_, problem_.data, problem_.initial,
      LateRun::Start{start, flow_options, exact_.step(), error, rounding, beyond_});
  flow_start_loss_ = late_->flow().log_loss();
}

void Descent::begin_gradient_flow() {
  FlowOptions flow_options;
  flow_options.of_descent = false;
  flow_options.preactivation_error = 1e-10;  // of the integration
  const FlowStart start{0.0, Matrix::Zero(problem_.neurons(), problem_.samples()),
                        preactivations(problem_.initial.weights, problem_.data.x)};
  late_ =
      std::make_unique<LateRun>(*flow_problem_, problem_.data, problem_.initial,
                                LateRun::Start{start, flow_options, LogTime(), 0.0, 0.0, beyond_});
  flow_start_loss_ = late_->flow().log_loss();
}

LateFlow Descent::flow_from_here() const {
  const TrainingState here = state(false);
  const bool of_descent = options_.method != Method::flow;
  const double log_time = std::max(0.0, flow_log_time(here.time, of_descent));
  const FlowProblem problem(problem_);
  return {problem,
          {log_time, here.coefficients, here.preactivations},
          options_to_limit(problem, of_descent)};
}

/// Exact steps up to `target`, the pulse now and then.
std::optional<Outcome> Descent::step_to(std::uint64_t target, const DescentObservers& observers) {
  while (exact_.step() < target) {
    const auto start = Clock::now();
    const std::uint64_t steps = std::min(chunk_, target - exact_.step());
    exact_.advance(steps);
    const auto spent = Clock::now() - start;
    // Chunks only pace the calls of `pulse`; the engines step alike however they are chunked.
    if (spent < pulse_period / 2 && steps == chunk_) chunk_ *= 2;
    if (spent > pulse_period * 2 && chunk_ > 1) chunk_ /= 2;
    if (!exact_.finite()) {
      return Outcome{StopReason::not_finite, time(), overflow_of(problem_)};
    }
    if (observers.pulse && !observers.pulse(time())) {
      return Outcome{StopReason::interrupted, time(), "stopped on request"};
    }
  }
  return std::nullopt;
}

/// Whether the flow, at that log loss, has not come far below where it began or no longer falls.
bool Descent::hardly_falls(double log_loss) const {
  return log_loss > flow_start_loss_ - least_flow_fall ||
         -std::log(10.0) * late_->flow().log_loss_speed() < least_fall_of_a_decade;
}

std::optional<Outcome> Descent::flow_to(const LogTime& target, const DescentObservers& observers) {
  auto next_pulse = Clock::now();
  const FlowStatus status = late_->advance_to(target, [&](const LogTime& reached) {
    if (!observers.pulse || Clock::now() < next_pulse) return true;
    next_pulse = Clock::now() + pulse_period;
    return observers.pulse(reached);
  });
  if (status == FlowStatus::reached) return std::nullopt;
  if (status != FlowStatus::interrupted && status != FlowStatus::not_finite) {
    const double loss = late_->flow().log_loss();
    const Outcome outcome = not_separated(late_->flow(), time(), loss);
    if (outcome.reason == StopReason::not_separated) return outcome;
    if (hardly_falls(loss)) {
      return not_separated_so_far(time(), loss, options_.method != Method::flow);
    }
  }
  return failed(status, time());
}

/// Asks at the present step whether the flow may take over.
std::optional<Outcome> Descent::look(const DescentObservers& observers) {
  const HandOver::Decision decision = hand_over_->look(exact_.step(), exact_.coefficients(), [&] {
    return !observers.pulse || observers.pulse(time());
  });
  if (decision == HandOver::Decision::interrupted) {
    return Outcome{StopReason::interrupted, time(), "stopped on request"};
  }
  looked_at_ = exact_.step();  // not before: a checkpoint may be written at a pulse
  if (decision == HandOver::Decision::give_up) return hand_over_->outcome();
  if (decision == HandOver::Decision::leave) {
    const double exact_error = state(false).error_estimate;
    begin_flow(flow_start(), hand_over_->error() + exact_error, exact_error,
               hand_over_->flow_options());
  }
  return std::nullopt;
}

/// An outcome when the run must end before `target`.
std::optional<Outcome> Descent::advance_to(const LogTime& target,
                                           const DescentObservers& observers) {
  while (!late_ && time() < target) {
    std::uint64_t stop = target.step().value_or(LogTime::largest_step);
    if (hand_over_) {
      if (exact_.step() > looked_at_ && HandOver::next_look(exact_.step() - 1) == exact_.step()) {
        if (auto outcome = look(observers)) return outcome;
        continue;
      }
      stop = std::min(stop, HandOver::next_look(exact_.step()));
    }
    if (auto outcome = step_to(stop, observers)) return outcome;
  }
  return late_ ? flow_to(target, observers) : std::nullopt;
}

Outcome Descent::run(std::span<const LogTime> record_at, const DescentObservers& observers,
                     std::span<const LogTime> recorded) {
  if (late_ && !recorded.empty() && recorded.back() > late_->time()) {
    const FlowStatus status = late_->advance_to(recorded.back());
    if (status != FlowStatus::reached) return failed(status, time());
    clear_switched();
  }
  for (const LogTime& target : record_at) {
    if (target < time()) continue;
    if (auto outcome = advance_to(target, observers)) return *outcome;
    const bool with_error = observers.needs_errors || target == record_at.back();
    const TrainingState here = state(observers.needs_weights, with_error);
    clear_switched();  // first, so that a checkpoint written by the observer starts the new
                       // interval
    observers.record(here);
  }
  return end();
}

/// How a run ended that went as far as it should: a flow may have followed samples whose loss
/// stays.
Outcome Descent::end() const {
  if (late_ && time() > LogTime(steps_before_verdict)) {
    const double loss = late_->flow().log_loss();
    if (hardly_falls(loss)) {
      const Outcome outcome = not_separated(late_->flow(), time(), loss);
      if (outcome.reason == StopReason::not_separated) return outcome;
    }
  }
  return {StopReason::reached_end, time(), ""};
}

}  // namespace latetime
