#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "latetime/model/problem.hpp"

namespace latetime {

/// How the paper's "sufficiently large", "sufficiently small" and "constant" are read
/// (docs/claims/README.md gives the reasons).
struct ClaimThresholds {
  double failure_probability = 0.05;  ///< δ
  /// A hypothesis with "a sufficiently large constant C" is met when it holds with this C.
  double large = 10.0;
  /// An absolute constant of a conclusion is accepted between 1/moderate and moderate.
  double moderate = 100.0;
};

/// How a run moves, as far as claims depend on it.
enum class ClaimDescent : std::uint8_t { gradient_descent, mini_batches, gradient_flow };

/// What does not change along a run, in the terms of the paper: n samples, m neurons a class.
struct ClaimSetting {
  ClaimSetting(Problem descended, ClaimDescent method, double initial_std,
               const ClaimThresholds& limits = {});

  Problem problem;
  ClaimDescent descent;
  double init_std;  ///< σ0
  ClaimThresholds thresholds;

  Matrix gram;              ///< n × n
  Matrix gram_root;         ///< n × n, symmetric square root of G: C X and C · gram_root have the
                            ///< same singular values
  double least_eigenvalue;  ///< of G
  Vector squared_norms;     ///< ‖x_i‖², n
  Matrix initial_z;         ///< neurons × n
  double r_min, r_max;      ///< R_min, R_max
  double p;                 ///< max |⟨x_i, x_k⟩|, i ≠ k
  double beta;              ///< max |⟨w⁰_k, x_i⟩|
  /// neurons × n: 1 where the neuron is of the sample's class and ⟨w⁰, x_i⟩ > 0, that is r ∈
  /// S_i⁽⁰⁾.
  Eigen::Matrix<std::uint8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> active0;
  Eigen::VectorXi active0_count;  ///< |S_i⁽⁰⁾|, n

  Eigen::Index n() const { return problem.samples(); }
  Eigen::Index d() const { return problem.data.dim(); }
  Eigen::Index width() const { return problem.shape().width; }
  Eigen::Index neurons() const { return problem.neurons(); }
  double slope() const { return problem.shape().slope; }
  double ratio() const { return r_max / r_min; }
  /// n p / R_min²
  double np() const { return static_cast<double>(n()) * p / (r_min * r_min); }
  /// η / (n m)
  double rate() const { return problem.rate(); }
  /// n m / (η R_max²): the unit of T₁.
  double unit_of_time() const { return 1.0 / (rate() * r_max * r_max); }
  int group_of(Eigen::Index neuron) const { return problem.shape().group_of(neuron); }
  bool own(Eigen::Index neuron, Eigen::Index i) const { return problem.own(neuron, i); }
  bool is_leaky() const { return slope() > 0.0 && slope() < 1.0; }
  bool is_relu() const { return slope() == 0.0; }
  /// Orthogonal to rounding: p ≤ 1e-12 R_min².
  bool orthogonal() const { return p <= 1e-12 * r_min * r_min; }
};

}  // namespace latetime
