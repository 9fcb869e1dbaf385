#include "latetime/dynamics/undecided_signs.hpp"

#include <cmath>
#include <limits>

namespace latetime {
namespace {

// Roundings of a sum of d products are bounded by d ε times its terms and are of the order of
// √d ε; so many times that.
constexpr double rounding_of_products = 16.0;

}  // namespace

std::vector<UndecidedSign> undecided_signs(const TrainingState& state, const Dataset& data,
                                           const Matrix& initial_weights) {
  const double of_products = rounding_of_products * std::numeric_limits<double>::epsilon() *
                             (1.0 + std::sqrt(static_cast<double>(data.dim())));
  const Vector norms = data.x.rowwise().norm();
  std::vector<UndecidedSign> undecided;
  for (Eigen::Index k = 0; k < state.preactivations.rows(); ++k) {
    const double terms =
        initial_weights.row(k).norm() + state.coefficients.row(k).cwiseAbs().dot(norms);
    for (Eigen::Index i = 0; i < data.size(); ++i) {
      const double rounding = of_products * terms * norms[i];
      const double z = state.preactivations(k, i);
      if (rounding > 0.0 && std::abs(z) <= rounding) undecided.push_back({k, i, z, rounding});
    }
  }
  return undecided;
}

Matrix with_signs(Matrix preactivations, const std::vector<DecidedSign>& signs) {
  for (const DecidedSign& sign : signs) {
    double& z = preactivations(sign.neuron, sign.sample);
    const double size = std::abs(z);
    z = sign.active ? size : -(size > 0.0 ? size : sign.rounding);
  }
  return preactivations;
}

}  // namespace latetime
