#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "latetime/data/dataset.hpp"

namespace latetime {

/// Leaky ReLU σ(z) = max(γz, z), or, where `smoothing` h > 0, the smoothed leaky ReLU of Frei et
/// al. (arXiv 2210.07082, H = 1/h): a parabola between the lines, σ'' = (1−γ)/(2h) for |z| < h,
/// σ(0) = 0. The lines are (1−γ)h/4 lower then.
struct Activation {
  double slope = 0.0;      ///< γ in [0, 1]
  double smoothing = 0.0;  ///< h ≥ 0

  double value(double z) const {
    if (smoothing > 0.0) {
      const double bent = std::clamp(z, -smoothing, smoothing);
      return middle() * z + bend() * bent * (z - 0.5 * bent);
    }
    return z >= 0.0 ? z : slope * z;
  }
  /// σ', with the paper's choice σ'(0) = 1 of the leaky ReLU.
  double derivative(double z) const {
    if (smoothing > 0.0) return middle() + bend() * std::clamp(z, -smoothing, smoothing);
    return z >= 0.0 ? 1.0 : slope;
  }
  double middle() const { return 0.5 * (1.0 + slope); }            ///< σ'(0), of the smoothed
  double bend() const { return 0.5 * (1.0 - slope) / smoothing; }  ///< σ'' where |z| < h
};

/// Leaky ReLU σ(z) = max(γz, z).
inline double activation(double z, double slope) {
  return Activation{slope}.value(z);
}

/// Its derivative, with the paper's choice σ'(0) = 1.
inline double activation_derivative(double z, double slope) {
  return Activation{slope}.derivative(z);
}

/// Shape and activation of the paper's network (3.1) in its K-group form: group k has `width`
/// neurons and the output F_k(x) = (1/width) Σ_r σ(⟨w_{k,r}, x⟩). With K = 2 this is the paper's
/// model with f = F_{+1} − F_{−1}; group 0 is class +1, group 1 is class −1.
struct NetworkShape {
  int groups = 2;
  Eigen::Index width = 1;  ///< m, neurons in each group
  Eigen::Index dim = 1;    ///< d
  double slope = 0.0;      ///< γ in [0, 1]: 0 is ReLU, 1 is linear
  double smoothing = 0.0;  ///< h ≥ 0, where σ is a parabola: |z| ≤ h; 0: the kink

  Eigen::Index neurons() const { return groups * width; }
  int group_of(Eigen::Index neuron) const { return static_cast<int>(neuron / width); }
  Activation activation() const { return {slope, smoothing}; }
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

/// q = η/(bm), what a step on b samples moves the coefficient of a pair by while the sample's
/// multiplier and the pair's slope are 1: Δc_{k,i} = ± q σ'(z_{k,i}) g_i. Full batches have b = n.
inline double step_factor(double learning_rate, Eigen::Index batch, Eigen::Index width) {
  return learning_rate / (static_cast<double>(batch) * static_cast<double>(width));
}

/// Throws std::invalid_argument, naming `who`, for a smoothed activation.
void require_kink(const NetworkShape& shape, const std::string& who);

/// Network with i.i.d. N(0, init_std²) weights; neuron k draws from stream (seed, initial_weights,
/// k).
Network gaussian_network(const NetworkShape& shape, double init_std, std::uint64_t seed);

/// Pre-activations z_{k,i} = ⟨w_k, x_i⟩: neurons × n. Those that are zero to rounding are summed
/// exactly, since σ'(z) depends on their sign: a neuron at right angles to a sample is active.
Matrix preactivations(const Matrix& weights, const Eigen::Ref<const Matrix>& x);

/// Group outputs F_k(x_i), n × groups, from pre-activations (neurons × n).
Matrix group_outputs(const Matrix& z, const NetworkShape& shape);

}  // namespace latetime
