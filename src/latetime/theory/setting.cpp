#include "latetime/theory/setting.hpp"

#include <cmath>

#include "latetime/data/gram.hpp"
#include "latetime/data/symmetric_eigen.hpp"

namespace latetime {

ClaimSetting::ClaimSetting(Problem descended, ClaimDescent method, double initial_std,
                           const ClaimThresholds& limits)
    : problem(std::move(descended)),
      descent(method),
      init_std(initial_std),
      thresholds(limits),
      gram(gram_matrix(problem.data.x)),
      squared_norms(problem.data.x.rowwise().squaredNorm()),
      initial_z(preactivations(problem.initial.weights, problem.data.x)) {
  const SymmetricEigen spectrum = symmetric_eigen(gram);
  least_eigenvalue = spectrum.values[0];
  const Vector roots = spectrum.values.cwiseMax(0.0).cwiseSqrt();
  gram_root = spectrum.vectors * roots.asDiagonal() * spectrum.vectors.transpose();
  const OrthogonalityReport report = orthogonality(gram);
  r_min = report.norm_min;
  r_max = report.norm_max;
  p = report.max_inner_product;
  beta = initial_z.cwiseAbs().maxCoeff();
  active0.setZero(neurons(), n());
  active0_count = Eigen::VectorXi::Zero(n());
  for (Eigen::Index k = 0; k < neurons(); ++k) {
    for (Eigen::Index i = 0; i < n(); ++i) {
      if (!own(k, i) || !(initial_z(k, i) > 0.0)) continue;
      active0(k, i) = 1;
      ++active0_count[i];
    }
  }
}

}  // namespace latetime
