#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "latetime/data/dataset.hpp"

namespace latetime {

class LogTimeStepper;

/// The solution inside a step: x(δ) = s(θ + δ) − s(θ), monotone in every entry, 0 ≤ δ ≤ size.
class DenseStep {
 public:
  /// Points of the dyadic grid on which events are looked for.
  static constexpr int points = 64;

  double size() const { return size_; }
  double moment(int j) const { return size_ * j / points; }  ///< of the grid
  Vector at(double delta) const;
  /// x at size · j / points, 0 ≤ j ≤ points; computed when first asked for.
  const Vector& grid(int j) const;
  const Vector& end() const { return grid(points); }

 private:
  friend class LogTimeStepper;
  const LogTimeStepper* stepper_ = nullptr;
  double size_ = 0.0;
  mutable std::array<Vector, points + 1> grid_;
  mutable std::array<bool, points + 1> known_{};
};

/// Dormand–Prince steps of order 5 with error control and dense output (Boost.Odeint) for
/// dx/dδ = f(δ, x). Every step starts at δ = 0 and x = 0, so that rounding is relative to the step
/// and not to the log time and the sums that have been reached.
class LogTimeStepper {
 public:
  using Rates = std::function<Vector(double delta, const Vector& x)>;
  /// Largest error of a step, in units of the tolerance, from the error of x.
  using Size = std::function<double(const Vector& error)>;

  LogTimeStepper(Eigen::Index dimension, Rates rates, Size size);
  ~LogTimeStepper();

  /// The rates at the start have changed.
  void restart();
  /// Takes one step of at most `limit`; false when the step size collapsed.
  bool attempt(double limit);
  /// Takes one step of that size at these constant rates.
  void attempt_straight(double size, const Vector& rates);
  /// The step just taken; valid until the next attempt.
  const DenseStep& dense() const { return dense_; }
  /// Takes the step just taken again, but only as far as `delta`: the full order of the method
  /// there, not that of the dense output.
  void shorten(double delta);
  /// x at `delta` inside the step just taken, from a step as far as that, to the full order of the
  /// method; the step just taken stays.
  Vector part(double delta) const;
  /// Makes the end of the step the new start. The owner's `rates` must refer to it from now on.
  void accept();

  double step_size() const { return size_; }

 private:
  friend class DenseStep;
  using Raw = std::vector<double>;
  struct Method;  // Boost.Odeint's, whose headers take longer to read than all others
  void evaluate(double delta, const Raw& x, Raw& out) const;
  double take(double size);
  void begin_dense();

  Rates rates_;
  Size measure_;
  std::unique_ptr<Method> method_;
  double size_, taken_ = 0.0;
  bool straight_ = false;
  Raw old_, old_rate_, new_, new_rate_, error_;  // old_ is 0
  Vector straight_rates_;
  DenseStep dense_;
};

}  // namespace latetime
