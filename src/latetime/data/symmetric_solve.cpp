#include "latetime/data/symmetric_solve.hpp"

#include <Eigen/Cholesky>

namespace latetime {

std::optional<Eigen::MatrixXd> symmetric_solution(const Eigen::MatrixXd& a,
                                                  const Eigen::MatrixXd& b) {
  // A backward stable solution leaves some 2^-53 of this scale; one that passed over a pivot much.
  constexpr double tolerance = 1e-10;
  const Eigen::LDLT<Eigen::MatrixXd> factor(a);
  if (factor.info() != Eigen::Success) return std::nullopt;
  Eigen::MatrixXd x = factor.solve(b);
  const auto largest = [](const auto& entries) {
    return entries.template lpNorm<Eigen::Infinity>();
  };
  const double scale = largest(a) * largest(x) * static_cast<double>(a.rows()) + largest(b);
  if (!x.allFinite() || !(largest(a * x - b) <= tolerance * scale)) return std::nullopt;
  return x;
}

Vector unchecked_symmetric_solution(const Eigen::MatrixXd& a, const Vector& b) {
  return Eigen::LDLT<Eigen::MatrixXd>(a).solve(b);
}

}  // namespace latetime
