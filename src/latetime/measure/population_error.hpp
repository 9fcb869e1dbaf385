#pragma once

#include <cstdint>
#include <vector>

#include "latetime/data/generators.hpp"
#include "latetime/model/network.hpp"

namespace latetime {

/// The distribution that new samples come from, and how much work its errors are worth.
struct Population {
  GaussianMixture mixture;
  std::uint64_t draws = 20'000;  ///< of a Monte Carlo estimate
  std::uint64_t seed = 1;
};

/// The probability that a network errs on a new sample (x, y): that y f(x) ≤ 0.
struct PopulationError {
  double value = 0.0;
  /// Bounds of it: with `draws` = 0, of a quadrature, what rounding and the quadrature's own error
  /// estimate leave open; else a confidence interval of population_confidence (Clopper–Pearson).
  double low = 0.0, high = 1.0;
  double zero = 0.0;        ///< probability that f(x) = 0, which is part of `value`
  std::uint64_t draws = 0;  ///< that the interval rests on; 0: quadrature
};

constexpr double population_confidence = 0.99;

/// Of a network with these neurons, which have a relative error of `accuracy`: 2m × D, in
/// orthonormal coordinates of any subspace that holds them, and their products ⟨w_k, μ⟩.
///
/// Where they lie in one plane, or γ = 1, by quadrature (planar_error). Else by Monte Carlo: either
/// wrong draws are counted, or, where that is more precise, draws on which f and a reference
/// differ. The reference is the network of two neurons Σ_r w_{+,r} and Σ_r w_{−,r}, whose own error
/// is a quadrature. Which of the two it is, some draws say that are used for nothing else. The
/// result does not depend on `threads`.
PopulationError population_error(const Population& population, const NetworkShape& shape,
                                 const Matrix& neurons, const Vector& mean_products,
                                 double accuracy, unsigned threads);

/// Products ⟨row, x⟩ of rows with draws x, and the labels of these.
struct LabelledProducts {
  Matrix products;             ///< rows × draws
  std::vector<double> labels;  ///< draws, ±1
};

/// The same of all networks W = W⁰ + C X with the W⁰ and X of one run, which see the same draws:
/// what draws have to do with W⁰ and X is computed once. May be used by several threads at a time.
class PopulationMeter {
 public:
  /// W⁰ is 2m × d, X n × d.
  PopulationMeter(const Population& population, const NetworkShape& shape,
                  const Matrix& initial_weights, const Eigen::Ref<const Matrix>& x);

  /// C is 2m × n.
  PopulationError measure(const Matrix& coefficients, double accuracy, unsigned threads) const;

  /// Bytes that a meter of so many draws keeps.
  static double bytes(double draws, double neurons, double samples);

 private:
  const NetworkShape shape_;
  const Population population_;
  Matrix factor_;                        // rows of [W⁰; X] in orthonormal coordinates
  Vector products_;                      // [W⁰; X] μ
  std::vector<LabelledProducts> draws_;  // of [W⁰; X] with all draws, a block an entry
};

}  // namespace latetime
