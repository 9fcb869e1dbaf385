#include "latetime/optimize/fixed_slopes.hpp"

#include <algorithm>
#include <cmath>

#include "latetime/data/symmetric_solve.hpp"
#include "latetime/optimize/nonnegative_qp.hpp"

namespace latetime {
namespace {

// A step is taken where it gains this part of what its slope promises.
constexpr double least_gain = 1e-4;
constexpr double shortest_step = 1e-9;

// Optimal to this part of Σλ.
constexpr double optimality_tolerance = 1e-13;

// Rays along which weights move by less than this part of their terms separate nothing.
constexpr double ray_tolerance = 1e-9;

// Diagonal entries of the kernel below this part of their terms are zero.
constexpr double kernel_rounding = 1e-24;

// Multipliers so many times those of orthogonal samples have no end.
constexpr double unbounded = 1e14;
// So are bounds of the least norm.
constexpr double endless = 1e11;

// What keeps a Newton step finite where its kernel is singular, as a part of the diagonal.
constexpr double damping = 1e-9;

// Shares below this part of a neuron count as none; where norms agree to this part, shares stay.
constexpr double vanishing_share = 1e-3;
constexpr double equal_norms = 1e-9;

struct DualPoint {
  Vector lambda;
  std::vector<NeuronPush> pushes;
  double value = 0.0;
  Vector slope;  // 1 − margins
};

class Solver {
 public:
  Solver(const LeastNormProblem& problem, const std::vector<SlopeGroup>& groups)
      : problem_(problem), groups_(groups), m_(static_cast<double>(problem.width)) {}

  DualPoint at(const Vector& lambda, const DualPoint* near) const;
  Eigen::MatrixXd kernel(const DualPoint& point) const;
  bool is_ray(const Vector& ray) const;
  FixedSlopesResult describe(const DualPoint& point) const;

 private:
  Eigen::MatrixXd push_map(const SlopeGroup& group, const NeuronPush& push) const;

