#include "latetime/dynamics/rank_sense.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <Eigen/QR>

#include "latetime/data/symmetric_eigen.hpp"

namespace latetime {
namespace {

constexpr int rounds = 12;
constexpr Eigen::Index most_vectors = 3;

/// W of some neurons: W⁰ + C X, whose pre-activations are Z⁰ and Z.
struct Rows {
  Eigen::Ref<const Matrix> initial_weights, initial_preactivations, coefficients, preactivations;

  Eigen::Index count() const { return coefficients.rows(); }

  /// W Wᵀ B = W⁰ W⁰ᵀ B + Z⁰ Cᵀ B + C Zᵀ B, without its first term, which is dear.
  Matrix steered(const Matrix& vectors) const {
    const Matrix back = coefficients.transpose() * vectors;
    const Matrix heights = preactivations.transpose() * vectors;
    return initial_preactivations * back + coefficients * heights;
  }
  Matrix applied(const Matrix& vectors) const {
    const Matrix back = initial_weights.transpose() * vectors;
    return steered(vectors) + initial_weights * back;
  }
};

Matrix orthonormal(const Matrix& vectors) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> factors(vectors);
  return factors.householderQ() * Eigen::MatrixXd::Identity(vectors.rows(), vectors.cols());
}

/// The largest eigenvalue of W Wᵀ, its vector, and what is known of them.
struct Top {
  double value = 0.0;
  Vector vector;
  double residual = 0.0;  ///< ‖W Wᵀ u − value u‖
  double gap = 0.0;       ///< to the next one, at least to the accuracy of that one's residual
};

Top top_of(const Rows& rows, Eigen::Index longest) {
  const Eigen::Index count = rows.count(), vectors = std::min(most_vectors, count);
  Matrix block(count, vectors);
  for (Eigen::Index k = 0; k < count; ++k) {
    for (Eigen::Index j = 0; j < vectors; ++j) {  // from nowhere in particular
      block(k, j) = std::cos(static_cast<double>((k + 1) * (j + 1)) * (1.0 + std::sqrt(2.0)));
    }
  }
  block.col(0) *= 0.1;
  block(longest, 0) += 1.0;
  block = orthonormal(block);
  for (int round = 0; round < rounds; ++round) {
    const Matrix next = rows.steered(block);
    const double scale = next.cwiseAbs().maxCoeff();
    if (!(scale > 0.0) || !std::isfinite(scale)) break;
    block = orthonormal(next / scale);
  }
  const Matrix image = rows.applied(block);
  const Eigen::MatrixXd small = block.transpose() * image;
  if (!small.allFinite()) return {};
  const SymmetricEigen eigen = symmetric_eigen(0.5 * (small + small.transpose()));
  const auto residual = [&](Eigen::Index j, const Vector& vector) {
    return Vector(image * eigen.vectors.col(j) - eigen.values[j] * vector).norm();
  };
  const Eigen::Index last = vectors - 1;
  Top top{.value = eigen.values[last], .vector = block * eigen.vectors.col(last)};
  top.residual = residual(last, top.vector);
  top.gap = top.value;
  if (last > 0) {
    const Vector second = block * eigen.vectors.col(last - 1);
    top.gap -= std::max(0.0, eigen.values[last - 1]) + residual(last - 1, second);
  }
  return top;
}

}  // namespace

double RankSense::change(double coefficients, double weights) const {
  return std::min(factor * weights,
                  coefficients + factor * weights * std::min(1.0, blur + bend * weights));
}

std::vector<RankSense> rank_senses(const FlowProblem& problem, const Matrix& initial_weights,
                                   const Matrix& initial_preactivations, const FlowStart& state) {
  const Eigen::Index width = problem.shape.width;
  // ‖w_k‖² = ‖w_k⁰‖² + ⟨c_k, z_k⁰ + z_k⟩.
  Vector squares = initial_weights.rowwise().squaredNorm();
  squares += state.coefficients.cwiseProduct(initial_preactivations + state.preactivations)
                 .rowwise()
                 .sum();
  std::vector<RankSense> senses;
  std::vector<std::pair<Eigen::Index, Eigen::Index>> parts;
  for (Eigen::Index group = 0; group < problem.shape.groups; ++group) {
    parts.emplace_back(group * width, width);
  }
  parts.emplace_back(0, problem.neurons());
  for (const auto& [first, count] : parts) {
    const double square = squares.segment(first, count).sum();
    if (!(square > 0.0)) continue;
    const Rows rows{
        initial_weights.middleRows(first, count), initial_preactivations.middleRows(first, count),
        state.coefficients.middleRows(first, count), state.preactivations.middleRows(first, count)};
    Eigen::Index longest = 0;
    squares.segment(first, count).maxCoeff(&longest);
    const Top top = top_of(rows, longest);
    if (!(top.value > 0.0)) continue;
    const double rank = std::max(1.0, square / top.value);
    const Vector heights = rows.preactivations.transpose() * top.vector;
    constexpr double unknown = std::numeric_limits<double>::infinity();
    const bool apart = top.gap > 0.0;
    senses.push_back(
        {.first = first,
         .factor = 2.0 * (rank + std::pow(rank, 1.5)) / std::sqrt(square),
         .slopes = (2.0 / top.value) *
                   (rows.preactivations - rank * top.vector * heights.transpose()).cwiseAbs(),
         .blur = apart ? 2.0 * top.residual / top.gap : unknown,
         .bend = apart ? 8.0 * std::sqrt(top.value) / top.gap : unknown});
  }
  return senses;
}

}  // namespace latetime
