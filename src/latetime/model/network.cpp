#include "latetime/model/network.hpp"

#include <cassert>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "latetime/base/random.hpp"
#include "latetime/model/blas.hpp"
#include "latetime/model/exact_dot.hpp"

namespace latetime {

void require_kink(const NetworkShape& shape, const std::string& who) {
  if (shape.smoothing > 0.0) {
    throw std::invalid_argument(who + ": the activation must be ReLU or leaky ReLU, not smoothed");
  }
}

Network gaussian_network(const NetworkShape& shape, double init_std, std::uint64_t seed) {
  Network network{shape, Matrix(shape.neurons(), shape.dim)};
  for (Eigen::Index k = 0; k < shape.neurons(); ++k) {
    RandomStream stream(seed, RandomPurpose::initial_weights, static_cast<std::uint64_t>(k));
    for (Eigen::Index j = 0; j < shape.dim; ++j) network.weights(k, j) = init_std * stream.normal();
  }
  return network;
}

Matrix preactivations(const Matrix& weights, const Eigen::Ref<const Matrix>& x) {
  Matrix z = Matrix::Zero(weights.rows(), x.rows());
  add_product_transposed(weights, x, z);
  const Vector lengths = weights.rowwise().norm(), sample_lengths = x.rowwise().norm();
  const auto length = static_cast<std::size_t>(x.cols());
  const double unit = static_cast<double>(x.cols() + 2) * std::numeric_limits<double>::epsilon();
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    for (Eigen::Index i = 0; i < z.cols(); ++i) {
      const double rounding = unit * lengths[k] * sample_lengths[i];
      if (rounding > 0.0 && std::abs(z(k, i)) <= rounding) {
        z(k, i) =
            exact_dot({weights.row(k).data(), length}, {x.data() + i * x.outerStride(), length});
      }
    }
  }
  return z;
}

Matrix group_outputs(const Matrix& z, const NetworkShape& shape) {
  assert(z.rows() == shape.neurons());
  const Activation sigma = shape.activation();
  Matrix outputs = Matrix::Zero(z.cols(), shape.groups);
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    const Eigen::Index group = k / shape.width;
    for (Eigen::Index i = 0; i < z.cols(); ++i) {
      outputs(i, group) += sigma.value(z(k, i));
    }
  }
  return outputs / static_cast<double>(shape.width);
}

}  // namespace latetime
