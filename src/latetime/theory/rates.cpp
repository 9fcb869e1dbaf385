#include "latetime/theory/rates.hpp"

#include <cmath>

#include <Eigen/QR>

#include "latetime/base/log_domain.hpp"

namespace latetime {
namespace {

// Two values of log t that are one but for rounding.
constexpr double same_time = 1e-9;

}  // namespace

LateFit fit_limit(std::span<const Sample> samples) {
  LateFit fit;
  if (samples.empty()) return fit;
  const double last = samples.back().log_time;
  std::size_t first = samples.size();
  while (first > 0 && samples[first - 1].log_time >= 0.0999 * last) --first;
  const auto count = static_cast<Eigen::Index>(samples.size() - first);
  if (count < 4 || samples[first].log_time > 0.2 * last) return fit;
  Eigen::MatrixXd basis(count, 3);
  Vector values(count);
  for (Eigen::Index row = 0; row < count; ++row) {
    const Sample& sample = samples[first + static_cast<std::size_t>(row)];
    const double x = last / sample.log_time;  // scaled, so that columns are of one size
    basis.row(row) << 1.0, x, x * x;
    values[row] = sample.value;
  }
  const Vector solution = basis.colPivHouseholderQr().solve(values);
  fit.known = solution.allFinite();
  fit.limit = solution[0];
  fit.slope = solution[1] * last;
  fit.residual = (basis * solution - values).cwiseAbs().maxCoeff();
  return fit;
}

std::vector<Sample> loss_exponents(const std::vector<Snapshot>& snapshots) {
  std::vector<Sample> result;
  const Snapshot* earlier = nullptr;
  for (const Snapshot& snapshot : snapshots) {
    if (snapshot.log_time() < 1.0) continue;
    if (earlier) {
      const double step = snapshot.log_time() - earlier->log_time();
      if (step <= same_time * snapshot.log_time()) continue;
      result.push_back({snapshot.log_time(), (earlier->log_loss - snapshot.log_loss) / step});
    }
    earlier = &snapshot;
  }
  return result;
}

Matrix last_rho_rates(const RunTrace& run) {
  if (run.snapshots.size() < 2) return {};
  const Snapshot& last = run.snapshots.back();
  const Snapshot& before = run.snapshots[run.snapshots.size() - 2];
  if (last.exact || before.exact) return {};
  return rho_of(run.setting, last.coefficients - before.coefficients) /
         (last.log_time() - before.log_time());
}

double log1p_exp(double x) {
  return softplus(x);
}

StableRank rank_of_coefficients(const ClaimSetting& setting, const Matrix& coefficients) {
  return stable_rank(singular_values(Matrix(coefficients * setting.gram_root)));
}

Vector norms_of_coefficients(const ClaimSetting& setting, const Matrix& coefficients) {
  return (coefficients * setting.gram_root).rowwise().norm();
}

MatrixNorms matrix_norms(const ClaimSetting& setting, const Matrix& coefficients) {
  const Matrix inside = coefficients * setting.gram_root;
  const Eigen::MatrixXd gram = inside.transpose() * inside;
  return {std::sqrt(std::max(0.0, top_eigenvalue(gram))), inside.norm()};
}

}  // namespace latetime
