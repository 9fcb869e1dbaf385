#pragma once

#include <array>
#include <optional>

#include "latetime/prove/reference_curve.hpp"
#include "latetime/prove/run_proof.hpp"

namespace latetime {

/// Encloses what is measured of weights W that lie within a distance of W_T + C X: norms and stable
/// ranks, in doubles with bounds of all rounding (docs/proofs.md, 7).
class WeightProducts {
 public:
  /// Of W_T, neurons × d, and its pre-activations.
  WeightProducts(const ProofProblem& problem, const Matrix& weights);

  /// c, z: coefficients (neurons × n) of the reference and its pre-activations; the weights are no
  /// farther than `distance` from it.
  RunEnclosure enclose(double log_time, const std::vector<BallVector>& c,
                       const std::vector<BallVector>& z, double distance) const;

 private:
  std::optional<Enclosure> stable_rank(const Eigen::MatrixXd& products, double error,
                                       double distance) const;

  const ProofProblem* problem_;
  Eigen::MatrixXd start_products_;  ///< W_T W_Tᵀ
  Matrix start_z_;                  ///< W_T Xᵀ
  double start_size_;               ///< at least ‖W_T‖_F
};

}  // namespace latetime
