#include "latetime/measure/collapse.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace latetime {
namespace {

/// The cosine of two vectors; NaN where one is zero.
double cosine(const Vector& a, const Vector& b) {
  return a.dot(b) / (a.stableNorm() * b.stableNorm());
}

}  // namespace

ClassCollapse class_collapse(const Matrix& preactivations, const NetworkShape& shape,
                             const std::vector<int>& classes) {
  const Eigen::Index n = preactivations.cols();
  const Activation sigma = shape.activation();
  const double size = preactivations.cwiseAbs().maxCoeff();  // squares would overflow
  const Eigen::MatrixXd features =
      (preactivations / size).unaryExpr([&](double z) { return sigma.value(z * size) / size; });
  Eigen::MatrixXd means = Eigen::MatrixXd::Zero(features.rows(), shape.groups);
  Vector counts = Vector::Zero(shape.groups);
  for (Eigen::Index i = 0; i < n; ++i) {
    means.col(classes[static_cast<std::size_t>(i)]) += features.col(i);
    counts[classes[static_cast<std::size_t>(i)]] += 1.0;
  }
  const Vector all = features.rowwise().mean();
  Vector middle = Vector::Zero(features.rows());
  std::vector<Eigen::Index> there;
  for (Eigen::Index c = 0; c < shape.groups; ++c) {
    if (counts[c] == 0.0) continue;
    means.col(c) /= counts[c];
    middle += means.col(c);
    there.push_back(c);
  }
  middle /= static_cast<double>(there.size());
  double within = 0.0, between = 0.0;
  for (Eigen::Index i = 0; i < n; ++i) {
    const auto mean = means.col(classes[static_cast<std::size_t>(i)]);
    within += (features.col(i) - mean).squaredNorm();
    between += (mean - all).squaredNorm();
  }
  ClassCollapse result{.within = within / between, .cosine_min = 1.0, .cosine_max = -1.0};
  result.duality_min = 1.0;
  if (there.size() < 2 || !(between > 0.0)) {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    return {none, none, none, none};
  }
  for (std::size_t a = 0; a < there.size(); ++a) {
    const Vector of_a = means.col(there[a]) - middle;
    for (std::size_t b = 0; b < a; ++b) {
      const double angle = cosine(of_a, means.col(there[b]) - middle);
      // Also where it is NaN.
      if (!(angle >= result.cosine_min)) result.cosine_min = angle;
      if (!(angle <= result.cosine_max)) result.cosine_max = angle;
    }
    Vector asked = Vector::Constant(features.rows(), -1.0 / static_cast<double>(shape.groups));
    asked.segment(there[a] * shape.width, shape.width).array() += 1.0;
    const double duality = cosine(of_a, asked);
    if (!(duality >= result.duality_min)) result.duality_min = duality;
  }
  return result;
}

}  // namespace latetime
