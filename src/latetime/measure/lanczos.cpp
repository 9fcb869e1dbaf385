#include "latetime/measure/lanczos.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "latetime/base/random.hpp"
#include "latetime/data/symmetric_eigen.hpp"

namespace latetime {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr Eigen::Index most_steps = 96;
// Rounding of products, traces and norms of sums of squares, relative to the trace.
constexpr double rounding = 1e-13;

Vector random_direction(Eigen::Index dimension) {
  RandomStream stream(0, RandomPurpose::iteration_start);
  Vector direction(dimension);
  for (double& entry : direction) entry = stream.normal();
  return direction.normalized();
}

}  // namespace

ProvedLanczos::ProvedLanczos(Eigen::Index dimension, double trace, double tolerance)
    : trace_(trace),
      tolerance_(tolerance),
      squared_norm_(infinity),
      basis_(dimension, std::min(dimension, most_steps)),
      direction_(random_direction(dimension)),
      error_(infinity) {}

void ProvedLanczos::take_product(const Vector& product) {
  const auto step = static_cast<Eigen::Index>(diagonal_.size());
  basis_.col(step) = direction_;
  const auto before = basis_.leftCols(step + 1);
  diagonal_.push_back(direction_.dot(product));
  Vector next = product;
  for (int round = 0; round < 2; ++round) next -= before * (before.transpose() * next).eval();
  beside_.push_back(next.norm());
  direction_ = beside_.back() > 0.0 ? Vector(next / beside_.back()) : Vector(next);
  judge();
}

void ProvedLanczos::take_squared_norm(double squared_norm) {
  squared_norm_ = squared_norm;
  if (top_ <= 0.0) return;
  error_ = std::min(error_, closed_top(bound_of_rest()) / top_ - 1.0 + rounding);
}

double ProvedLanczos::bound_of_rest() const {
  double left = trace_, squares_left = squared_norm_;
  for (const double entry : diagonal_) {
    left -= entry;
    squares_left -= entry * entry;
  }
  for (const double entry : beside_) squares_left -= 2.0 * entry * entry;
  left = std::max(left, 0.0) + rounding * trace_;
  squares_left = std::max(squares_left, 0.0) + rounding * trace_ * trace_;
  return std::min(left, std::sqrt(squares_left));
}

/// Top eigenvalue of the Lanczos matrix closed by `bound`.
double ProvedLanczos::closed_top(double bound) const {
  const auto steps = static_cast<Eigen::Index>(diagonal_.size());
  Vector diagonal(steps + 1);
  diagonal << Eigen::Map<const Vector>(diagonal_.data(), steps), bound;
  const double scale = diagonal.maxCoeff();
  const Vector beside = Eigen::Map<const Vector>(beside_.data(), steps) / scale;
  return scale * tridiagonal_eigenvalues(diagonal / scale, beside)[steps];
}

/// What the steps so far say of the top eigenvalue.
void ProvedLanczos::judge() {
  const auto steps = static_cast<Eigen::Index>(diagonal_.size());
  const Eigen::Map<const Vector> diagonal(diagonal_.data(), steps);
  const Eigen::Map<const Vector> beside(beside_.data(), steps);
  const double scale = diagonal.maxCoeff();
  if (scale <= 0.0) {
    // The start lies in the kernel, to rounding: nothing is known of the top, error_ stays
    // infinite.
    settled_ = beside_.back() == 0.0 || steps == basis_.cols();
    return;
  }
  const SymmetricEigen small = tridiagonal_eigen(diagonal / scale, beside.head(steps - 1) / scale);
  top_ = scale * small.values[steps - 1];
  const bool whole_space = steps == basis_.rows() || beside_.back() <= rounding * scale;
  if (whole_space && steps == basis_.rows()) {
    error_ = rounding;
  } else {
    error_ = std::max(0.0, closed_top(bound_of_rest()) / top_ - 1.0) + rounding;
  }
  // The distance of θ from its eigenvalue, if the next Ritz value stands for the next eigenvalue.
  const double second = steps > 1 ? scale * small.values[steps - 2] : 0.0;
  const double residual = beside_.back() * std::abs(small.vectors(steps - 1, steps - 1));
  const double likely = residual * residual / std::max(top_ - second, residual);
  settled_ = proved() || whole_space || steps == basis_.cols() ||
             (steps > 2 && likely <= 0.1 * tolerance_ * top_);
}

}  // namespace latetime
