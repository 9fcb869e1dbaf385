#include "latetime/dynamics/undecided_signs.hpp"

#include <cmath>
#include <limits>

namespace latetime {
namespace {

// Roundings of a sum of d products are bounded by d ε times its terms and are of the order of
// √d ε; so many times that.
constexpr double rounding_of_products = 16.0;

}  // namespace

std::vector<UndecidedSign> undecided_signs(const TrainingState& state, const Vector& terms,
                                           const Vector& sample_norms, Eigen::Index dim) {
  const double of_products = rounding_of_products * std::numeric_limits<double>::epsilon() *
                             (1.0 + std::sqrt(static_cast<double>(dim)));
  std::vector<UndecidedSign> undecided;
  for (Eigen::Index k = 0; k < state.preactivations.rows(); ++k) {
    for (Eigen::Index i = 0; i < state.preactivations.cols(); ++i) {
      const double rounding = of_products * terms[k] * sample_norms[i];
      const double z = state.preactivations(k, i);
      if (rounding > 0.0 && std::abs(z) <= rounding)
        undecided.push_back({k, i, z >= 0.0, rounding});
    }
  }
  return undecided;
}

Matrix with_signs(Matrix preactivations, const std::vector<UndecidedSign>& signs) {
  for (const UndecidedSign& sign : signs) {
    double& z = preactivations(sign.neuron, sign.sample);
    const double size = std::abs(z);
    z = sign.active ? size : -(size > 0.0 ? size : sign.rounding);
  }
  return preactivations;
}

}  // namespace latetime
