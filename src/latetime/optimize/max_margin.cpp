#include "latetime/optimize/max_margin.hpp"

#include <cmath>
#include <utility>

#include "latetime/base/error.hpp"
#include "latetime/optimize/nonnegative_qp.hpp"

namespace latetime {

MaxMarginResult solve_max_margin(const Eigen::Ref<const Eigen::MatrixXd>& gram,
                                 const Eigen::Ref<const Vector>& labels,
                                 const std::vector<bool>& start) {
  const Eigen::Index n = labels.size();
  if (gram.rows() != n || gram.cols() != n) {
    throw InputError("maximum margin", "the Gram matrix must be n x n for n labels");
  }
  if ((labels.array().abs() != 1.0).any()) {
    throw InputError("maximum margin", "a label is not +1 or -1; use +1 and -1");
  }
  const Eigen::MatrixXd q = labels.asDiagonal() * gram * labels.asDiagonal();
  NonnegativeQpResult dual = solve_nonnegative_qp(q, Vector::Ones(n), start);
  MaxMarginResult result;
  result.certificate = dual.certificate;
  result.support = std::move(dual.support);
  result.ray = std::move(dual.ray);
  if (result.ray) {
    result.verdict = Separability::not_separable;
  } else if (dual.solved) {
    result.verdict = Separability::separable;
    // At the solution λᵀQλ = Σ λ_i, and ‖w‖² = λᵀQλ.
    result.margin = 1.0 / std::sqrt(dual.x.sum());
    result.margins = dual.gradient.array() + 1.0;
    result.multipliers = std::move(dual.x);
  }
  return result;
}

}  // namespace latetime
