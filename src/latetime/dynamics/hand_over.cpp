#include "latetime/dynamics/hand_over.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "latetime/dynamics/limit.hpp"
#include "latetime/model/blas.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

constexpr int looks_per_decade = 8;
constexpr int looks_per_trial = 4;

// No trial before these steps: what happens at first says little about late times.
constexpr double first_trial = 1e4;
constexpr double first_forced_trial = 1e3;

// The flow's own integration is this accurate, so that no trial is believed beyond it.
constexpr double error_floor = 2e-12;
constexpr double preactivation_floor = 1e-10;

// A flow may be off by this many times what a trial, a few looks of one run, has seen.
constexpr double safety = 4.0;

// A forced flow leaves before the last moment only when it is no further off than this: what it
// does later is then like what the trial saw.
constexpr double early_error = 1e-4;

// A flow further off than this does not follow the descent at all.
constexpr double useless_error = 1e-2;

// What a trial is off by dies like 1/t. One that is off by so many times more at an early look than
// what would die to enough until its end is not followed there: of 233 trials of random problems
// that ended with enough none was off by more than 0.8 times that.
constexpr double hopeless = 10.0;

// Integration steps of a trial: about as long as the exact steps so far took. More mean that
// activations still change too often in log t. Beside a loss that stays, only a flow that needs few
// is worth while.
constexpr std::uint64_t few_trial_steps = 2'000;
std::uint64_t most_trial_steps(std::uint64_t exact_steps) {
  return std::max(few_trial_steps, exact_steps / 16);
}

// Beyond so many margins even those trials take too long, and only the last moment has one.
constexpr Eigen::Index most_margins_at_rest = 24;

// Exact steps go on at least so long before a run is said not to separate its samples.
constexpr double patience_with_loss = 1e5;

int look_number(std::uint64_t step) {
  return static_cast<int>(std::lround(looks_per_decade * std::log10(static_cast<double>(step))));
}

/// The keys with which exact steps go on for a decade or two, that many can be counted.
std::string keys_of_exact_steps(const LogTime& time) {
  const double decade = std::min(15.0, std::ceil(time.log10()) + 1.0);
  return fmt::format("descent.engine = \"coefficient\" and descent.until = \"1e{:.0f}\"", decade);
}

std::uint64_t look_step(int number) {
  return static_cast<std::uint64_t>(
      std::llround(std::pow(10.0, static_cast<double>(number) / looks_per_decade)));
}

}  // namespace

HandOver::HandOver(const FlowProblem& problem, Matrix initial_preactivations,
                   std::shared_ptr<const WeightsBeyond> beyond, Discrepancy discrepancy,
                   const Options& options)
    : problem_(problem),
      initial_preactivations_(std::move(initial_preactivations)),
      beyond_(std::move(beyond)),
      discrepancy_(std::move(discrepancy)),
      options_(options) {}

std::uint64_t HandOver::next_look(std::uint64_t step) {
  int number = 2 * looks_per_decade;
  if (step >= look_step(number)) {
    number = look_number(step);
    while (look_step(number) <= step) ++number;
  }
  return look_step(number);
}

FlowStart HandOver::start(std::uint64_t step, const Matrix& coefficients) const {
  FlowStart start{std::log(static_cast<double>(step)), coefficients, initial_preactivations_};
  add_product(coefficients, problem_.gram, start.preactivations);
  return start;
}

Vector HandOver::margins_of(const Matrix& z) const {
  return problem_.rivals.margins(group_outputs(z, problem_.shape));
}

/// What a trial tells of pre-activations: own-class ones, since they alone decide where a flow goes
/// (while they keep their signs it is that of a convex function, and errors do not grow).
struct HandOver::Trial {
  explicit Trial(Eigen::Index neurons)
      : crossed(static_cast<std::size_t>(neurons), false),
        other_events(static_cast<std::size_t>(neurons), 0.0) {}

  void note(const FlowEvent& event) {
    const auto k = static_cast<std::size_t>(event.neuron);
    if (event.cause == FlowCause::own_crosses) {
      crossed[k] = true;
    } else {
      other_events[k] += std::exp(-event.log_time);
    }
  }

