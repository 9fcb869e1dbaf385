#pragma once

#include <vector>

#include "latetime/data/dataset.hpp"

namespace latetime {

/// Lanczos iteration with full orthogonalisation for the top eigenvalue λ of a symmetric positive
/// semidefinite matrix G, with a proof that it is the top one. The caller multiplies: direction()
/// in, G times it back through take_product().
///
/// In the basis [V | V⊥], V the directions so far, G is [T, β e uᵀ; β u eᵀ, R] with the Lanczos
/// matrix T and an unseen rest R. With R ≤ b I, λ is at most the top eigenvalue of the tridiagonal
/// matrix [T, β e; β eᵀ, b]. Two bounds b are known: the trace that T leaves over, always; and the
/// Frobenius norm that it leaves over, where ‖G‖_F is known.
class ProvedLanczos {
 public:
  /// Needs trace = tr G > 0. The start is a fixed random vector.
  ProvedLanczos(Eigen::Index dimension, double trace, double tolerance);

  const Vector& direction() const { return direction_; }
  /// Takes G · direction() and moves on to the next direction.
  void take_product(const Vector& product);
  /// Uses ‖G‖_F² from here on.
  void take_squared_norm(double squared_norm);

  std::size_t steps() const { return diagonal_.size(); }
  double top() const { return top_; }  ///< θ ≤ λ
  /// Proved: λ ≤ top() (1 + error()). Infinity until the first step.
  double error() const { return error_; }
  /// error() is within the tolerance.
  bool proved() const { return error_ <= tolerance_; }
  /// θ has converged (to an eigenvalue, proved to be the top one or not), or the steps are used up.
  bool settled() const { return settled_; }

 private:
  void judge();
  double bound_of_rest() const;
  double closed_top(double bound) const;

  const double trace_, tolerance_;
  double squared_norm_;  // infinity: not known
  Eigen::MatrixXd basis_;
  std::vector<double> diagonal_, beside_;
  Vector direction_;
  double top_ = 0.0;
  double error_;
  bool settled_ = false;
};

}  // namespace latetime
