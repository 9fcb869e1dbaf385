#include "latetime/dynamics/weights_beyond.hpp"

#include <cmath>

#include "latetime/data/symmetric_eigen.hpp"
#include "latetime/dynamics/flow_problem.hpp"

namespace latetime {
namespace {

// Eigenvalues of the Gram matrix below this part of the largest are those of no direction.
constexpr double thin = 1e-12;
// What projections leave of a row that lies within.
constexpr double rounding_of_projection = 1e-12;

Vector norms_beyond(const Matrix& weights, const Samples& x) {
  const SymmetricEigen eigen = symmetric_eigen(gram_without_rounding(x));
  const double top = eigen.values.size() ? eigen.values[eigen.values.size() - 1] : 0.0;
  Matrix left = weights;
  for (int round = 0; round < 2; ++round) {  // the second for what rounding has left
    for (Eigen::Index j = 0; j < eigen.values.size(); ++j) {
      if (!(eigen.values[j] > thin * top)) continue;
      const Vector direction = (x.transpose() * eigen.vectors.col(j)) / std::sqrt(eigen.values[j]);
      left -= (left * direction) * direction.transpose();
    }
  }
  Vector norms(left.rows());
  for (Eigen::Index k = 0; k < norms.size(); ++k) {
    norms[k] = left.row(k).norm();
    if (norms[k] <= rounding_of_projection * weights.row(k).norm()) norms[k] = 0.0;
  }
  return norms;
}

}  // namespace

const Vector& WeightsBeyond::norms() const {
  if (!norms_) norms_ = norms_beyond(weights_, x_);
  return *norms_;
}

}  // namespace latetime
