#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "latetime/prove/proof_problem.hpp"

namespace latetime {

/// How the pre-activations of a neuron move along the reference while its declared slopes stay
/// (docs/proofs.md, 1 and 3).
struct NeuronMotion {
  std::vector<Eigen::Index> sliding;  ///< samples of its sliding pairs, ascending
  /// Change of z_i for a unit of ∫λ_l, n × n; exactly 0 where pair i slides.
  std::vector<BallVector> move;
  Matrix move_middle;
  Matrix move_size;  ///< at least |move|
  /// β_s = Σ_l hold_sl λ_l of sliding pairs, a row each.
  std::vector<BallVector> hold;
  Matrix hold_middle;
};

/// Throws Unproved where samples of sliding pairs depend on each other.
NeuronMotion neuron_motion(const ProofProblem& problem, double sign, const SlopeRow& slopes);

/// What the reference moves along: a slope for every pair.
class ReferenceMode {
 public:
  ReferenceMode(const ProofProblem& problem, std::vector<SlopeRow> slopes);

  const SlopeRow& slopes(Eigen::Index k) const { return slopes_[static_cast<std::size_t>(k)]; }
  Declared slope(Eigen::Index k, Eigen::Index i) const {
    return slopes(k)[static_cast<std::size_t>(i)];
  }
  const NeuronMotion& motion(Eigen::Index k) const {
    return *motions_[static_cast<std::size_t>(k)];
  }
  /// ds_i/dτ for a unit of λ_l, n × n: κ̂ of docs/proofs.md.
  const std::vector<BallVector>& kernel() const { return kernel_; }
  const Matrix& kernel_middle() const { return kernel_middle_; }

  void set(Eigen::Index k, Eigen::Index i, Declared slope);
  /// After set(): motions and kernel of the new slopes.
  void update();

 private:
  const ProofProblem* problem_;
  std::vector<SlopeRow> slopes_;
  std::vector<std::shared_ptr<const NeuronMotion>> motions_;
  std::map<std::pair<bool, SlopeRow>, std::shared_ptr<const NeuronMotion>> known_;
  std::vector<BallVector> kernel_;
  Matrix kernel_middle_;
};

}  // namespace latetime