  const LeastNormProblem& problem_;
  const std::vector<SlopeGroup>& groups_;
  double m_;
};

DualPoint Solver::at(const Vector& lambda, const DualPoint* near) const {
  DualPoint point;
  point.lambda = lambda;
  point.value = lambda.sum();
  point.slope = Vector::Ones(lambda.size());
  for (std::size_t k = 0; k < groups_.size(); ++k) {
    const SlopeGroup& group = groups_[k];
    NeuronPush push =
        push_on_neuron(problem_, group.group, lambda, group.slopes,
                       near != nullptr ? near->pushes[k].states : std::vector<BoundState>{});
    const double part = group.neurons / (m_ * m_);
    point.value -= 0.5 * part * push.squared;
    for (const Eigen::Index i : problem_.own(group.group)) {
      const bool steep = group.slopes[static_cast<std::size_t>(i)] != 0;
      point.slope[i] -= part * (steep ? 1.0 : problem_.slope) * push.preactivations[i];
    }
    for (const Eigen::Index l : problem_.others(group.group)) {
      const double z = push.preactivations[l];
      point.slope[l] += part * std::max(problem_.slope * z, z);
    }
    point.pushes.push_back(std::move(push));
  }
  return point;
}

/// M with coefficients = M λ on the piece that a push lies on.
Eigen::MatrixXd Solver::push_map(const SlopeGroup& group, const NeuronPush& push) const {
  const Eigen::Index n = problem_.samples();
  const auto& others = problem_.others(group.group);
  Eigen::MatrixXd map = Eigen::MatrixXd::Zero(n, n);
  for (const Eigen::Index i : problem_.own(group.group)) {
    map(i, i) = group.slopes[static_cast<std::size_t>(i)] != 0 ? 1.0 : problem_.slope;
  }
  std::vector<Eigen::Index> free;
  for (std::size_t l = 0; l < others.size(); ++l) {
    if (push.states[l] == BoundState::free) {
      free.push_back(others[l]);
    } else {
      map(others[l], others[l]) = push.states[l] == BoundState::upper ? -1.0 : -problem_.slope;
    }
  }
  if (free.empty()) return map;
  // G_FF c_F = −G_FR c_R: pre-activations of free pairs are zero.
  const Eigen::MatrixXd block = problem_.gram(free, free);
  const Eigen::MatrixXd rest = problem_.gram(free, Eigen::all) * map;
  if (const auto solution = symmetric_solution(block, rest)) map(free, Eigen::all) = -*solution;
  return map;
}

Eigen::MatrixXd Solver::kernel(const DualPoint& point) const {
  const Eigen::Index n = problem_.samples();
  const Eigen::MatrixXd gram = problem_.gram;
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(n, n);
  for (std::size_t k = 0; k < groups_.size(); ++k) {
    const Eigen::MatrixXd map = push_map(groups_[k], point.pushes[k]);
    sum += groups_[k].neurons / (m_ * m_) * (map.transpose() * (gram * map));
  }
  sum = (0.5 * (sum + sum.transpose())).eval();
  // What is left of a row by rounding is nothing.
  for (Eigen::Index i = 0; i < n; ++i) {
    const double terms = problem_.gram(i, i) / m_;
    if (sum(i, i) > kernel_rounding * terms) continue;
    sum.row(i).setZero();
    sum.col(i).setZero();
  }
  return sum;
}

/// Whether multipliers along it move no weights, whatever the size: then no weights have positive
/// margins with these slopes.
bool Solver::is_ray(const Vector& ray) const {
  const double terms = problem_.size(ray);
  const DualPoint point = at(ray, nullptr);
  return std::all_of(point.pushes.begin(), point.pushes.end(), [&](const NeuronPush& push) {
    return push.squared <= ray_tolerance * ray_tolerance * terms * terms;
  });
}

FixedSlopesResult Solver::describe(const DualPoint& point) const {
  FixedSlopesResult result;
  result.feasible = true;
  result.multipliers = point.lambda;
  const auto count = static_cast<Eigen::Index>(groups_.size());
  result.weights.coefficients.resize(count, problem_.samples());
  result.neuron_norms.resize(count);
  for (Eigen::Index k = 0; k < count; ++k) {
    const auto index = static_cast<std::size_t>(k);
    const double sign = 1.0 / m_;
    result.weights.coefficients.row(k) = sign * point.pushes[index].coefficients.transpose();
    result.weights.groups.push_back(groups_[index].group);
    result.weights.counts.push_back(groups_[index].neurons);
    result.neuron_norms[k] = std::sqrt(point.pushes[index].squared) / m_;
    result.value += 0.5 * groups_[index].neurons * point.pushes[index].squared / (m_ * m_);
  }
  return result;
}

bool optimal(const DualPoint& point) {
  const double total = std::max(point.lambda.sum(), 1e-300);
  return point.slope.maxCoeff() <= 1e-12 &&
         std::abs(point.lambda.dot(point.slope)) <= optimality_tolerance * total;
}

/// A first λ where none is given: of the size that is best along the diagonal.
Vector first_multipliers(const LeastNormProblem& problem) {
  return problem.gram.diagonal().cwiseInverse() * static_cast<double>(problem.width);
}

/// λ times the factor that is best along it.
Vector rescaled(const Vector& lambda, const DualPoint& point) {
  const double push = 2.0 * (lambda.sum() - point.value);
  const double sum = lambda.sum();
  return push * unbounded > sum ? Vector(lambda * (sum / push)) : lambda;
}

/// Slopes that separate nothing: `ray` moves no weights, or hardly any.
FixedSlopesResult not_separated(Vector ray) {
  FixedSlopesResult none;
  none.multipliers = std::move(ray);
  return none;
}

}  // namespace

FixedSlopesResult solve_fixed_slopes(const LeastNormProblem& problem,
                                     const std::vector<SlopeGroup>& groups, const Vector& start,
                                     int most_steps) {
  const Solver solver(problem, groups);
  const Vector ones = Vector::Ones(problem.samples());
  const double most = unbounded * first_multipliers(problem).sum();
  const bool started = start.size() > 0 && start.maxCoeff() > 0.0;
  Vector lambda = started ? start : first_multipliers(problem);
  DualPoint point = solver.at(lambda, nullptr);
  lambda = rescaled(lambda, point);
  point = solver.at(lambda, &point);
  bool solved = optimal(point);
  for (int step = 0; step < most_steps && !solved; ++step) {
    Eigen::MatrixXd kernel = solver.kernel(point);
    NonnegativeQpResult newton = solve_nonnegative_qp(kernel, ones);
    if (newton.ray && solver.is_ray(*newton.ray)) return not_separated(*newton.ray);
    if (!newton.solved) {
      kernel.diagonal().array() += damping * std::max(kernel.diagonal().maxCoeff(), 1e-300);
      newton = solve_nonnegative_qp(kernel, Vector(point.slope + kernel * point.lambda));
      if (!newton.solved) break;
    }
    const Vector direction = newton.x - point.lambda;
    const double promise = point.slope.dot(direction);
    if (!(promise > 0.0)) {
      solved = optimal(point);
      break;
    }
    DualPoint next;
    double part = std::min(1.0, 2.0 * most / std::max(newton.x.sum(), 1e-300));
    for (; part > shortest_step; part *= 0.5) {
      next = solver.at(point.lambda + part * direction, &point);
      if (next.value >= point.value + least_gain * part * promise) break;
    }
    if (part <= shortest_step) break;
    point = std::move(next);
    // Multipliers whose scale is best prove a norm beyond all bounds, or have none.
    const double sum = point.lambda.sum();
    const double push = 2.0 * (sum - point.value);
    if (sum > most || sum * (sum / push) > endless * first_multipliers(problem).sum()) {
      return not_separated(point.lambda / sum);
    }
    solved = optimal(point);
  }
  FixedSlopesResult result = solver.describe(point);
  result.solved = solved;
  return result;
}

FixedSlopesResult solve_shares(const LeastNormProblem& problem, std::vector<SlopeGroup>& groups,
                               const Vector& start, int most_rounds) {
  FixedSlopesResult result = solve_fixed_slopes(problem, groups, start);
  for (int round = 0; round < most_rounds && result.feasible; ++round) {
    std::array<double, 2> sums{}, largest{}, smallest{INFINITY, INFINITY};
    for (std::size_t k = 0; k < groups.size(); ++k) {
      const double norm = result.neuron_norms[static_cast<Eigen::Index>(k)];
      const auto side = static_cast<std::size_t>(groups[k].group);
      sums[side] += groups[k].neurons * norm * norm;
      largest[side] = std::max(largest[side], norm);
      smallest[side] = std::min(smallest[side], norm);
    }
    const auto settled = [&](std::size_t side) {
      return !(sums[side] > 0.0) || largest[side] - smallest[side] <= equal_norms * largest[side];
    };
    if (settled(0) && settled(1)) break;
    std::vector<SlopeGroup> next;
    std::array<double, 2> totals{};
    for (std::size_t k = 0; k < groups.size(); ++k) {
      const auto side = static_cast<std::size_t>(groups[k].group);
      SlopeGroup moved = groups[k];
      if (!settled(side)) {
        // Twice the step of the convex problem's own (exponent 1), which converges as well.
        const double norm = result.neuron_norms[static_cast<Eigen::Index>(k)];
        moved.neurons *= norm * norm / sums[side] * static_cast<double>(problem.width);
        if (moved.neurons < vanishing_share) continue;
      }
      totals[side] += moved.neurons;
      next.push_back(std::move(moved));
    }
    for (SlopeGroup& group : next) {
      group.neurons *=
          static_cast<double>(problem.width) / totals[static_cast<std::size_t>(group.group)];
    }
    FixedSlopesResult better = solve_fixed_slopes(problem, next, result.multipliers);
    if (!better.feasible) break;
    groups = std::move(next);
    result = std::move(better);
  }
  return result;
}

}  // namespace latetime