  /// Raises the errors in `options` to those of `off`, neurons × n. Neurons with an own-class
  /// crossing do not count: crossings amplify errors, which the flow books one by one.
  void raise(const FlowProblem& problem, const Matrix& off, FlowOptions& options) const {
    for (Eigen::Index k = 0; k < off.rows(); ++k) {
      const auto index = static_cast<std::size_t>(k);
      if (crossed[index]) continue;
      double worst = 0.0;
      for (Eigen::Index i = 0; i < off.cols(); ++i) {
        if (problem.own(problem.group_of(k), i)) worst = std::max(worst, std::abs(off(k, i)));
      }
      if (other_events[index] == 0.0) {
        options.preactivation_error = std::max(options.preactivation_error, worst);
      } else {
        options.event_error = std::max(options.event_error, worst / other_events[index]);
      }
    }
  }

  bool any_crossed() const {
    return std::find(crossed.begin(), crossed.end(), true) != crossed.end();
  }

  std::vector<bool> crossed;         // neurons with an own-class crossing
  std::vector<double> other_events;  // Σ 1/t over a neuron's other events
};

/// What the pre-activations of a flow, which is `there`, are off by, neurons × n. Fast switching
/// moves them to and fro, but no event by more than a step or two: it is taken out.
Matrix preactivations_off(const LateFlow& flow, const FlowStart& there, const FlowStart& exact) {
  return flow.without_switching(there.preactivations) -
         flow.without_switching(exact.preactivations);
}

/// What pre-activations are off by while no own-class pair crosses: those of a flow that begins
/// anew, at the next look, whenever one does. What a crossing does to all of them is not measured
/// but booked (FlowState::propagate).
class HandOver::BetweenCrossings {
 public:
  explicit BetweenCrossings(const HandOver& hand_over)
      : hand_over_(hand_over), trial_(hand_over.problem_.neurons()) {}

  void begin(const FlowStart& exact) {
    trial_ = Trial(hand_over_.problem_.neurons());
    flow_ = std::make_unique<LateFlow>(hand_over_.problem_, exact,
                                       FlowOptions{.most_steps = few_trial_steps});
    flow_->on_event = [this](const FlowEvent& event) { trial_.note(event); };
  }
  /// Whether it was not interrupted.
  bool follow(const FlowStart& exact, const std::function<bool()>& keep_going,
              FlowOptions& errors) {
    const FlowStatus status =
        flow_->advance_to(exact.log_time, [&](double) { return !keep_going || keep_going(); });
    if (status == FlowStatus::interrupted) return false;
    if (status == FlowStatus::reached && !trial_.any_crossed()) {
      trial_.raise(hand_over_.problem_, preactivations_off(*flow_, flow_->state(), exact), errors);
      seen_ = true;
    } else {
      begin(exact);
    }
    return true;
  }
  bool seen() const { return seen_; }

 private:
  const HandOver& hand_over_;
  Trial trial_;
  std::unique_ptr<LateFlow> flow_;
  bool seen_ = false;
};

/// Largest discrepancy over the last half decade, of a flow started a decade ago. One that turns
/// out beyond `enough`, or so far from it that it will, is not followed further.
double HandOver::try_from_oldest(bool stays, double enough, const std::function<bool()>& keep_going,
                                 FlowStatus& status) {
  constexpr double failed = std::numeric_limits<double>::infinity();
  const std::uint64_t now = looks_.back().step;
  const std::uint64_t most = stays ? few_trial_steps : most_trial_steps(now);
  LateFlow flow = flow_from(looks_.front(), {.most_steps = most});
  // One that could not get there in as many steps is given up before it has taken them.
  const double begin = flow.log_time();
  const double length = std::log(static_cast<double>(now)) - begin;
  bool behind = false;
  const auto go_on = [&](double log_time) {
    behind = flow.steps() > few_trial_steps / 2 &&
             static_cast<double>(flow.steps()) * length >
                 2.0 * static_cast<double>(most) * (log_time - begin);
    return !behind && (!keep_going || keep_going());
  };
  Trial trial(problem_.neurons());
  flow.on_event = [&](const FlowEvent& event) { trial.note(event); };
  FlowOptions seen;
  double worst = 0.0;
  for (std::size_t l = 1; l < looks_.size(); ++l) {
    status = flow.advance_to(std::log(static_cast<double>(looks_[l].step)), go_on);
    if (behind) status = FlowStatus::too_long;
    if (status != FlowStatus::reached) return failed;
    const bool early = l + looks_per_trial < looks_.size();
    if (early && enough == failed) continue;
    const FlowStart exact = start(looks_[l].step, looks_[l].coefficients);
    const FlowStart there = flow.state();
    const double off = discrepancy_(there.coefficients, flow.margins(), exact.coefficients,
                                    margins_of(exact.preactivations),
                                    flow.only_hops(there.preactivations, *beyond_));
    if (early) {
      const double left = static_cast<double>(looks_[l].step) / static_cast<double>(now);
      if (off * left > hopeless * enough) return failed;
      continue;
    }
    worst = std::isfinite(off) ? std::max(worst, off) : failed;
    if (worst > enough) return worst;
    trial.raise(problem_, preactivations_off(flow, there, exact), seen);
  }
  if (!see_between_crossings(keep_going, seen)) {
    status = FlowStatus::interrupted;
    return failed;
  }
  seen.preactivation_error = std::max(seen.preactivation_error, preactivation_floor);
  flow_options_ = seen;
  return worst;
}

