#include "latetime/optimize/active_set.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

/// Squared pivots below this part of the diagonal count as zero: the variable depends on the rest.
constexpr double kPivotTolerance = 1e-12;
/// Only squared pivots below this part of the diagonal are compared with their own rounding: the
/// others exceed it, since no entry of A_FF⁻¹A_Fj exceeds 1/√kPivotTolerance by much.
constexpr double kSmallPivot = 1e-2;
/// Entries of a null direction below this part of its largest count as zero.
constexpr double kDirectionNoise = 1e-12;
constexpr double kRayTolerance = 1e-10;
constexpr double kSolvedTolerance = 1e-10;
/// Exchanges without a new least number of violators before the exchange gives up.
constexpr int kExchangePatience = 4;

std::size_t at(int i) {
  return static_cast<std::size_t>(i);
}

void require(bool condition, std::string_view name, const char* problem) {
  if (!condition) throw InputError(std::string(name), problem);
}

/// The power of two 2^-k for which 4^-k · diagonal is in [½, 2); 1 for a zero diagonal.
double power_of_two_scale(double diagonal) {
  if (diagonal == 0) return 1;
  int exponent = 0;
  std::frexp(diagonal, &exponent);
  return std::ldexp(1.0, -(exponent >> 1));
}

double ratio(double part, double whole) {
  return part == 0 ? 0 : std::abs(part) / whole;
}

}  // namespace

ActiveSet::ActiveSet(const ActiveSetProblem& problem)
    : problem_(problem),
      n_(static_cast<int>(problem.b.size())),
      a_(n_, n_),
      factor_(a_),
      d_(n_),
      b_(n_),
      lower_(n_),
      upper_(n_),
      y_(n_),
      gradient_(n_),
      magnitude_(n_),
      target_(at(n_)),
      work_(at(n_)),
      state_(at(n_), BoundState::lower),
      refused_(at(n_), 0),
      tolerance_(4 * (n_ + 4) * std::numeric_limits<double>::epsilon()) {
  require(problem.a.rows() == n_ && problem.a.cols() == n_, problem.name,
          "the matrix must be n x n for n entries of b");
  require(problem.lower.size() == n_ && problem.upper.size() == n_, problem.name,
          "the bounds must have as many entries as b");
  scale();
}

void ActiveSet::scale() {
  const auto& p = problem_;
  for (int i = 0; i < n_; ++i) {
    require(std::isfinite(p.a(i, i)) && std::isfinite(p.b[i]), p.name, "an entry is not finite");
    require(p.a(i, i) >= 0, p.name,
            "a diagonal entry is negative; the matrix must be semidefinite");
    require(p.lower[i] <= p.upper[i], p.name, "a lower bound is not <= its upper bound");
    d_[i] = power_of_two_scale(p.a(i, i));
    b_[i] = p.b[i] * d_[i];
    lower_[i] = p.lower[i] / d_[i];
    upper_[i] = p.upper[i] / d_[i];
  }
  for (int j = 0; j < n_; ++j) {
    for (int i = j; i < n_; ++i) {
      a_(i, j) = p.a(i, j) * d_[i] * d_[j];
      a_(j, i) = a_(i, j);
    }
  }
  require(a_.allFinite(), p.name, "an entry is not finite, or the matrix is not semidefinite");
}

ActiveSetSolution ActiveSet::solve(std::span<const BoundState> start, int exchange_rounds) {
  require(start.empty() || start.size() == state_.size(), problem_.name,
          "the starting states must be n, or none");
  for (int i = 0; i < n_; ++i) bind(i, start.empty() ? BoundState::free : start[at(i)]);
  exchange(exchange_rounds);
  if (!finished_) {
    restore();
    descend();
  }
  if (!ray_) polish();
  return unscaled();
}

// ---- Part 1: exchange ---------------------------------------------------------------------------

