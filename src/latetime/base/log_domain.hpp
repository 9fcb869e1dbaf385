#pragma once

#include <cmath>
#include <limits>
#include <span>

namespace latetime {

/// log(1 + e^x) without overflow or cancellation.
inline double softplus(double x) {
  return x > 0.0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

/// 1 / (1 + e^u): the multiplier g = −ℓ'(u) of the logistic loss at margin u.
/// Underflows to 0 beyond u ≈ 745; use `log_multiplier` where its logarithm matters.
inline double multiplier(double u) {
  if (u > 0.0) {
    const double e = std::exp(-u);
    return e / (1.0 + e);
  }
  return 1.0 / (1.0 + std::exp(u));
}

/// log g = −softplus(u), finite for every finite margin u.
inline double log_multiplier(double u) {
  return -softplus(u);
}

/// log ℓ(u) with ℓ(u) = log(1 + e^{−u}): finite for every finite u, accurate to rounding when
/// ℓ is far below the smallest double.
inline double log_logistic_loss(double u) {
  // For u > 37, log1p(e) = e to rounding with e = exp(−u), hence log ℓ = −u + log1p(−e/2 + …) = −u.
  if (u > 37.0) return -u;
  return std::log(softplus(-u));
}

/// e^{−u}: multiplier and value of the exponential loss. Overflows to infinity below u ≈ −709,
/// underflows to 0 beyond u ≈ 745.
inline double exponential_loss(double u) {
  return std::exp(-u);
}

/// log e^{−u}.
inline double log_exponential_loss(double u) {
  return -u;
}

/// log Σ exp(v_i), for logarithms of any size; −∞ for an empty span or when all entries are −∞.
inline double log_sum_exp(std::span<const double> v) {
  double top = -std::numeric_limits<double>::infinity();
  for (double x : v) top = std::fmax(top, x);
  if (!std::isfinite(top)) return top;
  double sum = 0.0;
  for (double x : v) sum += std::exp(x - top);
  return top + std::log(sum);
}

}  // namespace latetime
