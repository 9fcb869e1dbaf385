#pragma once

#include "latetime/dynamics/neuron_mode.hpp"

namespace latetime {

/// Where the sliding pairs of a neuron are on average, times t. Under gradient descent they are not
/// at zero but hop around it with steps ∝ 1/t, which moves the margins by O(1/t).
struct SwitchingMean {
  Vector preactivation;              ///< t · mean of z_S, |S| entries
  Vector activation;                 ///< t · mean of σ(z_S)
  Vector spread;                     ///< t · largest distance of z_S from its mean
  Vector activation_spread;          ///< the same of σ(z_S)
  Vector mirrored_spread;            ///< the same of σ(−z_S)
  std::vector<Eigen::Index> riders;  ///< first samples of the folds that ride
  Vector rider_preactivation;        ///< t · mean of their z
  Vector rider_activation;           ///< t · mean of their σ(z)

  /// t · mean of σ(−z_l) = σ(z_l) − (1 + γ) z_l.
  double mirrored_activation(Eigen::Index l, double slope) const {
    return activation[l] - (1.0 + slope) * preactivation[l];
  }
};

/// The averages for multipliers λ. Between events each step adds q G_SS (β − e) / t to z_S, with
/// e_l = λ_l for the pairs that are active at that step and γλ_l for the others; pairs that ride go
/// to and fro with z_S and push likewise. In the coordinates
/// G_SS⁻¹ z_S that is a rotation of a torus, whose average does not depend on where it starts. One
/// pair: z fills the interval between its two steps evenly, so that a step b up and c − b down
/// (ReLU) has mean b − c/2, and mean activation b²/(2c). Several pairs: the hopping is carried out,
/// with weights that make averages of rotations converge fast (Das, Saiki, Sander, Yorke 2017). A
/// pair that is active, or inactive, at so few steps that thousands do not show its average goes
/// through its hop evenly and moves the others in proportion to it: its averages are those of
/// smaller hops, extrapolated. One that λ does not hold any more counts as if it just did.
SwitchingMean switching_mean(const FlowProblem& problem, int group, const NeuronMode& mode,
                             const Vector& lambda);

/// What t · the mean of z_S may be off by, |S| entries: nothing for one pair, a part of a hop where
/// the hopping of several is carried out.
Vector switching_mean_error(const FlowProblem& problem, int group, const NeuronMode& mode,
                            const Vector& lambda);

/// Steps between the moment at which a pre-activation would cross zero if the sliding pairs of its
/// neuron stayed at zero, and the step from which on its activation has changed.
struct CrossingDelay {
  double mean = 0.0;       ///< over the phases of the hopping and of the steps
  double deviation = 0.0;  ///< standard deviation
};

/// The delay for sample i, not sliding, whose pre-activation moves at `speed` = dz_{k,i}/dθ ≠ 0.
///
/// Sliding pairs shake z_{k,i} by G_iS G_SS⁻¹ z_S, which is of the order of 1/t like the steps by
/// which it drifts. The first step at which it is beyond zero decides: from then on x_i itself
/// pushes it away. So shaking makes crossings early, by about its amplitude over the drift. The
/// hopping is carried out with the drift, from a few dozen phases.
CrossingDelay crossing_delay(const FlowProblem& problem, int group, const NeuronMode& mode,
                             const Vector& lambda, Eigen::Index i, double speed);

/// t · how far the hops of the sliding pairs take z_{k,i}, not sliding, in the direction of `side`
/// (±1) from where it is when they are at zero.
double hop_reach(const FlowProblem& problem, int group, const NeuronMode& mode,
                 const Vector& lambda, Eigen::Index i, double side);

/// Steps until they first take it so far, `reach`/t, from when the neuron begins to slide or, where
/// it has done so for long, from any moment.
CrossingDelay hop_delay(const FlowProblem& problem, int group, const NeuronMode& mode,
                        const Vector& lambda, Eigen::Index i, double side, double reach);

/// The neuron's part of t · (mean margins − margins with all sliding pairs at zero), n entries: of
/// the margins that its group belongs to, at each sample.
Vector margin_offset(const FlowProblem& problem, int group, const NeuronMode& mode,
                     const SwitchingMean& mean);

}  // namespace latetime
