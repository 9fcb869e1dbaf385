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

/// First moment of a step at which a smooth quantity is not above zero; infinite: none `before`. It
/// is looked at on the dyadic grid as closely as its bends ask for, and at its lowest point where
/// the finest cell may hide one below zero.
template <class AtGrid, class At>
double first_fall(const DenseStep& step, double before, const AtGrid& at_grid, const At& at) {
  constexpr double never = std::numeric_limits<double>::infinity();
  const auto moment = [&](int j) { return step.moment(j); };
  const std::function<double(int, int)> scan = [&](int left, int right) {
    if (moment(left) >= before) return never;
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
  EventSearch(const FlowState& state, const DenseStep& step, ModeRows& rows)
      : state_(state),
        step_(step),
        rates_(state, step),
        lags_(state.lag_counts()),
        rows_(rows),
        tops_(static_cast<std::size_t>(state.samples()), -1.0),
        moved_(2 * DenseStep::points),
        felt_moved_(static_cast<std::size_t>(state.problem->rivals.groups())) {}
  FlowSearch run() {
    find_rates();
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
    const Vector& row;  ///< until the next course
    std::optional<Vector> lag;
    double reach = 0.0;  ///< t times what hops take from it
  };
  void go_to(Eigen::Index k);
  Course course_of(Eigen::Index i);
  double top_of(Eigen::Index i);
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
  void find_rates();
  void find_crossings();
  std::optional<FoundEvent> crossing(Eigen::Index i);
  bool stays_clear(Eigen::Index i, double tolerance);
  double first_at_zero(const Course& course);
  struct Cell {
    int left, right;  ///< of the grid
    const Vector& moved(const DenseStep& step, std::vector<Vector>& known) const;
  };
  enum class Trend { falls, rises, turns };
  Trend trend_of(const Course& course, double& fall);
  int first_cell_below(const Course& course, Trend trend, Cell cell, double height, double& turn);
  bool ends_below(const Course& course, Cell cell, double& turn);
  struct Contact {
    double when;          ///< δ; never: not in this step
    double left = 0.0;    ///< t times how far it still is from zero
    double away = 0.0;    ///< its velocity, dz/dθ, away from zero
    double onward = 0.0;  ///< the same beyond zero, away from there; 0: it would not go there
  };
  Contact contact_of(Eigen::Index i, const Course& course);
  std::optional<FoundEvent> taken_across(Eigen::Index i, Course course);
  void find_exits();
  bool stays_held(const FlowNeuron& neuron, std::size_t r);
  void watch_near_misses();

  const FlowState& state_;
  const DenseStep& step_;
  StepRates rates_;
  FlowSearch found_{};
  const bool lags_;  // samples at rest have what s has not in it

  // Of the neuron gone to.
  ModeRows& rows_;
  Eigen::Index at_ = -1;
  Vector since_, felt_since_;   // s − since, and what the neuron felt of it
  std::optional<Vector> hops_;  // FlowState::hop_bounds, once they were asked for
  Vector row_;                  // of the last course
  Vector held_, held_moved_;    // what sliding pairs feel at the start, and how far that moves

  // A margin each: how far rates, and the drive, get from those at the start.
  Vector rates_moved_, drive_moved_;

  // What all pairs share, once it was asked for.
  std::vector<double> tops_;        // n: largest |z| of the sample; −1: not known
  std::vector<Vector> moved_;       // by cell of the grid
  std::vector<Vector> felt_moved_;  // by group: what neurons feel of the whole step
};

/// Turns to neuron k, if it is another one.
void EventSearch::go_to(Eigen::Index k) {
  if (k == at_) return;
  at_ = k;
  const FlowNeuron& neuron = state_.neuron(k);
  rows_.go_to(*state_.problem, neuron.group, neuron.mode, k);
  since_ = state_.s - neuron.since;
  felt_since_ = state_.felt(neuron.group, since_);
  hops_.reset();
}

EventSearch::Course EventSearch::course_of(Eigen::Index i) {
  const FlowNeuron& neuron = state_.neuron(at_);
  const double side = this->side(neuron, i);
  row_ = state_.problem->rivals.asked(neuron.group, side * rows_.row(i));
  Course course{0.0, row_, state_.lag_row(row_)};
  if (state_.plateau) row_ = state_.driven_row(row_);
  course.start = side * state_.z(at_, i) + row_.dot(since_);
  return course;
}

/// The largest |z| of a sample.
double EventSearch::top_of(Eigen::Index i) {
  double& top = tops_[static_cast<std::size_t>(i)];
  if (top < 0.0) top = state_.z.col(i).cwiseAbs().maxCoeff();
  return top;
}

/// How far rates move within the step: between points of it, and by their bends on the way to and
/// fro.
void EventSearch::find_rates() {
  constexpr int stride = DenseStep::points / 4;
  const Vector& first = rates_.drive_at_grid(0);
  Vector bends = Vector::Zero(state_.margins()), rate_bends = bends;
  found_.wander = (rates_.at_grid(0) - state_.foreseen).cwiseAbs();
  found_.lambda_variation = state_.lambda_variation;
  drive_moved_ = rates_moved_ = bends;
  for (int j = stride; j <= DenseStep::points; j += stride) {
    const Vector& now = rates_.drive_at_grid(j);
    const Vector change = now - rates_.drive_at_grid(j - stride);
    found_.lambda_variation += change.cwiseAbs().maxCoeff();
    found_.wander = found_.wander.cwiseMax((rates_.at_grid(j) - state_.foreseen).cwiseAbs());
    drive_moved_ = drive_moved_.cwiseMax((now - first).cwiseAbs());
    rates_moved_ = rates_moved_.cwiseMax((rates_.at_grid(j) - rates_.at_grid(0)).cwiseAbs());
    if (j == DenseStep::points) continue;
    const Vector bend = rates_.drive_at_grid(j + stride) - now - change;
    found_.lambda_variation += bend.cwiseAbs().maxCoeff();
    bends = bends.cwiseMax(bend.cwiseAbs());
    const Vector rate_bend =
        rates_.at_grid(j + stride) - 2.0 * rates_.at_grid(j) + rates_.at_grid(j - stride);
    rate_bends = rate_bends.cwiseMax(rate_bend.cwiseAbs());
  }
  found_.wander += rate_bends;
  rates_moved_ += rate_bends;
  drive_moved_ += bends;
}

/// The earliest crossing of a pair that does not slide. Pairs move as foreseen, but for what rates
/// wander from that; one that may turn back is looked at from as near as its error.
void EventSearch::find_crossings() {
  const Vector wander = state_.reach * found_.wander;
  const Vector reached = state_.travel + step_.size() * wander;
  const double begin = state_.elapsed, end = state_.elapsed + step_.size();
  Vector left(state_.samples());
  for (Eigen::Index k = 0; k < state_.problem->neurons(); ++k) {
    const FlowNeuron& neuron = state_.neuron(k);
    left = neuron.room - reached + (begin * neuron.velocity).cwiseMin(end * neuron.velocity);
    const auto may_turn = neuron.velocity.array().abs() <= wander.array();
    left.array() -= may_turn.select(neuron.errors.array(), 0.0);
    if (!lags_ && (left.array() > 0.0).all()) continue;
    go_to(k);
    for (Eigen::Index i = 0; i < state_.samples(); ++i) {
      if (left[i] > 0.0 && (!lags_ || neuron.room[i] == never)) continue;
      ++found_.looks;
      const auto event = crossing(i);
      if (!event || event->delta >= earliest()) continue;
      found_.first = event;
      if (event->delta == 0.0) return;
    }
  }
}

/// How a pair crosses zero, unless after the earliest event so far.
std::optional<FoundEvent> EventSearch::crossing(Eigen::Index i) {
  const Eigen::Index k = at_;
  const double tolerance = crossing_tolerance * std::max(top_of(i), 1e-300);
  const bool feels_hops = state_.feels_hops(k, i);
  if (!state_.plateau && !feels_hops && stays_clear(i, tolerance)) {
    found_.looked_at.emplace_back(k, i);
    return std::nullopt;
  }
  Course course = course_of(i);
  const double first_lag = lag_at_grid(course, 0);
  if (feels_hops) {
    if (auto event = taken_across(i, course)) return event;
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

/// Whether the bound over the whole step is enough: what first_at_zero asks first, of two classes
/// to the bit, where nothing but s moves the pair.
bool EventSearch::stays_clear(Eigen::Index i, double tolerance) {
  const FlowNeuron& neuron = state_.neuron(at_);
  Vector& moved = felt_moved_[static_cast<std::size_t>(neuron.group)];
  if (moved.size() == 0) {
    moved = state_.felt(neuron.group, Cell{0, DenseStep::points}.moved(step_, moved_));
  }
  const Vector& row = rows_.row(i);
  const double side = this->side(neuron, i);
  const double start = side * (state_.z(at_, i) + row.dot(felt_since_)) + tolerance;
  if (!(start > 0.0)) return false;
  const auto products = row.cwiseProduct(moved);
  const double falls = side > 0.0 ? products.cwiseMin(0.0).sum() : -products.cwiseMax(0.0).sum();
  return start + falls > 0.0;
}

/// How hops of other pairs of the neuron take one that pushes away from zero across, which would
/// not get there on its own: where it turns back within their reach, or stays there because its
/// sample lies nearly on one line with theirs.
std::optional<FoundEvent> EventSearch::taken_across(Eigen::Index i, Course course) {
  const Eigen::Index k = at_;
  const FlowNeuron& neuron = state_.neuron(k);
  const double to_side = -side(neuron, i);
  const auto is_left_alone = [&](const Contact& contact) {
    if (contact.when == never) return true;
    const double wait = std::min(soon, soon_in_log_time * std::exp(state_.theta + contact.when));
    if (contact.away < 0.0 && contact.left <= -contact.away * wait) return true;
    return contact.onward <= std::max(0.0, contact.away);
  };
  // Mostly a bound does; how far hops really take it, only carrying them out tells.
  if (!hops_) hops_ = state_.hop_bounds(neuron);
  course.reach = beyond_bounds * (*hops_)[i];
  if (is_left_alone(contact_of(i, course))) return std::nullopt;
  course.reach = hop_reach(*state_.problem, neuron.group, neuron.mode,
                           state_.felt(neuron.group, state_.drive()), i, to_side);
  const Contact contact = contact_of(i, course);
  if (is_left_alone(contact)) return std::nullopt;
  if (contact.onward < course.reach && steps_for_hops * contact.away > course.reach) {
    found_.undecided.emplace_back(k, i);  // whether they will before it has left
    return std::nullopt;
  }
  return FoundEvent{contact.when, k, i, FlowCause::own_crosses, course.reach};
}

/// The first moment at which the pair is within the reach of hops, and what it does then.
EventSearch::Contact EventSearch::contact_of(Eigen::Index i, const Course& course) {
  Contact contact{.when = first_at_zero(course)};
  if (contact.when == never) return contact;
  const FlowNeuron& neuron = state_.neuron(at_);
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
  const double start = course.start + lag_at_grid(course, 0);
  if (start <= 0.0) return 0.0;
  double fall = 0.0, turn = std::nan("");
  const Trend trend = trend_of(course, fall);
  if (trend == Trend::rises || start > fall) return never;
  const int cell = first_cell_below(course, trend, {0, DenseStep::points}, start, turn);
  if (cell < 0) return never;
  const double left = step_.moment(cell - 1);
  const double right = std::isnan(turn) ? step_.moment(cell) : turn;
  return root_between([&](double delta) { return height(course, delta); }, left, right);
}

/// Which way a pair goes all through the step, as far as the rates at its start and how far they
/// move tell, and how far it falls by at most.
EventSearch::Trend EventSearch::trend_of(const Course& course, double& fall) {
  fall = never;
  if (course.lag) return Trend::turns;
  const double speed = course.row.dot(rates_.at_grid(0));
  const double bound = course.row.cwiseAbs().dot(rates_moved_);
  // Where hops reach, ever less of it adds to the speed.
  if (speed > bound) return Trend::rises;
  fall = step_.size() * (bound - speed);
  const double hops = inverse_time(0.0) * course.reach;
  return speed + hops < -bound ? Trend::falls : Trend::turns;
}

/// How far s moves within the cell, n entries; `known` has two places a point of the grid.
const Vector& EventSearch::Cell::moved(const DenseStep& step, std::vector<Vector>& known) const {
  const int size = right - left;
  Vector& moved = known[static_cast<std::size_t>((DenseStep::points + left) / size)];
  if (moved.size() == 0) moved = step.grid(right) - step.grid(left);
  return moved;
}

/// Right end of the first finest cell of the grid within `cell` at whose end the pair is beyond
/// zero, or in which it turns back from beyond (at `turn` then); −1: none in time. `height`: where
/// the pair is at the left end.
int EventSearch::first_cell_below(const Course& course, Trend trend, Cell cell, double height,
                                  double& turn) {
  const auto [left, right] = cell;
  if (step_.moment(left) > earliest()) return -1;
  const Vector& moved = cell.moved(step_, moved_);
  const double lag_moved = lag_at_grid(course, right) - lag_at_grid(course, left);
  const double falls = course.row.cwiseProduct(moved).cwiseMin(0.0).sum();
  if (height + falls + std::min(0.0, lag_moved) > 0.0) return -1;
  if (trend == Trend::falls && height_at_grid(course, right) > 0.0) return -1;
  if (right - left == 1) {
    return trend == Trend::falls || ends_below(course, cell, turn) ? right : -1;
  }
  const int middle = (left + right) / 2;
  const int before = first_cell_below(course, trend, {left, middle}, height, turn);
  if (before >= 0) return before;
  return first_cell_below(course, trend, {middle, right}, height_at_grid(course, middle), turn);
}

/// Whether the pair is beyond zero at the right end of a finest cell. Where it is above zero at
/// both ends, the bound may have failed because it turns back inside: its lowest point decides,
/// `turn`.
bool EventSearch::ends_below(const Course& course, Cell cell, double& turn) {
  const double end = height_at_grid(course, cell.right);
  if (end <= 0.0) return true;
  const double a = step_.moment(cell.left), b = step_.moment(cell.right);
  const double falls = speed_at_grid(course, cell.left), rises = speed_at_grid(course, cell.right);
  if (!(falls < 0.0) || !(rises > 0.0)) return false;
  // Between the ends it lies above both tangents.
  const double start = height_at_grid(course, cell.left);
  const double meet = (start - end + rises * (b - a)) / (rises - falls);
  if (start + falls * meet > 0.0) return false;
  const auto fall = [&](double delta) { return -speed(course, delta); };
  const double lowest = root_between(fall, a, b);
  if (height(course, lowest) > 0.0) return false;
  turn = lowest;
  return true;
}

/// Whether the multiplier of a sliding pair stays within its bounds for as far as those of the
/// samples move in the step.
bool EventSearch::stays_held(const FlowNeuron& neuron, std::size_t r) {
  const Eigen::Index l = neuron.mode.sliding[r];
  const auto share = neuron.mode.share.row(static_cast<Eigen::Index>(r));
  const double beta = share.dot(held_), moved = share.cwiseAbs().dot(held_moved_);
  const FoldBounds bounds = fold_bounds(*state_.problem, neuron.group, l, held_);
  double bounds_moved = 0.0;
  for (const Eigen::Index i : state_.problem->members[static_cast<std::size_t>(l)]) {
    bounds_moved += std::abs(state_.problem->ratio[static_cast<std::size_t>(i)]) * held_moved_[i];
  }
  return std::min(bounds.above - beta, beta - bounds.below) > moved + bounds_moved;
}

/// The earliest sliding pair whose multiplier reaches a bound, and the earliest neuron that leaves
/// the origin of a span.
void EventSearch::find_exits() {
  const auto look = [&](Eigen::Index k, Eigen::Index l, FlowCause cause, const auto& room) {
    const double when = first_fall(
        step_, earliest(), [&](int j) { return room(rates_.drive_at_grid(j)); },
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
    held_ = felt(rates_.drive_at_grid(0));
    held_moved_ = felt(drive_moved_);
    for (std::size_t r = 0; r < neuron.mode.sliding.size(); ++r) {
      if (stays_held(neuron, r)) continue;
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
    go_to(k);
    const Course course = course_of(i);
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

FlowSearch first_event(const FlowState& state, const DenseStep& step, ModeRows& rows) {
  return EventSearch(state, step, rows).run();
}

}  // namespace latetime