/// What pre-activations are off by between crossings, where crossings are booked one by one, in
/// place of what the trial has seen of both. False: interrupted.
bool HandOver::see_between_crossings(const std::function<bool()>& keep_going, FlowOptions& seen) {
  if (problem_.margins() > FlowState::most_margins_of_answer) return true;
  BetweenCrossings calm(*this);
  FlowOptions between;
  calm.begin(start(looks_.front().step, looks_.front().coefficients));
  for (std::size_t l = 1; l < looks_.size(); ++l) {
    const FlowStart exact = start(looks_[l].step, looks_[l].coefficients);
    if (!calm.follow(exact, keep_going, between)) return false;
  }
  if (!calm.seen()) return true;
  seen = between;
  seen.preactivation_error *= safety;
  return true;
}

double HandOver::log_loss_at(const Look& look) const {
  const Matrix z = start(look.step, look.coefficients).preactivations;
  return log_mean_loss(group_outputs(z, problem_.shape), problem_.classes, problem_.loss);
}

/// What the mean over fast switching is off by just now.
double HandOver::jitter() const {
  const Look& now = looks_.back();
  const LateFlow flow = flow_from(now);
  const FlowStart there = flow.state();
  return discrepancy_(there.coefficients, flow.margins(), now.coefficients,
                      margins_of(start(now.step, now.coefficients).preactivations),
                      flow.only_hops(there.preactivations, *beyond_));
}

HandOver::Decision HandOver::look(std::uint64_t step, const Matrix& coefficients,
                                  const std::function<bool()>& keep_going) {
  looks_.push_back({step, coefficients});
  dropped_.reset();
  if (looks_.size() > looks_kept) {
    dropped_ = std::move(looks_.front());
    looks_.pop_front();
  }
  const auto now = static_cast<double>(step);
  const bool last = step >= options_.most_steps;
  const bool due = last || look_number(step) % looks_per_trial == 0;
  if (!due || looks_.size() < looks_kept ||
      now < (options_.forced ? first_forced_trial : first_trial)) {
    return Decision::go_on;
  }
  const bool stays =
      log_loss_at(looks_.front()) - log_loss_at(looks_.back()) < least_fall_of_a_decade;
  if (stays) {
    if ((now >= patience_with_loss || last) && find_not_separated()) return Decision::give_up;
    if (!last && !has_resting_samples()) return Decision::go_on;
  }
  // A trial that is further off than this says no more than that exact steps go on.
  const double enough =
      last ? std::numeric_limits<double>::infinity()
           : std::max(options_.forced ? early_error : 0.0, options_.tolerance / safety);
  FlowStatus status = FlowStatus::reached;
  trying_ = true;
  const double off = try_from_oldest(stays, enough, keep_going, status);
  trying_ = false;
  if (status == FlowStatus::interrupted) {  // to be asked again
    looks_.pop_back();
    if (dropped_) looks_.push_front(std::move(*dropped_));
    return Decision::interrupted;
  }
  if (off > enough) return Decision::go_on;
  error_ = std::max(safety * std::max(off, jitter()), error_floor);
  const bool works = off <= useless_error;
  const bool early = options_.forced && off <= early_error;
  if (error_ <= options_.tolerance || early || (works && last)) return Decision::leave;
  if (works || !last) return Decision::go_on;
  if (find_not_separated()) return Decision::give_up;
  const double loss = log_loss_at(looks_.back());
  if (stays) {
    outcome_ = not_separated_so_far(step, loss);
  } else {
    outcome_ = {StopReason::not_late, step,
                fmt::format("no late-time regime was found in {} exact steps ({}); the loss is "
                            "{:.6g}. Take exact steps with {}, or a smaller "
                            "descent.learning_rate",
                            step,
                            status == FlowStatus::reached ? "the flow in log t does not follow them"
                                                          : explain(status),
                            std::exp(loss), keys_of_exact_steps(step))};
  }
  return Decision::give_up;
}

