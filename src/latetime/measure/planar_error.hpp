#pragma once

#include <optional>

#include "latetime/data/samples.hpp"

namespace latetime {

/// A network f(x) = Σ_k s_k σ(⟨w_k, x⟩) whose neurons lie in one plane, before samples
/// x = y μ + ξ, ξ ~ N(0, noise_std² I): f sees nothing but the plane's coordinates of x.
struct PlanarNetwork {
  Matrix neurons;               ///< K × 2, in an orthonormal basis of the plane
  Vector signs;                 ///< s_k, K
  double slope = 0.0;           ///< γ
  double mean[2] = {0.0, 0.0};  ///< μ in that basis
  double noise_std = 1.0;
  double mean_accuracy = 0.0;  ///< what rounding may have done to `mean`, absolute
};

/// The network of these neurons (K × D, in any orthonormal coordinates) and their products ⟨w_k, μ⟩
/// with the mean; nothing where they span more than a plane. `signs`: s_k, K.
std::optional<PlanarNetwork> planar_network(const Matrix& neurons, const Vector& mean_products,
                                            const Vector& signs, double slope, double noise_std);

/// Probabilities, with a bound of what they may be off by.
struct PlanarError {
  double wrong = 0.0;  ///< that y f(x) ≤ 0, for y uniform on ±1
  double zero = 0.0;   ///< that f(x) = 0; part of `wrong`
  double error = 0.0;  ///< of both, absolute: quadrature, rounding, and weights known to `accuracy`
};

/// f is positively homogeneous, so that its sign depends on the angle of x in the plane alone. The
/// angles where it changes are computed, and the density of the angle, which is a closed form, is
/// integrated between them by Gauss–Kronrod quadrature. `accuracy`: of the neurons, relative to
/// their norms; within it, f counts as 0.
PlanarError planar_error(const PlanarNetwork& network, double accuracy);

}  // namespace latetime
