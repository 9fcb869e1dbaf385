#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "latetime/data/dataset.hpp"
#include "latetime/model/network.hpp"

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
  ClaimSetting(Dataset samples, Network start, double rate, ClaimDescent method, double initial_std,
               const ClaimThresholds& limits = {});

  Dataset data;
  Network initial;
  double learning_rate;  ///< η
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

  Eigen::Index n() const { return data.size(); }
  Eigen::Index d() const { return data.dim(); }
  Eigen::Index width() const { return initial.shape.width; }
  Eigen::Index neurons() const { return initial.shape.neurons(); }
  double slope() const { return initial.shape.slope; }
  double ratio() const { return r_max / r_min; }
  /// n p / R_min²
  double np() const { return static_cast<double>(n()) * p / (r_min * r_min); }
  /// η / (n m)
  double rate() const { return step_factor(learning_rate, n(), width()); }
  /// n m / (η R_max²): the unit of T₁.
  double unit_of_time() const { return 1.0 / (rate() * r_max * r_max); }
  int group_of(Eigen::Index neuron) const { return static_cast<int>(neuron / width()); }
  bool own(Eigen::Index neuron, Eigen::Index i) const {
    return data.classes[static_cast<std::size_t>(i)] == group_of(neuron);
  }
  bool is_leaky() const { return slope() > 0.0 && slope() < 1.0; }
  bool is_relu() const { return slope() == 0.0; }
  /// Orthogonal to rounding: p ≤ 1e-12 R_min².
  bool orthogonal() const { return p <= 1e-12 * r_min * r_min; }
};

}  // namespace latetime
