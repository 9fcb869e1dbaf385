#include "latetime/measure/kkt.hpp"

#include <algorithm>
#include <cmath>

#include "latetime/model/blas.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {

KktResidual kkt_residual(const Network& network, const Matrix& preactivations,
                         const Eigen::Ref<const Matrix>& x, const Matrix& outputs,
                         std::span<const int> classes, const Matrix* slopes, const Loss& loss) {
  return kkt_residual(network.shape, network.weights, x, 0.0, preactivations, outputs, classes,
                      slopes, loss);
}

KktResidual kkt_residual(const NetworkShape& shape, const Matrix& inside, const Matrix& samples,
                         double outside_norm, const Matrix& preactivations, const Matrix& outputs,
                         std::span<const int> classes, const Matrix* slopes, const Loss& loss) {
  const Vector u = margins(outputs, classes);
  const double smallest = u.minCoeff();
  if (!(smallest > 0.0)) return {std::nan(""), std::nan(""), std::nan("")};

  const Matrix pulls = relative_loss_pulls(outputs, classes, loss);
  const Activation sigma = shape.activation();
  const bool sliding = slopes && slopes->size() > 0;
  Matrix pair_pulls(preactivations.rows(), preactivations.cols());
  for (Eigen::Index k = 0; k < pair_pulls.rows(); ++k) {
    for (Eigen::Index i = 0; i < pair_pulls.cols(); ++i) {
      const double slope = sliding ? (*slopes)(k, i) : sigma.derivative(preactivations(k, i));
      pair_pulls(k, i) = pulls(i, k / shape.width) * slope;
    }
  }
  // Only directions count: both sides are scaled to norm 1, so that no square overflows.
  const double norm = std::hypot(inside.stableNorm(), outside_norm);
  const Matrix direction = inside / norm;
  Matrix descent = Matrix::Zero(direction.rows(), direction.cols());
  add_product(pair_pulls, samples, descent);
  const double size = descent.stableNorm();
  if (size > 0.0) descent /= size;
  const double fit = std::max(0.0, direction.cwiseProduct(descent).sum());
  KktResidual result;
  result.stationarity = std::hypot((direction - fit * descent).norm(), outside_norm / norm);

  double slack = 0.0, total = 0.0;
  for (Eigen::Index i = 0; i < u.size(); ++i) {
    const int own = classes[static_cast<std::size_t>(i)];
    const auto add = [&](double multiplier, double margin) {
      slack += multiplier * (margin / smallest - 1.0);
      total += multiplier * (margin / smallest);
    };
    if (outputs.cols() == 2) {
      add(pulls(i, own), u[i]);
      continue;
    }
    for (Eigen::Index k = 0; k < outputs.cols(); ++k) {  // a constraint for each other class
      if (k != own) add(-pulls(i, k), outputs(i, own) - outputs(i, k));
    }
  }
  result.complementarity = slack / total;
  result.residual = std::max(result.stationarity, result.complementarity);
  return result;
}

}  // namespace latetime
