#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "latetime/data/dataset.hpp"
#include "latetime/optimize/certificate.hpp"
#include "latetime/optimize/free_factor.hpp"

namespace latetime {

/// minimise ½ xᵀAx − bᵀx,  lower ≤ x ≤ upper  (n × n, and n entries each; upper may be infinite).
/// Only the lower triangle of A is read. `name` opens error messages.
struct ActiveSetProblem {
  const Eigen::Ref<const Eigen::MatrixXd>& a;
  const Eigen::Ref<const Vector>& b;
  const Eigen::Ref<const Vector>& lower;
  const Eigen::Ref<const Vector>& upper;
  std::string_view name;
};

struct ActiveSetSolution {
  Vector x;
  Vector gradient;  ///< Ax − b
  std::vector<BoundState> state;
  QpCertificate certificate;
  int iterations = 0;
  bool solved = false;
  std::optional<Vector> ray;
};

/// The active-set method behind `solve_box_qp` and `solve_nonnegative_qp`.
///
/// Variables are scaled by powers of two to a diagonal in [½, 2), so every tolerance is relative
/// and per variable, and no exponent of the input is lost. The method has three parts:
///
///  1. exchange: solve for the free variables, then swap every variable that violates its bound or
///     its gradient's sign, while their number falls (block principal pivoting; Júdice & Pires
///     1994, Kim & Park 2011). Usually this is all, and it may fail without harm;
///  2. restore: violators go to their bounds until the minimiser over the free variables is
///     feasible;
///  3. descend: the primal active-set method (Stark & Parker 1995, BVLS; Lawson & Hanson 1974). One
///     variable with a descending gradient is freed, then the free ones move to their minimiser,
///     stopping at each bound met. Free variables lie strictly within their bounds at the start of
///     a round, so each round lowers the objective, no set of free variables recurs, and there is
///     no cycle. A freed variable that rounding would push outward is left at its bound.
///
/// The free block is kept non-singular: a variable whose squared pivot is below 1e-12 of its
/// diagonal, or below the rounding of the pivot itself, moves along the null direction until
/// something meets a bound.
class ActiveSet {
 public:
  /// Scales the problem. Throws InputError for a wrong shape, an entry that is not finite, a
  /// negative diagonal entry, or lower > upper.
  explicit ActiveSet(const ActiveSetProblem& problem);
  /// At most so many exchanges (part 1) before the method that always ends.
  static constexpr int kExchangeRounds = 60;

  /// `start` is empty or has n entries (throws InputError); it affects the work, not the answer.
  /// With `exchange_rounds` = 0 all is left to parts 2 and 3. Call once.
  ActiveSetSolution solve(std::span<const BoundState> start, int exchange_rounds = kExchangeRounds);

 private:
  void scale();
  void exchange(int rounds);
  void restore();
  void descend();
  void polish();
  bool polish_free();
  ActiveSetSolution unscaled() const;
  QpCertificate certificate() const;

  int count_and_swap_violators();
  int clamp_violators();
  void factor_free();
  bool is_independent(int j, double& pivot);
  double pivot_rounding(int j, std::span<const double> w) const;
  void fill_target();
  void fill_gradient();
  int steepest() const;
  bool release(int j);
  enum class NullMove { independent, moved_to_bound, unbounded, refused };
  NullMove slide_along_null_direction(int j, double sign, double& pivot, bool& moved);
  bool is_ray(int j, std::span<double> w);
  void move_to_target();
  void bind(int i, BoundState bound);
  void bind_position(std::size_t p, BoundState bound);
  double violation(int i) const;
  BoundState nearest_bound(int i) const;

  const ActiveSetProblem& problem_;
  int n_;
  Eigen::MatrixXd a_;  ///< D A D with D a diagonal of powers of two
  FreeFactor factor_;
  // Scaled: y = D⁻¹ x, and likewise the bounds; b and the gradient are multiplied by D.
  Vector d_, b_, lower_, upper_, y_, gradient_, magnitude_;
  std::vector<double> target_, work_;
  std::vector<BoundState> state_;
  std::vector<char> refused_;
  std::optional<Vector> ray_;
  double tolerance_;
  int iterations_ = 0;
  bool finished_ = false;
};

}  // namespace latetime