void ActiveSet::exchange(int rounds) {
  int fewest = n_ + 1;
  int patience = kExchangePatience;
  for (int round = 0; round < rounds; ++round) {
    ++iterations_;
    factor_free();
    fill_target();
    for (std::size_t p = 0; p < factor_.size(); ++p) y_[factor_.order()[p]] = target_[p];
    fill_gradient();
    const int violators = count_and_swap_violators();
    finished_ = violators == 0;
    if (violators < fewest) {
      fewest = violators;
      patience = kExchangePatience;
    } else if (--patience == 0) {
      return;
    }
    if (finished_) return;
  }
}

int ActiveSet::count_and_swap_violators() {
  int count = 0;
  for (int i = 0; i < n_; ++i) {
    if (state_[at(i)] != BoundState::free && violation(i) > 0) {
      ++count;
      state_[at(i)] = BoundState::free;  // y_i stays at its bound until the next solution
      continue;
    }
    if (state_[at(i)] != BoundState::free || (y_[i] > lower_[i] && y_[i] < upper_[i])) continue;
    ++count;
    bind(i, y_[i] <= lower_[i] ? BoundState::lower : BoundState::upper);
  }
  return count;
}

// ---- Part 2: restore ----------------------------------------------------------------------------

void ActiveSet::restore() {
  do {
    ++iterations_;
    factor_free();
    fill_target();
  } while (clamp_violators() > 0);
  for (std::size_t p = 0; p < factor_.size(); ++p) y_[factor_.order()[p]] = target_[p];
}

int ActiveSet::clamp_violators() {
  int count = 0;
  for (std::size_t p = 0; p < factor_.size(); ++p) {
    const int i = factor_.order()[p];
    if (target_[p] > lower_[i] && target_[p] < upper_[i]) continue;
    bind(i, target_[p] >= upper_[i] ? BoundState::upper : BoundState::lower);
    ++count;
  }
  return count;
}

// ---- Part 3: descend ----------------------------------------------------------------------------

void ActiveSet::descend() {
  const int limit = iterations_ + 20 * n_ + 100;
  int second_chances = 2;
  while (iterations_ < limit) {
    ++iterations_;
    fill_gradient();
    const int j = steepest();
    if (j < 0) {
      // A refusal was judged at another point; judge again at this one.
      const bool any_refused = std::find(refused_.begin(), refused_.end(), 1) != refused_.end();
      if (!any_refused || second_chances-- == 0) {
        finished_ = true;
        return;
      }
      std::fill(refused_.begin(), refused_.end(), 0);
      continue;
    }
    if (!release(j)) refused_[at(j)] = 1;
    if (ray_) return;
  }
}

/// The bound variable with the largest scaled descending gradient (the first of equals), or −1.
int ActiveSet::steepest() const {
  int best = -1;
  for (int i = 0; i < n_; ++i) {
    if (state_[at(i)] == BoundState::free || refused_[at(i)] || !(violation(i) > 0)) continue;
    if (best < 0 || std::abs(gradient_[i]) > std::abs(gradient_[best])) best = i;
  }
  return best;
}

/// Frees variable j and moves to a minimiser over the free variables. False, with everything as it
/// was, if rounding would push j outward.
bool ActiveSet::release(int j) {
  const BoundState bound = state_[at(j)];
  const double sign = bound == BoundState::lower ? 1 : -1;
  bool moved = false;
  double pivot = 0;
  const NullMove outcome = slide_along_null_direction(j, sign, pivot, moved);
  if (outcome == NullMove::unbounded) return true;
  if (outcome != NullMove::independent) {
    if (outcome == NullMove::refused) bind(j, bound);
    if (moved) move_to_target();
    return outcome == NullMove::moved_to_bound;
  }
  factor_.append(j, pivot);
  state_[at(j)] = BoundState::free;
  fill_target();
  if (!moved && !((target_[factor_.size() - 1] - y_[j]) * sign > 0)) {
    bind_position(factor_.size() - 1, bound);
    return false;
  }
  move_to_target();
  return true;
}

