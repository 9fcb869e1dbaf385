#pragma once

#include "latetime/data/dataset.hpp"
#include "latetime/model/loss.hpp"
#include "latetime/model/network.hpp"

namespace latetime {

/// What gradient descent is taken on: L(W) = (1/n) Σ_i ℓ(u_i) of the samples, from the weights of
/// `initial` on, W ← W − η ∇L(W). The factors that follow from it are written down here and in
/// network.hpp alone.
struct Problem {
  Dataset data;                ///< n samples of dimension d, with their classes
  Network initial;             ///< m neurons a class: shape, activation, weights at the start
  double learning_rate = 0.1;  ///< η > 0
  Loss loss = logistic;        ///< ℓ

  const NetworkShape& shape() const { return initial.shape; }
  Eigen::Index samples() const { return data.size(); }
  Eigen::Index neurons() const { return initial.shape.neurons(); }
  /// q = η/(nm), the step_factor() of the full batch.
  double rate() const { return step_factor(learning_rate, samples(), shape().width); }
  /// Whether a (neuron, sample) pair is one of the neuron's own class.
  bool own(Eigen::Index neuron, Eigen::Index sample) const {
    return of_class(data.classes, shape().group_of(neuron), sample);
  }
};

}  // namespace latetime
