#include "latetime/optimize/box_qp.hpp"

#include <cmath>
#include <utility>

#include "latetime/base/error.hpp"
#include "latetime/optimize/active_set.hpp"

namespace latetime {

BoxQpResult solve_box_qp(const Eigen::Ref<const Eigen::MatrixXd>& a,
                         const Eigen::Ref<const Vector>& b, const Eigen::Ref<const Vector>& lower,
                         const Eigen::Ref<const Vector>& upper, std::span<const BoundState> start) {
  if (!lower.allFinite() || !upper.allFinite()) {
    throw InputError("box QP", "a bound is not finite; give finite bounds");
  }
  const ActiveSetProblem problem{a, b, lower, upper, "box QP"};
  ActiveSetSolution solution = ActiveSet(problem).solve(start);
  return {.x = std::move(solution.x),
          .gradient = std::move(solution.gradient),
          .state = std::move(solution.state),
          .certificate = solution.certificate,
          .iterations = solution.iterations,
          .solved = solution.solved};
}

}  // namespace latetime
