#pragma once

#include "latetime/data/dataset.hpp"

namespace latetime {

/// Singular values of a, descending, min(rows, cols) of them (LAPACK dgesdd).
/// Absolute error a few roundings of the largest.
Vector singular_values(const Matrix& a);

/// ‖A‖_F² / ‖A‖₂².
struct StableRank {
  double value = 0.0;   ///< 1 + excess; NaN for the zero matrix
  double excess = 0.0;  ///< stable rank − 1 = Σ_{k≥2} s_k² / s_1², summed from the trailing
                        ///< singular values, so that it keeps its digits when it is small
};

/// From singular values in descending order.
StableRank stable_rank(const Vector& singular_values);

/// A Aᵀ, rows × rows.
Eigen::MatrixXd gram_of_rows(const Matrix& a);

/// W Wᵀ (neurons × neurons) from the coefficients of W = W⁰ + C X (Definition 5.1):
/// W⁰W⁰ᵀ + C Z⁰ᵀ + Z⁰Cᵀ + C G Cᵀ. A record then costs no product with d.
class NeuronGram {
 public:
  NeuronGram(const Matrix& initial_weights, const Matrix& x);
  Eigen::MatrixXd at(const Matrix& coefficients) const;

 private:
  Matrix initial_;    // W⁰W⁰ᵀ, neurons × neurons
  Matrix initial_z_;  // Z⁰ = W⁰Xᵀ, neurons × n
  Matrix gram_;       // G, n × n
};

/// Largest eigenvalue of a symmetric positive semidefinite matrix, by Lanczos iteration (Spectra)
/// to a relative residual of 1e-12; falls back on a full decomposition if that is not reached.
double top_eigenvalue(const Eigen::MatrixXd& a);

/// Stable ranks without a full spectrum: ‖A‖_F² is the trace of A Aᵀ, ‖A‖₂² its top eigenvalue.
/// Relative error about 1e-12; `excess` is a plain difference here.
StableRank stable_rank_from_gram(const Eigen::MatrixXd& a_times_transpose);

/// Orthonormal coordinates of the space that weights live in. Gradient descent never leaves the
/// span of the initial weights and the samples, of dimension q ≤ neurons + n: when that is smaller
/// than d, W Q (neurons × q) has the same singular values and norms as W (neurons × d), at less
/// cost.
class WeightSpace {
 public:
  WeightSpace(const Matrix& initial_weights, const Matrix& x);

  /// Coordinates of weights in that space; the weights themselves when it is no smaller than R^d.
  Matrix coordinates(const Matrix& weights) const;

 private:
  Matrix basis_;  // q × d, orthonormal rows; empty: not worth it
};

}  // namespace latetime