/// While j depends on the free variables F, moves y along  r_j = sign, r_F = −sign · A_FF⁻¹A_Fj,
/// on which the objective falls linearly, until j meets its other bound or some free variable meets
/// one and leaves F. F shrinks in every round, so this ends.
ActiveSet::NullMove ActiveSet::slide_along_null_direction(int j, double sign, double& pivot,
                                                          bool& moved) {
  for (;;) {
    if (is_independent(j, pivot)) return NullMove::independent;
    const std::size_t count = factor_.size();
    const std::span<double> w(work_.data(), count);
    factor_.dependence(w);
    const double noise = pivot_rounding(j, w);
    double largest = 1;
    for (double entry : w) largest = std::max(largest, std::abs(entry));
    double step = sign > 0 ? upper_[j] - y_[j] : y_[j] - lower_[j];
    std::size_t blocker = count;
    for (std::size_t p = 0; p < count; ++p) {
      const int i = factor_.order()[p];
      if (std::abs(w[p]) <= kDirectionNoise * largest) continue;
      const double room = -sign * w[p] > 0 ? upper_[i] - y_[i] : y_[i] - lower_[i];
      if (room < step * std::abs(w[p])) {
        step = room / std::abs(w[p]);
        blocker = p;
      }
    }
    const bool unbounded = std::isinf(step);
    if (unbounded && is_ray(j, w)) return NullMove::unbounded;
    // The objective would rise again before the bound: the direction is curved after all.
    if (step * pivot > std::abs(gradient_[j]) && pivot > noise) {
      return NullMove::independent;
    }
    if (unbounded) return NullMove::refused;
    for (std::size_t p = 0; p < count; ++p) {
      const int i = factor_.order()[p];
      y_[i] = std::clamp(y_[i] - sign * step * w[p], lower_[i], upper_[i]);
    }
    moved = true;
    if (blocker == count) {
      bind(j, sign > 0 ? BoundState::upper : BoundState::lower);
      return NullMove::moved_to_bound;
    }
    y_[j] = std::clamp(y_[j] + sign * step, lower_[j], upper_[j]);
    bind_position(blocker, -sign * w[blocker] > 0 ? BoundState::upper : BoundState::lower);
  }
}

/// Tests r = e_j − Σ_F w_i e_i, improved by one step of refinement and clipped to r ≥ 0, as a proof
/// that the objective is unbounded below; keeps it in `ray_` if it is one.
bool ActiveSet::is_ray(int j, std::span<double> w) {
  const auto order = factor_.order();
  for (std::size_t p = 0; p < w.size(); ++p) {
    double residual = a_(order[p], j);
    for (std::size_t q = 0; q < w.size(); ++q) residual -= a_(order[p], order[q]) * w[q];
    target_[p] = residual;
  }
  factor_.solve({target_.data(), w.size()});
  Vector r = Vector::Zero(n_);
  r[j] = 1;
  for (std::size_t p = 0; p < w.size(); ++p) r[order[p]] = std::max(0.0, -(w[p] + target_[p]));
  const Vector root = a_.diagonal().cwiseSqrt();
  const double size = root.dot(r);
  const Vector image = a_ * r;
  for (int i = 0; i < n_; ++i) {
    if (std::abs(image[i]) > kRayTolerance * root[i] * size) return false;
  }
  if (!(b_.dot(r) > kRayTolerance * b_.cwiseAbs().dot(r))) return false;
  ray_ = std::move(r);
  return true;
}

/// Moves the free variables towards their joint minimiser; those that meet a bound leave, and the
/// rest aim anew.
void ActiveSet::move_to_target() {
  for (;;) {
    fill_target();
    double step = 1;
    const auto step_to_bound = [&](std::size_t p) {
      const int i = factor_.order()[p];
      if (target_[p] > lower_[i] && target_[p] < upper_[i]) return 2.0;
      const double room = (target_[p] >= upper_[i] ? upper_[i] : lower_[i]) - y_[i];
      return room == 0 ? 0.0 : room / (target_[p] - y_[i]);
    };
    for (std::size_t p = 0; p < factor_.size(); ++p) step = std::min(step, step_to_bound(p));
    bool met_bound = false;
    for (std::size_t p = factor_.size(); p-- > 0;) {
      const int i = factor_.order()[p];
      if (step_to_bound(p) <= step) {
        bind_position(p, target_[p] >= upper_[i] ? BoundState::upper : BoundState::lower);
        met_bound = true;
        continue;
      }
      y_[i] = step == 1 ? target_[p] : y_[i] + step * (target_[p] - y_[i]);
    }
    if (!met_bound) return;
  }
}