/// Whether some margins stay where they are, so that the loss stays and yet the flow may follow.
bool HandOver::has_resting_samples() const {
  if (problem_.margins() > most_margins_at_rest) return false;
  const LateFlow flow = flow_from(looks_.back());
  if (flow.plateau()) return true;
  for (Eigen::Index c = 0; c < problem_.margins(); ++c) {
    if (flow.asleep(c)) return true;
  }
  return false;
}

LateFlow HandOver::flow_from(const Look& look, const FlowOptions& options) const {
  return {problem_, start(look.step, look.coefficients), options};
}

/// Whether the present pattern can separate the samples; if not, says so in outcome_.
bool HandOver::find_not_separated() {
  const Look& now = looks_.back();
  const LateFlow flow = flow_from(now);
  outcome_ = not_separated(flow, now.step, log_loss_at(now));
  return outcome_.reason == StopReason::not_separated;
}

std::vector<const HandOver::Look*> HandOver::settled_looks() const {
  std::vector<const Look*> looks;
  if (trying_ && dropped_) looks.push_back(&*dropped_);
  for (const Look& look : looks_) looks.push_back(&look);
  if (trying_) looks.pop_back();
  return looks;
}

Matrix HandOver::look_steps() const {
  Matrix steps = Matrix::Zero(1, static_cast<Eigen::Index>(looks_kept));
  Eigen::Index l = 0;
  for (const Look* look : settled_looks()) steps(0, l++) = static_cast<double>(look->step);
  return steps;
}

Matrix HandOver::look_coefficients() const {
  const Eigen::Index rows = problem_.neurons();
  Matrix stacked = Matrix::Zero(rows * static_cast<Eigen::Index>(looks_kept), problem_.samples());
  Eigen::Index l = 0;
  for (const Look* look : settled_looks())
    stacked.middleRows(rows * l++, rows) = look->coefficients;
  return stacked;
}

void HandOver::restore(const Matrix& steps, const Matrix& coefficients) {
  looks_.clear();
  const Eigen::Index rows = problem_.neurons();
  for (Eigen::Index l = 0; l < steps.cols(); ++l) {
    if (steps(0, l) == 0.0) continue;
    looks_.push_back(
        {static_cast<std::uint64_t>(steps(0, l)), coefficients.middleRows(rows * l, rows)});
  }
}

Outcome not_separated(const LateFlow& flow, const LogTime& time, double log_loss) {
  Limit limit;
  if (!proved_not_separated(flow, limit)) return {};
  if (limit.message.empty() || limit.status != LimitStatus::not_separated) {
    limit.message = "descent has come to a minimum of the loss that it cannot leave";
  }
  return {StopReason::not_separated, time,
          fmt::format("the loss does not go to zero, it is {:.10g} at t = {}: {}",
                      std::exp(log_loss), to_string(time), limit.message)};
}

Outcome not_separated_so_far(const LogTime& time, double log_loss, bool of_descent) {
  return {StopReason::not_separated_so_far, time,
          fmt::format("the samples are not separated so far: the loss is {:.10g} at t = {} and "
                      "hardly falls any more. Whether it goes to zero later is not decided{}",
                      std::exp(log_loss), to_string(time),
                      of_descent ? "; exact steps go on with " + keys_of_exact_steps(time) : "")};
}

double error_decay(double log_time, double hand_over_log_time) {
  return std::max(lasting_error, std::exp(hand_over_log_time - log_time));
}

}  // namespace latetime
