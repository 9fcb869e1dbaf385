#pragma once

#include <span>

#include "latetime/model/loss.hpp"
#include "latetime/model/network.hpp"

namespace latetime {

/// How far a network is from a KKT point of  min ½‖W‖²  s.t.  u_i(W) ≥ 1  (Lyu & Li 2020), after
/// scaling W so that the smallest margin is 1. The multipliers are those that gradient descent
/// itself uses, λ_i = c g_i, with the c ≥ 0 that fits best. All parts are relative, in [0, 1].
struct KktResidual {
  double stationarity = 1.0;  ///< ‖W − Σ_i λ_i ∇u_i‖ / ‖W‖: the sine of the angle between W and −∇L
  double complementarity = 1.0;  ///< Σ λ_i (u_i − u_min) / Σ λ_i u_i
  double residual = 1.0;         ///< the larger of the two
};

/// NaN in every field while some margin is ≤ 0 (the constraints cannot be met by scaling).
/// Shapes: weights Km × d, preactivations Km × n, x n × d, outputs n × K. `slopes`, Km × n, is the
/// subgradient that descent takes on average where pairs slide along z = 0; without it (or empty)
/// σ'(z) goes by the sign of z.
KktResidual kkt_residual(const Network& network, const Matrix& preactivations,
                         const Eigen::Ref<const Matrix>& x, const Matrix& outputs,
                         std::span<const int> classes, const Matrix* slopes = nullptr,
                         const Loss& loss = logistic);

/// The same from coordinates (WeightSpace) at no product with d: `inside` Km × r and `samples` n ×
/// r in an orthonormal basis of the samples' span, and the norm of what the weights have outside.
KktResidual kkt_residual(const NetworkShape& shape, const Matrix& inside, const Matrix& samples,
                         double outside_norm, const Matrix& preactivations, const Matrix& outputs,
                         std::span<const int> classes, const Matrix* slopes = nullptr,
                         const Loss& loss = logistic);

}  // namespace latetime
