#include "latetime/data/gram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "latetime/data/symmetric_eigen.hpp"

namespace latetime {

Matrix gram_matrix(const Eigen::Ref<const Matrix>& x) {
  Matrix gram(x.rows(), x.rows());
  gram.setZero();
  gram.selfadjointView<Eigen::Lower>().rankUpdate(x);
  gram.triangularView<Eigen::StrictlyUpper>() = gram.transpose();
  return gram;
}

OrthogonalityReport orthogonality(const Matrix& gram) {
  OrthogonalityReport report;
  const Eigen::Index n = gram.rows();
  report.norm_min = std::sqrt(gram.diagonal().minCoeff());
  report.norm_max = std::sqrt(gram.diagonal().maxCoeff());
  report.norm_ratio = report.norm_min > 0 ? report.norm_max / report.norm_min
                                          : std::numeric_limits<double>::infinity();
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index k = 0; k < i; ++k) {
      report.max_inner_product = std::max(report.max_inner_product, std::abs(gram(i, k)));
    }
  }
  report.np_over_norm2 =
      report.max_inner_product == 0.0
          ? 0.0
          : static_cast<double>(n) * report.max_inner_product / gram.diagonal().minCoeff();
  report.min_eigenvalue = symmetric_eigenvalues(gram)[0];
  return report;
}

}  // namespace latetime
