#include "latetime/dynamics/flow_transition.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace latetime {
namespace {

constexpr std::uint64_t changes_between_rebuilds = 64;

constexpr int most_rounds_beside_plateau = 30;

// What is left of a sum of neurons' parts of the kernel, in parts of one, after some have left it.
constexpr double rounding_left = 1e-13;

// Factor of safety on what a crossing is off by to the second order in a step.
constexpr double second_order = 4.0;

// Two events of a neuron are told apart where so many steps are between them.
constexpr double steps_between_events = 2.0;

// Pre-activations below this part of the largest of their sample are zero together with others.
constexpr double nothing = 1e-9;

// Hops take a pair that is just coming into their reach across where they have come this far.
constexpr double nearly_all = 0.97;

// A crossing is placed to a part of a step while 1/t is above that; then a step is nothing.
constexpr double last_delay_inverse_time = 1e-10;

/// Steps for which descent goes on with the old slope.
struct Delay {
  double mean = 0.0, error = 0.0;
};

/// One event, carried out on a state.
class Transition {
 public:
  Transition(FlowState state, const FoundEvent& event)
      : state_(std::move(state)),
        problem_(*state_.problem),
        event_(event),
        neuron_(state_.neuron(event.neuron)),
        meets_(event.cause == FlowCause::own_crosses || event.cause == FlowCause::other_meets) {}
  FlowState carry_out(std::vector<FlowEvent>& events);

 private:
  double slope_at(Eigen::Index i) const { return problem_.slope(neuron_.mode.is_active(i)); }
  /// t times what z_{k,i} moves by less in a step once its fold is on the other side.
  double hop(Eigen::Index i, const FoldBounds& bounds) const {
    return problem_.rate * std::abs(bounds.above - bounds.below) * problem_.gram(i, i);
  }
  /// Whether hops of other pairs take it across.
  bool taken_across() const { return event_.reach > 0.0; }
  Delay delay_at(double speed) const;
  bool come_to_event();
  bool weigh_event();
  std::vector<Eigen::Index> moved_samples(const std::vector<Eigen::Index>& with) const;
  bool weigh_crossing();
  bool weigh_taken_across();
  void settle_beside_plateau(const std::vector<Eigen::Index>& at_zero);
  void decide(const std::vector<Eigen::Index>& with, bool rested);
  std::vector<Eigen::Index> zeros_now() const;
  void set_to_zero(const std::vector<Eigen::Index>& moved);
  void put_beyond_zero();
  void book_delay(double margin_step, bool was_active);
  void shift(double change);
  void move_by(Eigen::RowVectorXd z);
  void book_hops();
  void book_left_behind(const std::vector<Eigen::Index>& slid);
  bool leaves_rounding() const;
  void propagate_hops();

