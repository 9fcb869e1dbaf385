#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "latetime/measure/collapse.hpp"
#include "latetime/measure/kkt.hpp"
#include "latetime/measure/spectrum.hpp"
#include "latetime/model/rivals.hpp"
#include "latetime/model/training_state.hpp"

namespace latetime {

/// Singular values of W_{+1}, W_{−1} and the stacked W, each descending; of K groups K+1 of them,
/// the stacked W last.
using Spectra = std::vector<Vector>;

/// Everything measured at one record but for the spectra. Lists of stable ranks speak of W_{+1},
/// W_{−1} and the stacked W, in this order; of K groups of K+1 matrices, the stacked W last.
struct Measures {
  double log_loss = 0.0;           ///< natural log of L
  double min_margin = 0.0;         ///< min_i u_i
  double normalized_margin = 0.0;  ///< min_i u_i / ‖W‖_F
  std::vector<StableRank> stable_ranks = std::vector<StableRank>(3);
  double norm_w = 0.0;  ///< ‖W‖_F, all classes
  double neuron_norm_min = 0.0, neuron_norm_mean = 0.0, neuron_norm_max = 0.0;
  KktResidual kkt;
  Eigen::VectorXi active_own;           ///< n: |S_i|, neurons of class y_i that x_i activates
  Eigen::Index dead_neurons = 0;        ///< neurons that no sample activates
  Vector rho_own_mean, rho_other_mean;  ///< n: mean over r of ρ̄_{y_i,r,i} and of ρ̲_{−y_i,r,i}
  std::optional<ClassCollapse> collapse = {};  ///< of three classes and more
};

/// Measures training states. Holds what does not change along a run; may be used by several threads
/// at a time.
class Measurer {
 public:
  Measurer(const Dataset& data, const Network& initial, const Loss& loss = logistic);

  /// The changing part of the weights, neurons × min(n, d) (WeightSpace): from the weights of
  /// `state`, or from the coefficients when the state comes without weights.
  Matrix inside(const TrainingState& state) const;

  Measures measure(const TrainingState& state) const { return measure(state, inside(state)); }
  /// For callers that need `inside` = inside(state) themselves.
  Measures measure(const TrainingState& state, const Matrix& inside) const;

  const Loss& loss() const { return loss_; }

  /// Natural log of the loss alone.
  double log_loss(const TrainingState& state) const;

  /// Stable ranks alone.
  std::vector<StableRank> stable_ranks(const Matrix& inside) const;
  /// NaN for classes that only hop.
  std::vector<StableRank> stable_ranks(const TrainingState& state, const Matrix& inside) const;

  /// Full spectra, at about ten times the cost of the measures.
  Spectra spectra(const Matrix& inside) const;

 private:
  Matrix outputs(const TrainingState& state) const;
  void measure_norms(const Matrix& inside, Measures& result) const;
  void measure_patterns(const TrainingState& state, Measures& result) const;
  Eigen::Ref<const Matrix> part_of(const Matrix& inside, std::size_t part) const;

  const Dataset data_;
  const NetworkShape shape_;
  const Loss loss_;
  const WeightSpace space_;
  const Vector outside_norms_;  // of each neuron
  const Rivals rivals_;
  const std::vector<BorderedSpectrum> spectra_;  // of the groups, and of all
  const Vector squared_norms_;                   // ‖x_i‖²
};

/// ρ_{k,i} = c_{k,i} ‖x_i‖² (Definition 5.1), neurons × n: ρ̄ ≥ 0 where the neuron's group is the
/// sample's class, ρ̲ ≤ 0 elsewhere.
Matrix data_correlated_coefficients(const Matrix& coefficients, const Eigen::Ref<const Matrix>& x);

}  // namespace latetime