// ---- The last step ------------------------------------------------------------------------------

/// Factors the free block anew in index order, so that the answer does not depend on the path, and
/// refines the solution once.
void ActiveSet::polish() {
  while (!polish_free()) {
  }
  fill_gradient();
}

/// False if a variable met its bound, which leaves the others to be solved for again.
bool ActiveSet::polish_free() {
  factor_.clear();
  for (int i = 0; i < n_; ++i) {
    if (state_[at(i)] != BoundState::free) continue;
    const double pivot = factor_.try_append(i);
    if (!(pivot > 0)) {  // independent only in the order in which it joined: keep the point
      return true;
    }
    factor_.append(i, pivot);
  }
  fill_target();
  for (std::size_t p = 0; p < factor_.size(); ++p) y_[factor_.order()[p]] = target_[p];
  fill_gradient();
  for (std::size_t p = 0; p < factor_.size(); ++p) target_[p] = -gradient_[factor_.order()[p]];
  factor_.solve({target_.data(), factor_.size()});
  bool all_free = true;
  for (std::size_t p = 0; p < factor_.size(); ++p) {
    const int i = factor_.order()[p];
    y_[i] += target_[p];
    if (y_[i] > lower_[i] && y_[i] < upper_[i]) continue;
    bind(i, y_[i] <= lower_[i] ? BoundState::lower : BoundState::upper);
    all_free = false;
  }
  return all_free;
}

ActiveSetSolution ActiveSet::unscaled() const {
  ActiveSetSolution solution{.x = y_.cwiseProduct(d_),
                             .gradient = gradient_.cwiseQuotient(d_),
                             .state = state_,
                             .certificate = certificate(),
                             .iterations = iterations_};
  for (int i = 0; i < n_; ++i) {  // bounds that scaling underflowed come back exactly
    if (state_[at(i)] == BoundState::lower) solution.x[i] = problem_.lower[i];
    if (state_[at(i)] == BoundState::upper) solution.x[i] = problem_.upper[i];
  }
  if (ray_) {
    solution.ray = ray_->cwiseProduct(d_);
    *solution.ray /= solution.ray->maxCoeff();
    return solution;
  }
  const QpCertificate& c = solution.certificate;
  solution.solved = finished_ && c.stationarity <= kSolvedTolerance &&
                    c.feasibility <= kSolvedTolerance && c.complementarity <= kSolvedTolerance;
  return solution;
}

QpCertificate ActiveSet::certificate() const {
  QpCertificate worst{.stationarity = 0, .feasibility = 0, .complementarity = 0};
  const double largest = n_ > 0 ? y_.cwiseAbs().maxCoeff() : 0;
  const auto raise = [](double& field, double value) {
    if (!(value <= field)) field = value;  // a NaN stays
  };
  for (int i = 0; i < n_; ++i) {
    const double gradient = ratio(gradient_[i], magnitude_[i]);
    const bool bounded = std::isfinite(upper_[i]);
    const double size = bounded ? std::max(std::abs(lower_[i]), std::abs(upper_[i])) : largest;
    const double room = gradient_[i] > 0 ? y_[i] - lower_[i] : upper_[i] - y_[i];
    if (state_[at(i)] == BoundState::free) {
      raise(worst.stationarity, gradient);
    } else if (lower_[i] < upper_[i] &&
               (state_[at(i)] == BoundState::lower ? gradient_[i] < 0 : gradient_[i] > 0)) {
      raise(worst.stationarity, gradient);
    }
    raise(worst.feasibility, ratio(std::max({0.0, lower_[i] - y_[i], y_[i] - upper_[i]}), size));
    if (gradient > 0) raise(worst.complementarity, gradient * std::min(1.0, ratio(room, size)));
  }
  return worst;
}

