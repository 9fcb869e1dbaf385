#include "latetime/dynamics/flow_events.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include <boost/math/tools/minima.hpp>
#include <boost/math/tools/toms748_solve.hpp>

namespace latetime {
namespace {

// A pair counts as beyond zero once it is further off than this part of the largest
// pre-activation of its sample: hysteresis against events that rounding alone would make.
constexpr double crossing_tolerance = 1e-12;

// A pair that reaches zero itself within so many steps, or this part of the time so far, from when
// hops first took it there, is left to do so (crossing_delay); others cross as they are taken.
constexpr double soon = 2000.0;
constexpr double soon_in_log_time = 0.02;

// Hops of several pairs together go no further than this many times the bounds of each.
constexpr double beyond_bounds = 1.5;

// Hops that take a pair beyond zero will do so at its place in so many steps.
constexpr double steps_for_hops = 16.0;

// The same for multipliers of sliding pairs, relative to λ_l.
constexpr double exit_tolerance = 1e-12;

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
double first_fall(const DenseStep& step, const AtGrid& at_grid, const At& at) {
  constexpr double never = std::numeric_limits<double>::infinity();
  const auto moment = [&](int j) { return step.moment(j); };
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

/// Rates of s within a step; on its grid each is computed when first asked for.
class StepRates {
 public:
  StepRates(const FlowState& state, const DenseStep& step) : state_(state), step_(step) {}
  Vector at(double delta) const { return state_.rates(delta, step_.at(delta)); }
  const Vector& at_grid(int j) {
    Vector& known = rates_[static_cast<std::size_t>(j)];
    if (known.size() == 0) known = state_.rates(step_.moment(j), step_.grid(j));
    return known;
  }
  /// The same with what holds samples at rest.
  Vector drive_at(double delta) const { return state_.driven(at(delta)); }
  const Vector& drive_at_grid(int j) {
    if (!state_.plateau) return at_grid(j);
    Vector& known = drives_[static_cast<std::size_t>(j)];
    if (known.size() == 0) known = state_.driven(at_grid(j));
    return known;
  }

 private:
  const FlowState& state_;
  const DenseStep& step_;
  std::array<Vector, DenseStep::points + 1> rates_, drives_;
};

/// Looks through one step; what comes after the earliest event so far is left alone.
class EventSearch {
 public:
  EventSearch(const FlowState& state, const DenseStep& step)
      : state_(state), step_(step), rates_(state, step) {}
  FlowSearch run() {
    find_crossings();
    find_exits();
    watch_near_misses();
    return std::move(found_);
  }

 private:
  static constexpr double never = std::numeric_limits<double>::infinity();

  double earliest() const { return found_.first ? found_.first->delta : never; }
  double side(const FlowNeuron& neuron, Eigen::Index i) const {
    return neuron.mode.is_active(i) ? 1.0 : -1.0;
  }
  /// How far a pair is from zero, positive on its side: start + ⟨row, x⟩ for s + x, and what the
  /// lag of samples at rest adds, ⟨lag, rates⟩/t.
  struct Course {
    double start;
    Vector row;
    std::optional<Vector> lag;
    double reach = 0.0;  ///< t times what hops take from it
  };
  Course course_of(Eigen::Index k, Eigen::Index i) const;
  double inverse_time(double delta) const { return std::exp(-(state_.theta + delta)); }
  double lag_at(const Course& course, double delta) {
    if (!course.lag && course.reach == 0.0) return 0.0;
    const double lag = course.lag ? course.lag->dot(rates_.at(delta)) : 0.0;
    return inverse_time(delta) * (lag - course.reach);
  }
  double lag_at_grid(const Course& course, int j) {
    if (!course.lag && course.reach == 0.0) return 0.0;
    const double lag = course.lag ? course.lag->dot(rates_.at_grid(j)) : 0.0;
    return inverse_time(step_.moment(j)) * (lag - course.reach);
  }
  /// dh/dθ, but for what the lag of samples at rest adds.
  double speed(const Course& course, double delta) {
    return course.row.dot(rates_.at(delta)) + inverse_time(delta) * course.reach;
  }
  double speed_at_grid(const Course& course, int j) {
    return course.row.dot(rates_.at_grid(j)) + inverse_time(step_.moment(j)) * course.reach;
  }
  double height(const Course& course, double delta) {
    return course.start + course.row.dot(step_.at(delta)) + lag_at(course, delta);
  }
  double height_at_grid(const Course& course, int j) {
    return course.start + course.row.dot(step_.grid(j)) + lag_at_grid(course, j);
  }
  void find_crossings();
  std::optional<FoundEvent> crossing(Eigen::Index k, Eigen::Index i);
  double first_at_zero(const Course& course);
  struct Contact {
    double when;          ///< δ; never: not in this step
    double left = 0.0;    ///< t times how far it still is from zero
    double away = 0.0;    ///< its velocity, dz/dθ, away from zero
    double onward = 0.0;  ///< the same beyond zero, away from there; 0: it would not go there
  };
  Contact contact_of(Eigen::Index k, Eigen::Index i, const Course& course);
  std::optional<FoundEvent> taken_across(Eigen::Index k, Eigen::Index i, Course course);
  void find_exits();
  double variation();
  void watch_near_misses();

  const FlowState& state_;
  const DenseStep& step_;
  StepRates rates_;
  FlowSearch found_{};
};

EventSearch::Course EventSearch::course_of(Eigen::Index k, Eigen::Index i) const {
  const FlowNeuron& neuron = state_.neuron(k);
  const Vector row =
      side(neuron, i) * preactivation_row(*state_.problem, neuron.group, neuron.mode, i);
  const Vector asked = state_.problem->rivals.asked(neuron.group, row);
  Course course{0.0, state_.driven_row(asked), state_.lag_row(asked)};
  course.start = side(neuron, i) * state_.z(k, i) + course.row.dot(state_.s - neuron.since);
  return course;
}

/// The earliest crossing of a pair that does not slide.
void EventSearch::find_crossings() {
  const Vector reached = state_.travel + state_.reach * step_.end();
  const bool lags = state_.lag_counts();  // what s has not in it
  for (Eigen::Index k = 0; k < state_.problem->neurons(); ++k) {
    const FlowNeuron& neuron = state_.neuron(k);
    if (!lags && (neuron.room.array() > reached.array()).all()) continue;
    for (Eigen::Index i = 0; i < state_.samples(); ++i) {
      if (neuron.room[i] > reached[i] && (!lags || neuron.room[i] == never)) continue;
      const auto event = crossing(k, i);
      if (!event || event->delta >= earliest()) continue;
      found_.first = event;
      if (event->delta == 0.0) return;
    }
  }
}

/// How a pair crosses zero, unless after the earliest event so far.
std::optional<FoundEvent> EventSearch::crossing(Eigen::Index k, Eigen::Index i) {
  Course course = course_of(k, i);
  const double tolerance =
      crossing_tolerance * std::max(state_.z.col(i).cwiseAbs().maxCoeff(), 1e-300);
  const double first_lag = lag_at_grid(course, 0);
  if (state_.feels_hops(k, i)) {
    if (auto event = taken_across(k, i, course)) return event;
  }
  course.start += tolerance;
  // Just crossed, and part of a step late (delay_of): it is on its way.
  if (course.start + first_lag <= 0.0 && course.row.dot(state_.last_lambda) > 0.0) {
    course.start = tolerance - first_lag;
  }
  const double when = first_at_zero(course);
  if (when == never) {
    found_.looked_at.emplace_back(k, i);
    return std::nullopt;
  }
  return FoundEvent{when, k, i, cause_at_zero(state_, state_.neuron(k).group, i)};
}

/// How hops of other pairs of the neuron take one that pushes away from zero across, which would
/// not get there on its own: where it turns back within their reach, or stays there because its
/// sample lies nearly on one line with theirs.
std::optional<FoundEvent> EventSearch::taken_across(Eigen::Index k, Eigen::Index i, Course course) {
  const FlowNeuron& neuron = state_.neuron(k);
  const double to_side = -side(neuron, i);
  const auto is_left_alone = [&](const Contact& contact) {
    if (contact.when == never) return true;
    const double wait = std::min(soon, soon_in_log_time * std::exp(state_.theta + contact.when));
    if (contact.away < 0.0 && contact.left <= -contact.away * wait) return true;
    return contact.onward <= std::max(0.0, contact.away);
  };
  // Mostly a bound does; how far hops really take it, only carrying them out tells.
  course.reach = beyond_bounds * state_.hop_bounds(neuron)[i];
  if (is_left_alone(contact_of(k, i, course))) return std::nullopt;
  course.reach = hop_reach(*state_.problem, neuron.group, neuron.mode,
                           state_.felt(neuron.group, state_.drive()), i, to_side);
  const Contact contact = contact_of(k, i, course);
  if (is_left_alone(contact)) return std::nullopt;
  if (contact.onward < course.reach && steps_for_hops * contact.away > course.reach) {
    found_.undecided.emplace_back(k, i);  // whether they will before it has left
    return std::nullopt;
  }
  return FoundEvent{contact.when, k, i, FlowCause::own_crosses, course.reach};
}

/// The first moment at which the pair is within the reach of hops, and what it does then.
EventSearch::Contact EventSearch::contact_of(Eigen::Index k, Eigen::Index i, const Course& course) {
  Contact contact{.when = first_at_zero(course)};
  if (contact.when == never) return contact;
  const FlowNeuron& neuron = state_.neuron(k);
  const double to_side = -side(neuron, i);
  const Vector lambda = state_.felt(
      neuron.group, state_.driven(state_.multiplier_rates(contact.when, step_.at(contact.when))));
  const auto velocity = [&](const NeuronMode& mode) {
    return to_side * preactivation_row(*state_.problem, neuron.group, mode, i).dot(lambda);
  };
  const double steps = std::exp(state_.theta + contact.when);
  contact.left = course.reach + steps * std::min(0.0, height(course, contact.when));
  contact.away = -velocity(neuron.mode);
  NeuronMode beyond = neuron.mode;
  meet_zero(*state_.problem, neuron.group, lambda, i, {}, beyond);
  if (!beyond.at_zero(i) && beyond.is_active(i) != neuron.mode.is_active(i)) {
    contact.onward = velocity(beyond);
  }
  return contact;
}

/// When a pair is at zero first; never: not before the earliest event so far. Since every entry of
/// s only grows, ⟨v, Δs⟩ is bounded over any part of the step by the parts of v of one sign: most
/// pairs are proved not to cross without a look at the inside of the step, the others are bisected.
/// The lag of samples at rest is taken for monotone within a cell.
double EventSearch::first_at_zero(const Course& course) {
  const Vector& row = course.row;
  const double first_lag = lag_at_grid(course, 0);
  if (course.start + first_lag <= 0.0) return 0.0;
  // Where the pair is above zero at both ends of a cell, the bound may have failed because it
  // turns back inside: its lowest point decides.
  double turn = std::numeric_limits<double>::quiet_NaN();
  const auto below_zero = [&](int left, int right) -> int {
    const double end = height_at_grid(course, right);
    if (end <= 0.0) return right;
    const double a = step_.moment(left), b = step_.moment(right);
    const double falls = speed_at_grid(course, left), rises = speed_at_grid(course, right);
    if (!(falls < 0.0) || !(rises > 0.0)) return -1;
    // Between the ends it lies above both tangents.
    const double start_here = height_at_grid(course, left);
    const double meet = (start_here - end + rises * (b - a)) / (rises - falls);
    if (start_here + falls * meet > 0.0) return -1;
    const auto fall = [&](double delta) { return -speed(course, delta); };
    const double lowest = root_between(fall, a, b);
    if (height(course, lowest) > 0.0) return -1;
    turn = lowest;
    return right;
  };
  // First cell of the grid at whose right end the pair is beyond zero; −1: none in time.
  const std::function<int(int, int, double)> scan = [&](int left, int right, double h) -> int {
    if (step_.moment(left) > earliest()) return -1;
    const Vector moved = step_.grid(right) - step_.grid(left);
    const double lag_moved = lag_at_grid(course, right) - lag_at_grid(course, left);
    if (h + row.cwiseProduct(moved).cwiseMin(0.0).sum() + std::min(0.0, lag_moved) > 0.0) return -1;
    if (right - left == 1) return below_zero(left, right);
    const int middle = (left + right) / 2;
    const int before = scan(left, middle, h);
    if (before >= 0) return before;
    return scan(middle, right, height_at_grid(course, middle));
  };
  const int cell = scan(0, DenseStep::points, course.start + first_lag);
  if (cell < 0) return never;
  const double left = step_.moment(cell - 1);
  const double right = std::isnan(turn) ? step_.moment(cell) : turn;
  return root_between([&](double delta) { return height(course, delta); }, left, right);
}

/// λ_variation at the end: how far λ moves between points of the step, and by its bends on the way
/// to and fro.
double EventSearch::variation() {
  constexpr int stride = DenseStep::points / 4;
  double result = state_.lambda_variation;
  for (int j = stride; j <= DenseStep::points; j += stride) {
    const Vector change = rates_.drive_at_grid(j) - rates_.drive_at_grid(j - stride);
    result += change.cwiseAbs().maxCoeff();
    if (j == DenseStep::points) continue;
    const Vector bend = rates_.drive_at_grid(j + stride) - rates_.drive_at_grid(j) - change;
    result += bend.cwiseAbs().maxCoeff();
  }
  return result;
}

/// The earliest sliding pair whose multiplier reaches a bound, and the earliest neuron that leaves
/// the origin of a span.
void EventSearch::find_exits() {
  found_.lambda_variation = variation();
  const auto look = [&](Eigen::Index k, Eigen::Index l, FlowCause cause, const auto& room) {
    const double when = first_fall(
        step_, [&](int j) { return room(rates_.drive_at_grid(j)); },
        [&](double delta) { return room(rates_.drive_at(delta)); });
    if (when < earliest()) found_.first = {when, k, l, cause};
  };
  for (Eigen::Index k = 0; k < state_.problem->neurons(); ++k) {
    const FlowNeuron& neuron = state_.neuron(k);
    if (!neuron.mode.slides() || neuron.slack > found_.lambda_variation) continue;
    const auto felt = [&](const Vector& all) { return state_.felt(neuron.group, all); };
    if (neuron.mode.climb.rows() > 0) {  // it leaves the origin of its span, or stays there
      look(k, neuron.mode.sliding[0], FlowCause::leaves_upward, [&](const Vector& all) {
        const Vector lambda = felt(all);
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
             [&](const Vector& all) {
               const Vector lambda = felt(all);
               const double beta = share.dot(lambda);
               const FoldBounds bounds = fold_bounds(*state_.problem, neuron.group, l, lambda);
               const double room = upper ? bounds.above - beta : beta - bounds.below;
               return room + exit_tolerance * (std::abs(bounds.above) + std::abs(bounds.below));
             });
      }
    }
  }
}

/// Own-class pairs that turned back from zero before the first event, nearer to it than their
/// error.
void EventSearch::watch_near_misses() {
  if (found_.looked_at.empty()) return;
  const Vector x = found_.first ? step_.at(found_.first->delta) : step_.end();
  const Vector rates_then =
      found_.first ? rates_.at(found_.first->delta) : rates_.at_grid(DenseStep::points);
  for (const auto& [k, i] : found_.looked_at) {
    const FlowNeuron& neuron = state_.neuron(k);
    if (cause_at_zero(state_, neuron.group, i) != FlowCause::own_crosses) continue;
    const Course course = course_of(k, i);
    const double start = course.start + lag_at_grid(course, 0);
    const double end = course.start + course.row.dot(x) +
                       lag_at(course, found_.first ? found_.first->delta : step_.size());
    if (std::min(start, end) < neuron.errors[i] && course.row.dot(state_.last_lambda) < 0.0 &&
        course.row.dot(rates_then) > 0.0) {
      found_.undecided.emplace_back(k, i);
    }
  }
}

}  // namespace

FlowCause cause_at_zero(const FlowState& state, int group, Eigen::Index i) {
  return state.pushes_away(group, i) ? FlowCause::own_crosses : FlowCause::other_meets;
}

FlowSearch first_event(const FlowState& state, const DenseStep& step) {
  return EventSearch(state, step).run();
}

}  // namespace latetime
