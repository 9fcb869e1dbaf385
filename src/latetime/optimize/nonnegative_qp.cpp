#include "latetime/optimize/nonnegative_qp.hpp"

#include <limits>
#include <utility>

#include "latetime/data/symmetric_solve.hpp"
#include "latetime/optimize/active_set.hpp"

namespace latetime {

NonnegativeQpResult solve_nonnegative_qp(const Eigen::Ref<const Eigen::MatrixXd>& k,
                                         const Eigen::Ref<const Vector>& b,
                                         const std::vector<bool>& start) {
  const Eigen::Index n = b.size();
  const Vector zero = Vector::Zero(n);
  const Vector infinity = Vector::Constant(n, std::numeric_limits<double>::infinity());
  std::vector<BoundState> states(start.size());
  for (std::size_t i = 0; i < start.size(); ++i) {
    states[i] = start[i] ? BoundState::free : BoundState::lower;
  }
  // References bound to temporaries of a struct would dangle: name them.
  const Eigen::Ref<const Vector> lower(zero);
  const Eigen::Ref<const Vector> upper(infinity);
  const ActiveSetProblem problem{k, b, lower, upper, "nonnegative QP"};
  ActiveSetSolution solution = ActiveSet(problem).solve(states);
  NonnegativeQpResult result{.x = std::move(solution.x),
                             .gradient = std::move(solution.gradient),
                             .support = std::vector<bool>(solution.state.size()),
                             .certificate = solution.certificate,
                             .iterations = solution.iterations,
                             .solved = solution.solved,
                             .ray = std::move(solution.ray)};
  for (std::size_t i = 0; i < solution.state.size(); ++i) {
    result.support[i] = solution.state[i] == BoundState::free;
  }
  return result;
}

Vector nearby_solution(const Eigen::MatrixXd& k, const Vector& start, double nothing,
                       const std::function<Vector(const Vector&)>& product) {
  constexpr double ridge = 1e-12;
  constexpr int rounds = 3;
  std::vector<Eigen::Index> support;
  for (Eigen::Index i = 0; i < start.size(); ++i) {
    if (start[i] > nothing) support.push_back(i);
  }
  if (support.empty()) return {};
  const Eigen::MatrixXd links = k(support, support);
  Eigen::MatrixXd damped = links;
  damped.diagonal().array() += ridge * links.diagonal().maxCoeff();
  Vector found = start(support);
  for (int round = 0; round < rounds; ++round) {
    Vector left = (1.0 - (links * found).array()).matrix();
    if (product) {
      Vector all = Vector::Zero(start.size());
      all(support) = found;
      left = (1.0 - product(all)(support).array()).matrix();
    }
    const auto change = symmetric_solution(damped, left);
    if (!change) return {};
    found += change->col(0);
  }
  if (!(found.minCoeff() > 0.0)) return {};
  Vector result = Vector::Zero(start.size());
  result(support) = found;
  return result;
}

}  // namespace latetime
