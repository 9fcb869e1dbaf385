#include "latetime/prove/weight_products.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <Eigen/Cholesky>

#include "latetime/prove/bounds.hpp"

namespace latetime {
namespace {

/// Whether A is positive definite, A being within `error` (norm) of `matrix`: its factorisation in
/// doubles runs through after a shift that exceeds what rounding can do (docs/proofs.md, 7.1).
bool is_positive_definite(Eigen::MatrixXd matrix, double error) {
  const auto size = static_cast<double>(matrix.rows());
  const double shift =
      above(error + 8.0 * (size + 8.0) * unit_roundoff * matrix.diagonal().cwiseAbs().sum());
  matrix.diagonal().array() -= shift;
  if (!matrix.allFinite()) return false;
  const Eigen::LLT<Eigen::MatrixXd> factor(matrix);
  return factor.info() == Eigen::Success;
}

/// Bounds of the largest eigenvalue of a positive semidefinite matrix within `error` (norm).
std::optional<Enclosure> largest_eigenvalue(const Eigen::MatrixXd& matrix, double error) {
  Vector direction = matrix.rowwise().sum();
  Eigen::Index largest = 0;
  matrix.diagonal().maxCoeff(&largest);
  direction += matrix.col(largest);
  constexpr int most_steps = 300;
  double quotient = 0.0;
  for (int step = 0; step < most_steps; ++step) {
    const double norm = direction.norm();
    if (!(norm > 0.0)) return std::nullopt;
    direction /= norm;
    const Vector image = matrix * direction;
    const double next = direction.dot(image);
    const bool is_still = next - quotient <= 1e-14 * next;
    quotient = next;
    direction = image;
    if (is_still) break;
  }
  // The quotient of a unit_roundoff vector, its rounding included, is no larger than the largest.
  const double lower = below(quotient) - above(error);
  for (double excess = 1e-8; excess < 2.0; excess *= 10.0) {
    const double upper = quotient * (1.0 + excess);
    Eigen::MatrixXd difference = -matrix;
    difference.diagonal().array() += upper;
    if (!is_positive_definite(difference, error + 4.0 * unit_roundoff * upper)) continue;
    return Enclosure{std::max(lower, 0.0), upper};
  }
  return std::nullopt;
}

}  // namespace

WeightProducts::WeightProducts(const ProofProblem& problem, const Matrix& weights)
    : problem_(&problem),
      start_products_(weights * weights.transpose()),
      start_z_(weights * problem.data().x.transpose()),
      start_size_(above(weights.norm())) {}

std::optional<Enclosure> WeightProducts::stable_rank(const Eigen::MatrixXd& products, double error,
                                                     double distance) const {
  const auto largest = largest_eigenvalue(products, error);
  if (!largest) return std::nullopt;
  const double trace = products.trace();
  const double least_frobenius = below(std::sqrt(std::max(trace - above(error), 0.0))) - distance;
  const double most_frobenius = above(std::sqrt(trace + error)) + distance;
  const double least_spectral = below(std::sqrt(largest->lower)) - distance;
  const double most_spectral = above(std::sqrt(largest->upper)) + distance;
  if (!(least_spectral > 0.0) || !(least_frobenius > 0.0)) return std::nullopt;
  const double least = least_frobenius / most_spectral, most = most_frobenius / least_spectral;
  return Enclosure{std::max(1.0, below(least * least)), above(most * most)};
}

RunEnclosure WeightProducts::enclose(double log_time, const std::vector<BallVector>& c,
                                     const std::vector<BallVector>& z, double distance) const {
  const ProofProblem& p = *problem_;
  const Matrix coefficients = middles(c, p.n()), values = middles(z, p.n());
  const Matrix cross = coefficients * start_z_.transpose();
  const Matrix pushed = coefficients * p.gram_middle();
  Eigen::MatrixXd products = start_products_ + pushed * coefficients.transpose();
  products += cross;
  products += cross.transpose();
  products = 0.5 * (products + products.transpose()).eval();
  // Rounding of all sums, against sizes that nothing cancels in.
  double size = 0.0;
  for (Eigen::Index k = 0; k < p.neurons(); ++k) {
    const double row = coefficients.row(k).cwiseAbs().dot(p.norm());
    size += row * row;
  }
  const double largest = above(start_size_ + std::sqrt(size));
  const auto terms = static_cast<double>(p.data().dim() + 2 * p.n() + 32);
  const double error = above(16.0 * terms * unit_roundoff * largest * largest);
  RunEnclosure result{.log_time = log_time, .norm = {}, .log_loss = {}, .stable_ranks = {}};
  const Eigen::Index m = p.shape().width;
  result.stable_ranks = {stable_rank(products.topLeftCorner(m, m), error, distance),
                         stable_rank(products.bottomRightCorner(m, m), error, distance),
                         stable_rank(products, error, distance)};
  const double trace = products.trace();
  result.norm = {std::max(0.0, below(std::sqrt(std::max(trace - above(error), 0.0))) - distance),
                 above(std::sqrt(trace + error)) + distance};
  double least = 0.0, most = 0.0;
  for (Eigen::Index l = 0; l < p.n(); ++l) {
    double margin = 0.0, terms_size = 0.0;
    for (Eigen::Index k = 0; k < p.neurons(); ++k) {
      const double output = p.sign(k) * activation(values(k, l), p.gamma());
      margin += output;
      terms_size += std::abs(output);
    }
    const auto width = static_cast<double>(m);
    margin *= p.label(l) / width;
    const double slack =
        above(p.feature_norm()[l] * distance +
              4.0 * (static_cast<double>(p.neurons()) + 8.0) * unit_roundoff * terms_size / width);
    const bool is_logistic = p.problem().loss == logistic;
    const double low = std::exp(-(margin + slack)), high = std::exp(-(margin - slack));
    least += is_logistic ? std::log1p(low) : low;
    most += is_logistic ? std::log1p(high) : high;
  }
  const auto n = static_cast<double>(p.n());
  const auto log_of = [](double value) { return std::log(value); };
  const double rounding = 1e-12 * (1.0 + std::abs(log_of(most / n)));
  result.log_loss = {log_of(below(least / n)) - rounding, log_of(above(most / n)) + rounding};
  return result;
}

}  // namespace latetime
