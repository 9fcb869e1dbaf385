#pragma once

#include <vector>

#include "latetime/model/training_state.hpp"

namespace latetime {

/// A pair (neuron k, sample i) whose pre-activation has a sign that rounding decides.
struct UndecidedSign {
  Eigen::Index neuron;
  Eigen::Index sample;
  bool active;      ///< σ'(z_{k,i}) = 1, so far by rounding
  double rounding;  ///< what z_{k,i} may be off by
};

/// The pairs of an exact state z_{k,i} = ⟨w_k⁰ + Σ_l c_{k,l} x_l, x_i⟩ whose terms (neuron_terms)
/// cancel to what their roundings are: after the first steps from W⁰ = 0 samples that lie regularly
/// do so, and the pair is active or not as the sums happen to be rounded. `dim`: of the samples.
std::vector<UndecidedSign> undecided_signs(const TrainingState& state, const Vector& terms,
                                           const Vector& sample_norms, Eigen::Index dim);

/// Pre-activations (neurons × n) with these signs, their sizes kept.
Matrix with_signs(Matrix preactivations, const std::vector<UndecidedSign>& signs);

}  // namespace latetime