// ---- Shared steps -------------------------------------------------------------------------------

/// Puts the variable on a bound, or marks it free where it stands.
void ActiveSet::bind(int i, BoundState bound) {
  if (lower_[i] == upper_[i]) bound = BoundState::lower;
  state_[at(i)] = bound;
  if (bound == BoundState::lower) y_[i] = lower_[i];
  if (bound == BoundState::upper) y_[i] = upper_[i];
}

void ActiveSet::bind_position(std::size_t p, BoundState bound) {
  bind(factor_.order()[p], bound);
  factor_.remove(p);
}

BoundState ActiveSet::nearest_bound(int i) const {
  return std::abs(upper_[i]) < std::abs(lower_[i]) ? BoundState::upper : BoundState::lower;
}

/// Factors the block of the variables marked free. One that depends on those before it goes to the
/// bound nearer to zero.
void ActiveSet::factor_free() {
  factor_.clear();
  for (int i = 0; i < n_; ++i) {
    if (state_[at(i)] != BoundState::free) continue;
    double pivot = 0;
    if (is_independent(i, pivot)) {
      factor_.append(i, pivot);
    } else {
      bind(i, nearest_bound(i));
    }
  }
}

/// Tries to add j to the factor; `pivot` is its squared pivot. work_ is overwritten.
bool ActiveSet::is_independent(int j, double& pivot) {
  pivot = factor_.try_append(j);
  if (!(pivot > kPivotTolerance * a_(j, j))) return false;
  if (pivot > kSmallPivot * a_(j, j)) return true;
  const std::span<double> w(work_.data(), factor_.size());
  factor_.dependence(w);
  return pivot > pivot_rounding(j, w);
}

/// The pivot is rᵀAr with r = (1, −w); rounding of A and of the factor changes that by about
/// n ε Σ r_i² A_ii.
double ActiveSet::pivot_rounding(int j, std::span<const double> w) const {
  double sum = a_(j, j);
  for (std::size_t p = 0; p < w.size(); ++p) {
    const int i = factor_.order()[p];
    sum += w[p] * w[p] * a_(i, i);
  }
  return tolerance_ * sum;
}

/// target_ = the minimiser over the free variables, the others held, in the factor's order.
void ActiveSet::fill_target() {
  double* rest = work_.data();
  std::copy_n(b_.data(), n_, rest);
  for (int j = 0; j < n_; ++j) {
    if (state_[at(j)] == BoundState::free || y_[j] == 0) continue;
    const double* column = a_.col(j).data();
    for (int i = 0; i < n_; ++i) rest[i] -= column[i] * y_[j];
  }
  for (std::size_t p = 0; p < factor_.size(); ++p) target_[p] = rest[factor_.order()[p]];
  factor_.solve({target_.data(), factor_.size()});
}

void ActiveSet::fill_gradient() {
  double* g = gradient_.data();
  double* m = magnitude_.data();
  for (int i = 0; i < n_; ++i) {
    g[i] = -b_[i];
    m[i] = std::abs(b_[i]);
  }
  for (int j = 0; j < n_; ++j) {
    const double y = y_[j];
    if (y == 0) continue;
    const double* column = a_.col(j).data();
    for (int i = 0; i < n_; ++i) {
      const double term = column[i] * y;
      g[i] += term;
      m[i] += std::abs(term);
    }
  }
}

/// By how much the gradient of a variable at a bound points inward, beyond rounding; ≤ 0 if it does
/// not.
double ActiveSet::violation(int i) const {
  if (lower_[i] == upper_[i]) return 0;
  const double inward = state_[at(i)] == BoundState::lower ? -gradient_[i] : gradient_[i];
  return inward - tolerance_ * magnitude_[i];
}

}  // namespace latetime
