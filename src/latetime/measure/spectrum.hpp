#pragma once

#include "latetime/data/dataset.hpp"

namespace latetime {

/// Singular values of a, descending, min(rows, cols) of them (LAPACK dgesdd).
/// Absolute error a few roundings of the largest.
Vector singular_values(const Matrix& a);

/// ‖A‖_F² / ‖A‖₂².
struct StableRank {
  double value = 0.0;  ///< 1 + excess; NaN for the zero matrix
  double excess = 0.0;  ///< stable rank − 1 = Σ_{k≥2} s_k² / s_1², computed without the 1, so that
                        ///< it keeps its digits when it is small
};

/// From singular values in descending order.
StableRank stable_rank(const Vector& singular_values);

/// A Aᵀ, rows × rows.
Eigen::MatrixXd gram_of_rows(const Matrix& a);

/// W Wᵀ (neurons × neurons) from the coefficients of W = W⁰ + C X (Definition 5.1):
/// W⁰W⁰ᵀ + C Z⁰ᵀ + Z⁰Cᵀ + C G Cᵀ. A record then costs no product with d.
class NeuronGram {
 public:
  NeuronGram(const Matrix& initial_weights, const Eigen::Ref<const Matrix>& x);
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

/// Orthonormal coordinates of weights W = W⁰ + C X, neurons × d, in which d no longer matters:
/// W Q = [outside | inside] for some orthogonal Q, with the same singular values and norms as W.
/// `inside` belongs to the span of the samples, of r = min(n, d) coordinates. `outside` belongs to
/// its complement, which descent never changes.
class WeightSpace {
 public:
  WeightSpace(const Matrix& initial_weights, const Eigen::Ref<const Matrix>& x);

  /// neurons × r, from the coefficients C alone.
  Matrix inside_of_coefficients(const Matrix& coefficients) const;
  /// neurons × r, from weights, for engines whose exact state these are.
  Matrix inside_of_weights(const Matrix& weights) const;

  const Matrix& outside() const { return outside_; }  ///< neurons × (d − r)
  const Matrix& samples() const { return samples_; }  ///< n × r: X in the inner coordinates

 private:
  Matrix basis_;    // r × d, orthonormal rows; empty for n ≥ d, where all of R^d is inside
  Matrix samples_;  // n × r
  Matrix initial_inside_;  // neurons × r
  Matrix outside_;
};

/// The same rows in at most as many orthonormal columns as there are rows, by an LQ decomposition.
Matrix compressed(const Matrix& rows);

/// Spectra of matrices [outside | inside] that share the part `outside`.
class BorderedSpectrum {
 public:
  explicit BorderedSpectrum(const Matrix& outside);

  /// All singular values, as many as min(rows, columns) of the uncompressed matrix.
  Vector singular_values(const Eigen::Ref<const Matrix>& inside) const;

  /// Stable rank without the spectrum, at the accuracy that the spectrum would give: the top
  /// singular vector u by Lanczos iteration, then ‖A − u uᵀA‖_F² for the excess, in whose error
  /// that of u is squared. Takes the spectrum where the iteration converges slowly, and near the
  /// limits of the exponent.
  StableRank stable_rank(const Eigen::Ref<const Matrix>& inside) const;

 private:
  Matrix outside_;                // compressed
  Eigen::MatrixXd outside_gram_;  // outside outsideᵀ
  double outside_largest_ = 0.0;  // largest entry
};

}  // namespace latetime