  FlowState state_;
  const FlowProblem& problem_;
  const FoundEvent event_;
  FlowNeuron& neuron_;
  const bool meets_;  // it comes to zero, and does not leave it
  // At the moment of the event, before anything changes.
  Vector drive_, lambda_;  // of all margins, and what the neuron feels
  FoldBounds bounds_{};
  Delay delay_;
  /// Pairs that an earlier delay (shift) has put beyond zero already, or that hops of others take
  /// across, which they have before them: sample, z, slope until now.
  struct Beyond {
    Eigen::Index sample;
    double z, slope;
  };
  std::vector<Beyond> beyond_;
};

/// How long descent goes on with the old slope after a crossing at that `speed`: to the next whole
/// step, which is known where the moment is known to a part of a step; else half a step on average.
/// Where other pairs of the neuron slide, a mean as well (crossing_delay).
Delay Transition::delay_at(double speed) const {
  const double t = std::exp(state_.theta);
  if (!state_.options.of_descent || speed == 0.0 || 1.0 / t < last_delay_inverse_time) return {};
  // One that comes right after another may have crossed at the same step as that, or at the next.
  const bool follows = t - std::exp(neuron_.last_event) < steps_between_events;
  if (neuron_.mode.slides()) {
    const CrossingDelay delay =
        crossing_delay(problem_, neuron_.group, neuron_.mode, lambda_, event_.sample, speed);
    return {delay.mean, 2.0 * delay.deviation + (follows ? 1.0 : 0.0)};
  }
  const double uncertain = t * (neuron_.errors[event_.sample] / std::abs(speed) +
                                std::numeric_limits<double>::epsilon() * state_.theta);
  if (uncertain > 0.25) return {0.5, 0.5};
  return {std::ceil(t) - t, follows ? 1.0 : uncertain};
}

/// Books what an own-class crossing adds to the errors, and tells whether it is decided: whether
/// the pre-activation still crosses when it is off by its error. Other-class pairs need no such
/// care: while own-class activations stay, the flow is that of a convex function, and nothing
/// grows.
bool Transition::weigh_crossing() {
  const Eigen::Index i = event_.sample;
  const Vector row = preactivation_row(problem_, neuron_.group, neuron_.mode, i);
  const double velocity = row.dot(lambda_), speed = std::abs(velocity);
  // d²z/dθ² from dλ/dθ = λ (1 − (1 − g) du/dθ).
  const Vector margin_speed = state_.pushed_margins(drive_);
  Vector change;
  if (problem_.rivals.two_classes()) {
    const Vector rest = (1.0 - (std::exp(-state_.theta) * drive_).array()).matrix();
    change = lambda_.array() * (1.0 - rest.array() * margin_speed.array());
  } else {
    const double b = std::exp(-state_.theta) * *problem_.loss.saturation;
    change = state_.felt(neuron_.group, drive_ + problem_.rivals.bent(drive_, margin_speed, b));
  }
  const double bend = std::abs(row.dot(change));
  const double early = speed > 0.0 ? neuron_.errors[i] / speed : 0.0;
  delay_ = delay_at(velocity);
  const double moment_error = early + delay_.error * std::exp(-state_.theta);
  const double jump = hop(i, bounds_);
  const bool decided = speed * speed > 2.0 * neuron_.errors[i] * bend && moment_error < 1.0;
  state_.book(event_.neuron, i, jump * moment_error);
  return decided;
}

/// The same where hops of other pairs take it across: at the first that comes so far.
bool Transition::weigh_taken_across() {
  const Eigen::Index i = event_.sample;
  const double step = std::exp(-state_.theta), reach = step * event_.reach;
  const double side = neuron_.mode.is_active(i) ? 1.0 : -1.0;
  const double distance = side * state_.z(event_.neuron, i);
  const CrossingDelay wait = hop_delay(problem_, neuron_.group, neuron_.mode, lambda_, i, -side,
                                       std::min(distance / step, nearly_all * event_.reach));
  delay_ = {wait.mean, 2.0 * wait.deviation};
  double moment_error = delay_.error * step;
  if (reach - distance < neuron_.errors[i]) {
    const Vector row = preactivation_row(problem_, neuron_.group, neuron_.mode, i);
    moment_error += neuron_.errors[i] / std::abs(side * row.dot(lambda_) + reach);
  }
  state_.book(event_.neuron, i, hop(i, bounds_) * moment_error);
  return moment_error < 1.0;
}

/// What holds samples at rest changes at once with the modes, and the modes with it: goes to and
/// fro until both agree, taking the mean of the two where they do not (there the pair slides).
void Transition::settle_beside_plateau(const std::vector<Eigen::Index>& at_zero) {
  Vector lambda = state_.felt(neuron_.group, state_.drive());
  for (int round = 0; round < most_rounds_beside_plateau; ++round) {
    state_.rebuild_kernel();
    state_.take_plateau();
    if (!state_.plateau) return;
    const Vector now = state_.felt(neuron_.group, state_.drive());
    lambda = round < 3 ? now : Vector(0.5 * (lambda + now));
    NeuronMode next = neuron_.mode;
    resolve_mode(problem_, neuron_.group, lambda, at_zero, next);
    const bool same = next.is_like(neuron_.mode);
    neuron_.mode = std::move(next);
    if (same) return;
  }
  neuron_.mode.doubtful = true;
}

/// The mode from here on; folds `with` come to zero together with the sample of the event.
void Transition::decide(const std::vector<Eigen::Index>& with, bool rested) {
  state_.add_kernel_of(event_.neuron, -1.0);
  std::vector<Eigen::Index> at_zero = neuron_.mode.pairs_at_zero();
  if (meets_) {
    at_zero.push_back(event_.sample);
    at_zero.insert(at_zero.end(), with.begin(), with.end());
    meet_zero(problem_, neuron_.group, lambda_, event_.sample, with, neuron_.mode);
  } else {
    resolve_mode(problem_, neuron_.group, lambda_, at_zero, neuron_.mode);
  }
  state_.add_kernel_of(event_.neuron, 1.0);
  if (rested && meets_) settle_beside_plateau(at_zero);
}

/// Adds `change` to the coefficient of the pair at the present moment; pairs at zero stay there.
void Transition::shift(double change) {
  state_.coefficients(event_.neuron, event_.sample) += change;
  move_by(change * problem_.gram.row(event_.sample));
}

/// Adds to the pre-activations of the neuron; pairs that slide are brought back to zero along their
/// samples.
void Transition::move_by(Eigen::RowVectorXd z) {
  const Eigen::Index k = event_.neuron;
  if (neuron_.mode.slides()) {
    const Vector back = to_zero(neuron_.mode, z);
    for (std::size_t s = 0; s < neuron_.mode.sliding.size(); ++s) {
      const double amount = back[static_cast<Eigen::Index>(s)];
      state_.coefficients(k, neuron_.mode.sliding[s]) += amount;
      z += amount * problem_.gram.row(neuron_.mode.sliding[s]);
    }
    for (const Eigen::Index l : neuron_.mode.pairs_at_zero()) z[l] = 0.0;
  }
  state_.z.row(k) += z;
  for (Eigen::Index l = 0; l < z.size(); ++l) {
    const double slope =
        neuron_.mode.active[static_cast<std::size_t>(l)] ? 1.0 : problem_.shape.slope;
    problem_.rivals.add(
        neuron_.group, l,
        problem_.sign(neuron_.group, l) * slope * z[l] / static_cast<double>(problem_.shape.width),
        state_.gap);
  }
}

/// The folds that come to zero together with that of the event: those whose samples lie in the span
/// of it and the sliding ones, unless they do so only nearly, and are still some way off.
std::vector<Eigen::Index> Transition::zeros_now() const {
  std::vector<Eigen::Index> result = zeros_with(problem_, neuron_.mode, event_.sample);
  const std::vector<Eigen::Index> exact = zeros_with(problem_, neuron_.mode, event_.sample, true);
  std::erase_if(result, [&](Eigen::Index l) {
    if (std::binary_search(exact.begin(), exact.end(), l)) return false;
    const double size = state_.z.col(l).cwiseAbs().maxCoeff();
    return std::abs(state_.z(event_.neuron, l)) > nothing * size;
  });
  return result;
}

void Transition::set_to_zero(const std::vector<Eigen::Index>& moved) {
  for (const Eigen::Index i : moved) {
    double& z = state_.z(event_.neuron, i);
    const bool passed = neuron_.mode.is_active(i) ? z < 0.0 : z > 0.0;
    if (passed || taken_across()) beyond_.push_back({i, z, slope_at(i)});
    z = 0.0;
  }
}

/// Margins have counted what is beyond zero with the slope of before. It goes on from there with
/// the new one, or is brought back to where it is held.
void Transition::put_beyond_zero() {
  const Eigen::Index k = event_.neuron;
  Eigen::RowVectorXd held = Eigen::RowVectorXd::Zero(problem_.samples());
  for (const Beyond& pair : beyond_) {
    const bool passed = !neuron_.mode.at_zero(pair.sample) &&
                        (taken_across() || neuron_.mode.is_active(pair.sample) == (pair.z > 0.0));
    if (passed) state_.z(k, pair.sample) = pair.z;
    if (neuron_.mode.at_zero(pair.sample)) held[pair.sample] = pair.z;
    const double change = (passed ? slope_at(pair.sample) : 0.0) - pair.slope;
    problem_.rivals.add(neuron_.group, pair.sample,
                        problem_.sign(neuron_.group, pair.sample) * change * pair.z /
                            static_cast<double>(problem_.shape.width),
                        state_.gap);
  }
  if (!held.isZero(0.0)) move_by(std::move(held));
}

/// For the steps that descent is late, the multipliers change as they did; what that leaves out to
/// the next order is booked.
void Transition::book_delay(double margin_step, bool was_active) {
  if (delay_.mean == 0.0) return;
  const double step = std::exp(-state_.theta);
  const double late = std::abs(delay_.mean) + delay_.error;
  state_.book(event_.neuron, event_.sample,
              second_order * hop(event_.sample, bounds_) * late * late * margin_step * step);
  const bool active = neuron_.mode.is_active(event_.sample);
  if (active != was_active && !neuron_.mode.at_zero(event_.sample)) {
    const double change = (active ? 1.0 : -1.0) * (bounds_.above - bounds_.below);
    shift(problem_.rate * change * delay_.mean * step);
  }
}

/// A pair that begins to slide is held at zero, and what was off there is forgotten; one that
/// leaves takes the phase of its last hop along.
void Transition::book_hops() {
  if (event_.cause == FlowCause::own_crosses || !state_.options.of_descent) return;
  const double steps = !meets_ ? 0.5 : neuron_.mode.at_zero(event_.sample) ? 0.0 : delay_.error;
  state_.book(event_.neuron, event_.sample,
              hop(event_.sample, bounds_) * steps * std::exp(-state_.theta));
}

/// Pairs that slid and do not, because another has come to zero, leave from anywhere in their hop.
void Transition::book_left_behind(const std::vector<Eigen::Index>& slid) {
  if (!state_.options.of_descent) return;
  for (const Eigen::Index l : slid) {
    if (l == event_.sample || neuron_.mode.at_zero(l)) continue;
    const FoldBounds bounds = fold_bounds(problem_, neuron_.group, l, lambda_);
    state_.book(event_.neuron, l, hop(l, bounds) * std::exp(-state_.theta));
  }
}

/// Where several pairs of a neuron slide, where they are on average is known to a part of a hop.
/// For those that did so when the flow began, a trial has seen what comes of that.
void Transition::propagate_hops() {
  const std::vector<Eigen::Index>& sliding = neuron_.mode.sliding;
  if (!state_.options.of_descent || sliding.size() < 2) return;
  const Vector change = std::exp(-state_.theta) *
                        switching_mean_error(problem_, neuron_.group, neuron_.mode, lambda_);
  state_.propagate(state_.off_at_zero(event_.neuron, change));
}

/// Whether sums and differences have left rounding where a sample's margin does not move at all any
/// more, whose t g grows like t: what is nothing times that is not.
bool Transition::leaves_rounding() const {
  for (Eigen::Index c = 0; c < problem_.margins(); ++c) {
    const double left = std::abs(state_.kernel(c, c));
    const double size = problem_.reach(problem_.rivals.sample(c), c);
    if (left > 0.0 && left <= rounding_left * size) return true;
  }
  return false;
}

/// Brings what changes up to now. Whether the event ends a rest: it does where it changes what
/// samples at rest push.
bool Transition::come_to_event() {
  const bool ends_rest =
      state_.plateau && state_.disturbs(*state_.plateau, neuron_.group, event_.sample);
  if (state_.plateau) {  // what holds it changes, for all neurons
    for (Eigen::Index l = 0; l < problem_.neurons(); ++l) state_.sync(l);
    state_.take_lag_along();
  } else {
    state_.sync(event_.neuron);
  }
  if (ends_rest) {
    state_.plateau.reset();
    state_.reach = problem_.reach;
  }
  return ends_rest;
}

/// Whether an own-class crossing is decided; what other events were measured to be off by is
/// booked.
bool Transition::weigh_event() {
  if (event_.cause == FlowCause::own_crosses) {
    const bool decided = taken_across() ? weigh_taken_across() : weigh_crossing();
    if (!decided) ++state_.undecided;
    return decided;
  }
  const double measured = state_.options.event_error * std::exp(-state_.theta);
  neuron_.measured_error += measured;
  neuron_.errors.array() += measured;
  return true;
}

/// The samples that are at zero now: those on one line with the event's, or with any of `with`.
std::vector<Eigen::Index> Transition::moved_samples(const std::vector<Eigen::Index>& with) const {
  std::vector<Eigen::Index> moved = problem_.members[static_cast<std::size_t>(event_.sample)];
  for (const Eigen::Index l : with) {
    const auto& fold = problem_.members[static_cast<std::size_t>(l)];
    moved.insert(moved.end(), fold.begin(), fold.end());
  }
  return moved;
}

FlowState Transition::carry_out(std::vector<FlowEvent>& events) {
  const Eigen::Index k = event_.neuron;
  const bool ends_rest = come_to_event();
  const bool rested = state_.plateau.has_value();
  drive_ = state_.drive();
  lambda_ = state_.felt(neuron_.group, drive_);
  bounds_ = fold_bounds(problem_, neuron_.group, event_.sample, lambda_);
  FlowEvent report{state_.theta, k, event_.sample, event_.cause, true};
  std::vector<Eigen::Index> with;
  if (meets_ && !taken_across()) with = zeros_now();
  const bool was_active = neuron_.mode.is_active(event_.sample);
  report.decided = weigh_event();
  if (event_.cause == FlowCause::other_meets) {
    const Vector row = preactivation_row(problem_, neuron_.group, neuron_.mode, event_.sample);
    delay_ = delay_at(row.dot(lambda_));
  }
  const double margin_step =
      std::exp(-state_.theta) * state_.pushed_margins(drive_).cwiseAbs().maxCoeff();
  neuron_.last_event = state_.theta;
  neuron_.mean = {};
  state_.offset_stale = true;
  const std::vector<Eigen::Index> moved = moved_samples(with);
  set_to_zero(moved);
  const std::vector<Eigen::Index> slid = neuron_.mode.sliding;
  decide(with, rested);
  put_beyond_zero();
  book_delay(margin_step, was_active);
  book_hops();
  book_left_behind(slid);
  propagate_hops();
  state_.forget_errors_along_sliding(k);
  if (state_.doubts(neuron_.mode)) {
    report.decided = false;
    ++state_.undecided;
  }
  state_.refresh_asleep();
  if (rested || ends_rest) {
    state_.rebase();
  } else if (++state_.changes_since_rebuild >= changes_between_rebuilds || leaves_rounding()) {
    state_.rebuild_kernel();
  }
  const Vector now = state_.rates_now();
  state_.lambda_variation += (now - state_.last_lambda).cwiseAbs().maxCoeff();
  state_.last_lambda = now;
  state_.refresh_bounds(k);
  for (const Eigen::Index i : moved) {
    report.sample = i;
    if (meets_) {
      report.cause =
          problem_.own(neuron_.group, i) ? FlowCause::own_crosses : FlowCause::other_meets;
    }
    events.push_back(report);
  }
  return std::move(state_);
}

}  // namespace

FlowState transition(FlowState state, const FoundEvent& event, std::vector<FlowEvent>& events) {
  return Transition(std::move(state), event).carry_out(events);
}

}  // namespace latetime
