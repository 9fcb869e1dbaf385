#include "latetime/experiment/inspection.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

/// The Gram matrix holds squares, and its eigenvalues sums of n of them.
void require_finite_squares(const Samples& x, const std::string& where) {
  constexpr double room = 16.0;
  const double most = std::numeric_limits<double>::max() / (room * static_cast<double>(x.rows()));
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    if (x.row(i).squaredNorm() <= most) continue;
    throw InputError(where,
                     fmt::format("the entries of sample {} are up to {:.3g}, and their "
                                 "squares overflow; divide all samples by {:.0e} or so",
                                 i, x.row(i).cwiseAbs().maxCoeff(), x.cwiseAbs().maxCoeff()));
  }
}

}  // namespace

DataInspection inspect_samples(const Samples& x, const std::string& where) {
  require_finite_squares(x, where);
  DataInspection result{
      .n = x.rows(), .d = x.cols(), .orthogonality = orthogonality(gram_matrix(x))};
  const double scale = result.orthogonality.norm_max * result.orthogonality.norm_max;
  result.linearly_independent =
      result.orthogonality.min_eigenvalue > 1e-14 * static_cast<double>(x.rows()) * scale;
  return result;
}

RunInspection inspect_run(const RunConfig& config, const Dataset& data) {
  const DescentOptions options = descent_options(config, data.size(), 1);
  const EnginePlan plan = plan_engines(options, data.size(), data.dim(), 2 * config.network.width);
  return {.data = inspect_samples(data.x, "data"),
          .origin = data.origin,
          .class_plus = std::count(data.classes.begin(), data.classes.end(), 0),
          .class_minus = std::count(data.classes.begin(), data.classes.end(), 1),
          .engine = options.method == Method::flow ? "flow"
                    : plan.dense                   ? "dense"
                    : plan.hand_over               ? "coefficient, frozen, then flow"
                    : plan.frozen                  ? "coefficient, frozen"
                                                   : "coefficient",
          .last_step = last_time(config, data.size()),
          .records = recorded_steps(config, data.size()).size(),
          .neurons = 2 * config.network.width};
}

}  // namespace latetime
