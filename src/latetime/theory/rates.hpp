#pragma once

#include <span>
#include <vector>

#include "latetime/theory/trace.hpp"

namespace latetime {

/// A quantity at one log time.
struct Sample {
  double log_time;
  double value;
};

/// y(θ) = limit + slope/θ + curvature/θ² fitted to the samples of the last decade of θ = log t by
/// least squares: the form that everything with margins ~ log t + const has.
struct LateFit {
  bool known = false;     ///< false: fewer than four samples, or not a decade of θ
  double limit = 0.0;     ///< θ → ∞
  double slope = 0.0;     ///< of 1/θ
  double residual = 0.0;  ///< largest deviation of a sample
};
LateFit fit_limit(std::span<const Sample> samples);

/// One value a late snapshot (log t ≥ 1).
template <class Value>
std::vector<Sample> series(const std::vector<Snapshot>& snapshots, const Value& value) {
  std::vector<Sample> result;
  for (const Snapshot& snapshot : snapshots) {
    if (snapshot.log_time() >= 1.0) result.push_back({snapshot.log_time(), value(snapshot)});
  }
  return result;
}

/// Loss exponents −Δ log L / Δ log t between neighbouring late snapshots, placed at the later one.
std::vector<Sample> loss_exponents(const std::vector<Snapshot>& snapshots);

/// dρ/dθ between the last two late snapshots of a run that reached late time, neurons × n; empty
/// without those.
Matrix last_rho_rates(const RunTrace& run);

/// log(1 + e^x).
double log1p_exp(double x);

/// Stable rank − 1 of rows × samples: of c X, without forming a product with d.
StableRank rank_of_coefficients(const ClaimSetting& setting, const Matrix& coefficients);

/// Norms ‖Σ_i c_i x_i‖ of each row.
Vector norms_of_coefficients(const ClaimSetting& setting, const Matrix& coefficients);

/// Largest singular value of c X, and its Frobenius norm.
struct MatrixNorms {
  double spectral = 0.0, frobenius = 0.0;
};
MatrixNorms matrix_norms(const ClaimSetting& setting, const Matrix& coefficients);

}  // namespace latetime
