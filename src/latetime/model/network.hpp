#pragma once

#include <cstdint>
#include <vector>

#include "latetime/data/dataset.hpp"

namespace latetime {

/// Shape and activation of the paper's network (3.1) in its K-group form: group k has `width`
/// neurons and the output F_k(x) = (1/width) Σ_r σ(⟨w_{k,r}, x⟩). With K = 2 this is the paper's
/// model with f = F_{+1} − F_{−1}; group 0 is class +1, group 1 is class −1.
struct NetworkShape {
  int groups = 2;
  Eigen::Index width = 1;  ///< m, neurons in each group
  Eigen::Index dim = 1;    ///< d
  double slope = 0.0;      ///< γ in [0, 1]: 0 is ReLU, 1 is linear

  Eigen::Index neurons() const { return groups * width; }
  int group_of(Eigen::Index neuron) const { return static_cast<int>(neuron / width); }
};

/// Whether a sample is of a group's class; its pairs with neurons of that group are *own-class*.
inline bool of_class(const std::vector<int>& classes, int group, Eigen::Index sample) {
  return classes[static_cast<std::size_t>(sample)] == group;
}

/// A network: its shape and its weights, (groups·width) × dim. Row k·width + r is neuron r of group
/// k.
struct Network {
  NetworkShape shape;
  Matrix weights;
};

/// Leaky ReLU σ(z) = max(γz, z).
inline double activation(double z, double slope) {
  return z >= 0.0 ? z : slope * z;
}

/// Its derivative, with the paper's choice σ'(0) = 1.
inline double activation_derivative(double z, double slope) {
  return z >= 0.0 ? 1.0 : slope;
}

/// q = η/(bm), what a step on b samples moves the coefficient of a pair by while the sample's
/// multiplier and the pair's slope are 1: Δc_{k,i} = ± q σ'(z_{k,i}) g_i. Full batches have b = n.
inline double step_factor(double learning_rate, Eigen::Index batch, Eigen::Index width) {
  return learning_rate / (static_cast<double>(batch) * static_cast<double>(width));
}

/// Network with i.i.d. N(0, init_std²) weights; neuron k draws from stream (seed, initial_weights,
/// k).
Network gaussian_network(const NetworkShape& shape, double init_std, std::uint64_t seed);

/// Pre-activations z_{k,i} = ⟨w_k, x_i⟩: neurons × n. Those that are zero to rounding are summed
/// exactly, since σ'(z) depends on their sign: a neuron at right angles to a sample is active.
Matrix preactivations(const Matrix& weights, const Eigen::Ref<const Matrix>& x);

/// Group outputs F_k(x_i), n × groups, from pre-activations (neurons × n).
Matrix group_outputs(const Matrix& z, const NetworkShape& shape);

}  // namespace latetime
