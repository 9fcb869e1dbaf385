#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include <boost/math/tools/minima.hpp>
#include <boost/math/tools/toms748_solve.hpp>

#include "latetime/dynamics/late_flow.hpp"

// What happens between the smooth stretches of a late-time flow: finding the first event of a step,
// weighing how sure it is, and carrying it out.

namespace latetime {
namespace {

// A pair counts as beyond zero once it is further off than this part of the largest
// pre-activation of its sample: hysteresis against events that rounding alone would make.
constexpr double crossing_tolerance = 1e-12;

// The same for multipliers of sliding pairs, relative to λ_l.
constexpr double exit_tolerance = 1e-12;

constexpr std::uint64_t changes_between_rebuilds = 64;

constexpr int most_rounds_beside_plateau = 30;

// Factor of safety on what a crossing is off by to the second order in a step.
constexpr double second_order = 4.0;

// A crossing is placed to a part of a step while 1/t is above that; then a step is nothing.
constexpr double last_delay_inverse_time = 1e-10;

/// Root of a function that is positive at a and not at b.
template <class Function>
double root_between(const Function& f, double a, double b) {
  const double fa = f(a), fb = f(b);
  if (!(fa > 0.0)) return a;
  if (!(fb < 0.0)) return b;
  std::uintmax_t evaluations = 60;
  const auto tolerance = [](double lo, double hi) {
    return std::abs(hi - lo) <= 4.0 * std::numeric_limits<double>::epsilon() * std::abs(hi);
  };
  return boost::math::tools::toms748_solve(f, a, b, fa, fb, tolerance, evaluations).second;
}

/// First moment of a step at which a smooth quantity is not above zero; infinite: none. It is
/// looked at on the dyadic grid as closely as its bends ask for, and at its lowest point where the
/// finest cell may hide one below zero.
template <class AtGrid, class At>
double first_fall(double size, const AtGrid& at_grid, const At& at) {
  constexpr double never = std::numeric_limits<double>::infinity();
  const auto moment = [size](int j) { return size * j / DenseStep::points; };
  const std::function<double(int, int)> scan = [&](int left, int right) {
    const double a = at_grid(left), b = at_grid(right);
    // What begins at zero is given a part of the step to rise.
    const bool begins = left == 0 && !(a > 0.0);
    if (begins && right <= DenseStep::points / 4) return b > 0.0 ? never : 0.0;
    const int middle = (left + right) / 2;
    const double m = right - left > 1 ? at_grid(middle) : at(0.5 * (moment(left) + moment(right)));
    if (std::min({a, m, b}) > std::abs(a - 2.0 * m + b)) return never;
    if (right - left > 1) {
      const double first = scan(left, middle);
      return first < never ? first : scan(middle, right);
    }
    if (!(b > 0.0)) return root_between(at, moment(left), moment(right));
    const auto [lowest, depth] =
        boost::math::tools::brent_find_minima(at, moment(left), moment(right), 26);
    return depth > 0.0 ? never : root_between(at, moment(left), lowest);
  };
  return scan(0, DenseStep::points);
}

}  // namespace

/// A fold whose samples together push away from zero crosses, as an own-class pair does.
FlowCause LateFlow::cause_at_zero(int group, Eigen::Index i) const {
  if (problem_.members[static_cast<std::size_t>(i)].size() == 1) {
    return problem_.own(group, i) ? FlowCause::own_crosses : FlowCause::other_meets;
  }
  return fold_bounds(problem_, group, i, drive()).holds() ? FlowCause::other_meets
                                                          : FlowCause::own_crosses;
}

/// Looks for the earliest crossing of a pair that does not slide. Since every entry of s only
/// grows, ⟨v, Δs⟩ is bounded over any part of the step by the parts of v of one sign: most pairs
/// are proved not to cross without a look at the inside of the step, the others are bisected.
bool LateFlow::find_crossing(const DenseStep& step, Found& first) {
  const Vector reached = travel_ + reach_ * step.end();
  bool found = false;
  std::array<Vector, DenseStep::points + 1> known_rates;
  const auto rates_at_grid = [&](int j) -> const Vector& {
    Vector& known = known_rates[static_cast<std::size_t>(j)];
    if (known.size() == 0) known = rates(step.size() * j / DenseStep::points, step.grid(j));
    return known;
  };
  for (Eigen::Index k = 0; k < problem_.neurons(); ++k) {
    const Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
    if ((neuron.room.array() > reached.array()).all()) continue;
    for (Eigen::Index i = 0; i < problem_.samples(); ++i) {
      if (neuron.room[i] > reached[i]) continue;
      const double side = neuron.mode.active[static_cast<std::size_t>(i)] ? 1.0 : -1.0;
      const Vector row =
          side * driven_row(preactivation_row(problem_, neuron.group, neuron.mode, i));
      const double tolerance =
          crossing_tolerance * std::max(z_.col(i).cwiseAbs().maxCoeff(), 1e-300);
      double start = side * z_(k, i) + row.dot(s_ - neuron.since) + tolerance;
      // Just crossed, and part of a step late (delay_of): it is on its way.
      if (start <= 0.0 && row.dot(last_lambda_) > 0.0) start = tolerance;
      if (start <= 0.0) {
        first = {0.0, k, i, cause_at_zero(neuron.group, i)};
        return true;
      }
      const auto height = [&](const Vector& x) { return start + row.dot(x); };
      // Where the pair is above zero at both ends of a cell, the bound may have failed because it
      // turns back inside: its lowest point decides.
      double turn = std::numeric_limits<double>::quiet_NaN();
      const auto below_zero = [&](int left, int right) -> int {
        const double end = height(step.grid(right));
        if (end <= 0.0) return right;
        const double a = step.size() * left / DenseStep::points;
        const double b = step.size() * right / DenseStep::points;
        const double falls = row.dot(rates_at_grid(left)), rises = row.dot(rates_at_grid(right));
        if (!(falls < 0.0) || !(rises > 0.0)) return -1;
        // Between the ends it lies above both tangents.
        const double start_here = height(step.grid(left));
        const double meet = (start_here - end + rises * (b - a)) / (rises - falls);
        if (start_here + falls * meet > 0.0) return -1;
        const auto fall = [&](double delta) { return -row.dot(rates(delta, step.at(delta))); };
        const double lowest = root_between(fall, a, b);
        if (height(step.at(lowest)) > 0.0) return -1;
        turn = lowest;
        return right;
      };
      // First cell of the grid at whose right end the pair is beyond zero; −1: none before `limit`.
      const std::function<int(int, int, double)> scan = [&](int left, int right, double h) -> int {
        if (step.size() * left / DenseStep::points > first.delta) return -1;  // another is earlier
        const Vector moved = step.grid(right) - step.grid(left);
        if (h + row.cwiseProduct(moved).cwiseMin(0.0).sum() > 0.0) return -1;
        if (right - left == 1) return below_zero(left, right);
        const int middle = (left + right) / 2;
        const int before = scan(left, middle, h);
        if (before >= 0) return before;
        return scan(middle, right, height(step.grid(middle)));
      };
      const int cell = scan(0, DenseStep::points, start);
      if (cell < 0) {
        popped_.emplace_back(k, i);
        continue;
      }
      const double left = step.size() * (cell - 1) / DenseStep::points;
      const double right = std::isnan(turn) ? step.size() * cell / DenseStep::points : turn;
      const double when =
          root_between([&](double delta) { return height(step.at(delta)); }, left, right);
      if (when >= first.delta) continue;
      found = true;
      first = {when, k, i, cause_at_zero(neuron.group, i)};
    }
  }
  return found;
}

/// Looks for the earliest sliding pair whose multiplier reaches a bound, and for the earliest
/// neuron that leaves the origin of a span.
bool LateFlow::find_exit(const DenseStep& step, Found& first) {
  std::array<Vector, DenseStep::points + 1> known;
  const auto drive_at = [&](double delta) { return driven(rates(delta, step.at(delta))); };
  const auto drive_at_grid = [&](int j) -> const Vector& {
    Vector& drive = known[static_cast<std::size_t>(j)];
    if (drive.size() == 0) drive = driven(rates(step.size() * j / DenseStep::points, step.grid(j)));
    return drive;
  };
  // How far λ moves: between points of the step, and by its bends on the way to and fro.
  constexpr int stride = DenseStep::points / 4;
  double variation = lambda_variation_;
  for (int j = stride; j <= DenseStep::points; j += stride) {
    const Vector change = drive_at_grid(j) - drive_at_grid(j - stride);
    variation += change.cwiseAbs().maxCoeff();
    if (j == DenseStep::points) continue;
    const Vector bend = drive_at_grid(j + stride) - drive_at_grid(j) - change;
    variation += bend.cwiseAbs().maxCoeff();
  }
  bool found = false;
  const auto look = [&](Eigen::Index k, Eigen::Index l, FlowCause cause, const auto& gap) {
    const double when = first_fall(
        step.size(), [&](int j) { return gap(drive_at_grid(j)); },
        [&](double delta) { return gap(drive_at(delta)); });
    if (when >= first.delta) return;
    found = true;
    first = {when, k, l, cause};
  };
  for (Eigen::Index k = 0; k < problem_.neurons(); ++k) {
    const Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
    if (!neuron.mode.slides() || neuron.slack > variation) continue;
    if (neuron.mode.climb.rows() > 0) {  // it leaves the origin of its span, or stays there
      look(k, neuron.mode.sliding[0], FlowCause::leaves_upward, [&](const Vector& lambda) {
        const Vector size = neuron.mode.climb.cwiseAbs() * lambda;
        return -(neuron.mode.climb * lambda - exit_tolerance * size).maxCoeff();
      });
      continue;
    }
    for (std::size_t r = 0; r < neuron.mode.sliding.size(); ++r) {
      const Eigen::Index l = neuron.mode.sliding[r];
      const auto share = neuron.mode.share.row(static_cast<Eigen::Index>(r));
      for (const bool upper : {true, false}) {
        look(k, l, upper ? FlowCause::leaves_upward : FlowCause::leaves_downward,
             [&](const Vector& lambda) {
               const double beta = share.dot(lambda);
               const FoldBounds bounds = fold_bounds(problem_, neuron.group, l, lambda);
               const double room = upper ? bounds.above - beta : beta - bounds.below;
               return room + exit_tolerance * (std::abs(bounds.above) + std::abs(bounds.below));
             });
      }
    }
  }
  if (!found && !std::isfinite(first.delta)) lambda_variation_ = variation;
  return found;
}

/// How long descent goes on with the old slope after a crossing at that `speed`: to the next whole
/// step, which is known where the moment is known to a part of a step; else half a step on average.
/// Where other pairs of the neuron slide, a mean as well (crossing_delay).
LateFlow::Delay LateFlow::delay_of(const Neuron& neuron, Eigen::Index i, const Vector& lambda,
                                   double speed) const {
  const double t = std::exp(theta_);
  if (!options_.of_descent || speed == 0.0 || 1.0 / t < last_delay_inverse_time) return {};
  if (neuron.mode.slides()) {
    const CrossingDelay delay =
        crossing_delay(problem_, neuron.group, neuron.mode, lambda, i, speed);
    return {delay.mean, 2.0 * delay.deviation};
  }
  const double uncertain =
      t * (neuron.error / std::abs(speed) + std::numeric_limits<double>::epsilon() * theta_);
  if (uncertain > 0.25) return {0.5, 0.5};
  return {std::ceil(t) - t, uncertain};
}

/// Books an error of z_{k,i} along x_i.
void LateFlow::book(Eigen::Index i, double change) {
  event_error_ += change / static_cast<double>(problem_.shape.width);
  event_weight_error_ += change / std::sqrt(problem_.gram(i, i));
}

/// Books what an own-class crossing adds to the errors, and tells whether it is decided: whether
/// the pre-activation still crosses when it is off by its error. Other-class pairs need no such
/// care: while own-class activations stay, the flow is that of a convex function, and nothing
/// grows.
bool LateFlow::weigh_crossing(Neuron& neuron, Eigen::Index i, const Vector& lambda, Delay& delay) {
  const Vector row = preactivation_row(problem_, neuron.group, neuron.mode, i);
  const double velocity = row.dot(lambda), speed = std::abs(velocity);
  // d²z/dθ² from dλ/dθ = λ (1 − (1 − g) du/dθ).
  const Vector margin_speed = kernel_ * lambda;
  const Vector rest = (1.0 - (std::exp(-theta_) * lambda).array()).matrix();
  const Vector change = lambda.array() * (1.0 - rest.array() * margin_speed.array());
  const double bend = std::abs(row.dot(change));
  const double early = speed > 0.0 ? neuron.error / speed : 0.0;
  delay = delay_of(neuron, i, lambda, velocity);
  const double moment_error = early + delay.error * std::exp(-theta_);
  const FoldBounds bounds = fold_bounds(problem_, neuron.group, i, lambda);
  const double jump = problem_.rate * std::abs(bounds.above - bounds.below) * problem_.gram(i, i);
  const bool decided = speed * speed > 2.0 * neuron.error * bend && moment_error < 1.0;
  neuron.error += jump * moment_error;
  book(i, jump * moment_error);
  return decided;
}

/// Adds `change` to coefficient (k, i) at the present moment; pairs at zero stay there.
void LateFlow::shift(Eigen::Index k, Eigen::Index i, double change) {
  const Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
  Eigen::RowVectorXd z = change * problem_.gram.row(i);
  coefficients_(k, i) += change;
  if (neuron.mode.slides()) {
    const Vector back = to_zero(neuron.mode, z);
    for (std::size_t s = 0; s < neuron.mode.sliding.size(); ++s) {
      const double amount = back[static_cast<Eigen::Index>(s)];
      coefficients_(k, neuron.mode.sliding[s]) += amount;
      z += amount * problem_.gram.row(neuron.mode.sliding[s]);
    }
    for (const Eigen::Index l : neuron.mode.pairs_at_zero()) z[l] = 0.0;
  }
  z_.row(k) += z;
  for (Eigen::Index l = 0; l < z.size(); ++l) {
    const double slope =
        neuron.mode.active[static_cast<std::size_t>(l)] ? 1.0 : problem_.shape.slope;
    gap_[l] +=
        problem_.sign(neuron.group, l) * slope * z[l] / static_cast<double>(problem_.shape.width);
  }
}

/// Own-class pairs that turned back from zero in the last step, nearer to it than their error.
void LateFlow::watch_near_misses(const Vector& lambda_before) {
  for (const auto& [k, i] : popped_) {
    const Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
    if (cause_at_zero(neuron.group, i) != FlowCause::own_crosses) continue;
    const double side = neuron.mode.active[static_cast<std::size_t>(i)] ? 1.0 : -1.0;
    const Vector row = side * driven_row(preactivation_row(problem_, neuron.group, neuron.mode, i));
    const double end = side * z_(k, i) + row.dot(s_ - neuron.since);
    const double start = end - row.dot(stepper_.dense().end());
    if (std::min(start, end) < neuron.error && row.dot(lambda_before) < 0.0 &&
        row.dot(last_lambda_) > 0.0) {
      ++undecided_;
    }
  }
}

/// What holds samples at rest changes at once with the modes, and the modes with it: goes to and
/// fro until both agree, taking the mean of the two where they do not (there the pair slides).
void LateFlow::settle_beside_plateau(Eigen::Index k, const std::vector<Eigen::Index>& at_zero) {
  Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
  Vector lambda = drive();
  for (int round = 0; round < most_rounds_beside_plateau; ++round) {
    rebuild_kernel();
    take_plateau();
    if (!plateau_) return;
    const Vector now = drive();
    lambda = round < 3 ? now : Vector(0.5 * (lambda + now));
    NeuronMode next = neuron.mode;
    resolve_mode(problem_, neuron.group, lambda, at_zero, next);
    const bool same = next.sliding == neuron.mode.sliding && next.active == neuron.mode.active;
    neuron.mode = std::move(next);
    if (same) return;
  }
  neuron.mode.doubtful = true;
}

void LateFlow::handle(const Found& event) {
  const Eigen::Index k = event.neuron;
  Neuron& neuron = neurons_[static_cast<std::size_t>(k)];
  // An event that changes what samples at rest push ends the rest.
  const bool ends_rest = plateau_ && disturbs(*plateau_, neuron.group, event.sample);
  if (plateau_) {  // what holds it changes, for all neurons
    for (Eigen::Index l = 0; l < problem_.neurons(); ++l) sync(l);
  } else {
    sync(k);
  }
  if (ends_rest) {
    plateau_.reset();
    reach_ = problem_.reach;
  }
  const bool rested = plateau_.has_value();
  const Vector lambda = drive();
  FlowEvent report{theta_, k, event.sample, event.cause, true};
  const FoldBounds bounds = fold_bounds(problem_, neuron.group, event.sample, lambda);
  const bool meets = event.cause == FlowCause::own_crosses || event.cause == FlowCause::other_meets;
  std::vector<Eigen::Index> with;
  if (meets) with = zeros_with(problem_, neuron.mode, event.sample);
  const std::uint8_t active_before = neuron.mode.active[static_cast<std::size_t>(event.sample)];
  Delay delay;
  if (event.cause == FlowCause::own_crosses) {
    report.decided = weigh_crossing(neuron, event.sample, lambda, delay);
    if (!report.decided) ++undecided_;
  } else {
    neuron.error += options_.event_error * std::exp(-theta_);
  }
  if (event.cause == FlowCause::other_meets) {
    const Vector row = preactivation_row(problem_, neuron.group, neuron.mode, event.sample);
    delay = delay_of(neuron, event.sample, lambda, row.dot(lambda));
  }
  const double margin_step = std::exp(-theta_) * (kernel_ * lambda).cwiseAbs().maxCoeff();
  neuron.mean = {};
  offset_stale_ = true;
  add_kernel(problem_, neuron.group, neuron.mode, -1.0, kernel_);
  std::vector<Eigen::Index> moved = problem_.members[static_cast<std::size_t>(event.sample)];
  for (const Eigen::Index l : with) {
    const auto& fold = problem_.members[static_cast<std::size_t>(l)];
    moved.insert(moved.end(), fold.begin(), fold.end());
  }
  for (const Eigen::Index i : moved) z_(k, i) = 0.0;
  std::vector<Eigen::Index> at_zero = neuron.mode.pairs_at_zero();
  if (meets) {
    at_zero.push_back(event.sample);
    meet_zero(problem_, neuron.group, lambda, event.sample, with, neuron.mode);
  } else {
    resolve_mode(problem_, neuron.group, lambda, at_zero, neuron.mode);
  }
  add_kernel(problem_, neuron.group, neuron.mode, 1.0, kernel_);
  if (rested && meets) settle_beside_plateau(k, at_zero);
  // To the next order: for the steps that descent is late, the multipliers change as they did.
  if (delay.mean != 0.0) {
    const double late = std::abs(delay.mean) + delay.error;
    book(event.sample, second_order * problem_.rate * std::abs(bounds.above - bounds.below) *
                           problem_.gram(event.sample, event.sample) * late * late * margin_step *
                           std::exp(-theta_));
  }
  const std::uint8_t active_now = neuron.mode.active[static_cast<std::size_t>(event.sample)];
  if (delay.mean != 0.0 && active_now != active_before && !this->at_zero(k, event.sample)) {
    const double change = (active_now ? 1.0 : -1.0) * (bounds.above - bounds.below);
    shift(k, event.sample, problem_.rate * change * delay.mean * std::exp(-theta_));
  }
  // A pair that begins to slide is held at zero, and what was off there is forgotten; one that
  // leaves takes the phase of its last hop along.
  if (event.cause != FlowCause::own_crosses && options_.of_descent) {
    const bool leaves = event.cause != FlowCause::other_meets;
    const double steps = leaves ? 0.5 : this->at_zero(k, event.sample) ? 0.0 : delay.error;
    const double jump = problem_.rate * std::abs(bounds.above - bounds.below) *
                        problem_.gram(event.sample, event.sample);
    book(event.sample, jump * steps * std::exp(-theta_));
  }
  if (doubts(neuron.mode)) {
    report.decided = false;
    ++undecided_;
  }
  steady_lambda_.resize(0);
  refresh_asleep();
  if (rested || ends_rest) {
    rebase();
  } else if (++changes_since_rebuild_ >= changes_between_rebuilds) {
    rebuild_kernel();
  }
  const Vector now = rates(0.0, Vector::Zero(problem_.samples()));
  lambda_variation_ += (now - last_lambda_).cwiseAbs().maxCoeff();
  last_lambda_ = now;
  refresh_bounds(k);
  stepper_.restart();
  for (const Eigen::Index i : moved) {
    ++event_count_;
    report.sample = i;
    if (meets) {
      report.cause =
          problem_.own(neuron.group, i) ? FlowCause::own_crosses : FlowCause::other_meets;
    }
    if (on_event) on_event(report);
  }
}

}  // namespace latetime
