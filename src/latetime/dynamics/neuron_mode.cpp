#include "latetime/dynamics/neuron_mode.hpp"

#include <algorithm>

#include <Eigen/Cholesky>

#include "latetime/optimize/box_qp.hpp"

namespace latetime {
namespace {

// A sample counts as dependent on the sliding ones when projecting them out leaves less than this
// part of its squared norm.
constexpr double dependence_tolerance = 1e-10;

/// ς_l α_l for pairs that do not slide, 0 for those that do.
Vector signed_slopes(const FlowProblem& problem, int group, const NeuronMode& mode) {
  Vector result(problem.samples());
  for (Eigen::Index l = 0; l < result.size(); ++l) {
    const double slope = mode.active[static_cast<std::size_t>(l)] ? 1.0 : problem.shape.slope;
    result[l] = problem.sign(group, l) * slope;
  }
  for (const Eigen::Index l : mode.sliding) result[l] = 0.0;
  return result;
}

/// G_{S·}, |S| × n.
Matrix rows_of(const Matrix& gram, std::span<const Eigen::Index> rows) {
  Matrix result(static_cast<Eigen::Index>(rows.size()), gram.cols());
  for (std::size_t r = 0; r < rows.size(); ++r) {
    result.row(static_cast<Eigen::Index>(r)) = gram.row(rows[r]);
  }
  return result;
}

/// G_SS⁻¹ and the sliding pairs' shares of λ, from the sliding set and the slopes of the rest.
void fit_sliding(const FlowProblem& problem, int group, NeuronMode& mode) {
  const auto size = static_cast<Eigen::Index>(mode.sliding.size());
  if (size == 0) {
    mode.inverse.resize(0, 0);
    mode.share.resize(0, problem.samples());
    return;
  }
  const Matrix rows = rows_of(problem.gram, mode.sliding);
  Eigen::MatrixXd block(size, size);
  for (Eigen::Index r = 0; r < size; ++r) {
    for (Eigen::Index c = 0; c < size; ++c) {
      block(r, c) = rows(r, mode.sliding[static_cast<std::size_t>(c)]);
    }
  }
  mode.inverse = Eigen::LDLT<Eigen::MatrixXd>(block).solve(Eigen::MatrixXd::Identity(size, size));
  mode.share = mode.inverse * (rows * signed_slopes(problem, group, mode).asDiagonal());
}

}  // namespace

bool NeuronMode::at_zero(Eigen::Index sample) const {
  return std::find(sliding.begin(), sliding.end(), sample) != sliding.end() ||
         std::find(riding.begin(), riding.end(), sample) != riding.end();
}

std::vector<Eigen::Index> NeuronMode::pairs_at_zero() const {
  std::vector<Eigen::Index> result = sliding;
  result.insert(result.end(), riding.begin(), riding.end());
  std::sort(result.begin(), result.end());
  return result;
}

Vector sliding_multipliers(const NeuronMode& mode, const Vector& lambda) {
  if (!mode.slides()) return {};  // its share may have no columns
  return mode.share * lambda;
}

Vector to_zero(const NeuronMode& mode, const Eigen::Ref<const Eigen::RowVectorXd>& z) {
  Vector sliding(static_cast<Eigen::Index>(mode.sliding.size()));
  for (std::size_t s = 0; s < mode.sliding.size(); ++s) {
    sliding[static_cast<Eigen::Index>(s)] = -z[mode.sliding[s]];
  }
  return mode.inverse * sliding;
}

Vector effective_multipliers(const FlowProblem& problem, const NeuronMode& mode,
                             const Vector& lambda) {
  Vector result(problem.samples());
  for (Eigen::Index l = 0; l < result.size(); ++l) {
    result[l] =
        mode.active[static_cast<std::size_t>(l)] ? lambda[l] : problem.shape.slope * lambda[l];
  }
  if (mode.slides()) {
    const Vector beta = sliding_multipliers(mode, lambda);
    for (std::size_t s = 0; s < mode.sliding.size(); ++s) {
      result[mode.sliding[s]] = beta[static_cast<Eigen::Index>(s)];
    }
  }
  return result;
}

Vector preactivation_row(const FlowProblem& problem, int group, const NeuronMode& mode,
                         Eigen::Index i) {
  Vector row = signed_slopes(problem, group, mode).cwiseProduct(problem.gram.row(i).transpose());
  for (std::size_t s = 0; s < mode.sliding.size(); ++s) {
    row -=
        problem.gram(mode.sliding[s], i) * mode.share.row(static_cast<Eigen::Index>(s)).transpose();
  }
  return problem.rate * row;
}

void add_kernel(const FlowProblem& problem, int group, const NeuronMode& mode, double factor,
                Eigen::MatrixXd& kernel) {
  const Vector slopes = signed_slopes(problem, group, mode);
  const double scale = factor * problem.rate / static_cast<double>(problem.shape.width);
  if (!mode.slides()) {
    kernel += scale * (slopes.asDiagonal() * problem.gram * slopes.asDiagonal());
    return;
  }
  // share = G_SS⁻¹ G_S· D, hence D (G − G_·S G_SS⁻¹ G_S·) D = D G D − (G_S· D)ᵀ share.
  const Matrix rows = rows_of(problem.gram, mode.sliding) * slopes.asDiagonal();
  kernel += scale * (slopes.asDiagonal() * problem.gram * slopes.asDiagonal());
  kernel.noalias() -= scale * (rows.transpose() * mode.share);
}

void resolve_mode(const FlowProblem& problem, int group, const Vector& lambda,
                  std::span<const Eigen::Index> at_zero, NeuronMode& mode) {
  const auto size = static_cast<Eigen::Index>(at_zero.size());
  mode.sliding.assign(at_zero.begin(), at_zero.end());
  mode.riding.clear();
  const Vector rest = signed_slopes(problem, group, mode).cwiseProduct(lambda);
  mode.sliding.clear();

  Eigen::MatrixXd block(size, size);
  Vector pull(size), lower(size), upper(size);
  for (Eigen::Index r = 0; r < size; ++r) {
    const Eigen::Index l = at_zero[static_cast<std::size_t>(r)];
    for (Eigen::Index c = 0; c < size; ++c) {
      block(r, c) = problem.gram(l, at_zero[static_cast<std::size_t>(c)]);
    }
    pull[r] = problem.gram.row(l).dot(rest);
    upper[r] = lambda[l];
    lower[r] = problem.shape.slope * lambda[l];
  }
  const BoxQpResult solution = solve_box_qp(block, pull, lower, upper);

  std::vector<Eigen::Index> at_bound;
  for (Eigen::Index r = 0; r < size; ++r) {
    const Eigen::Index l = at_zero[static_cast<std::size_t>(r)];
    const BoundState state = solution.state[static_cast<std::size_t>(r)];
    if (state == BoundState::free) {
      mode.sliding.push_back(l);
      continue;
    }
    const double push = -solution.gradient[r];  // dz/dθ up to the rate
    const bool up = push > 0.0 || (push == 0.0 && state == BoundState::upper);
    mode.active[static_cast<std::size_t>(l)] = up ? 1 : 0;
    at_bound.push_back(r);
  }
  fit_sliding(problem, group, mode);
  for (const Eigen::Index r : at_bound) {
    const Eigen::Index l = at_zero[static_cast<std::size_t>(r)];
    if (mode.sliding.empty()) break;
    Vector link(static_cast<Eigen::Index>(mode.sliding.size()));
    for (Eigen::Index s = 0; s < link.size(); ++s) {
      link[s] = problem.gram(l, mode.sliding[static_cast<std::size_t>(s)]);
    }
    const double left = problem.gram(l, l) - link.dot(mode.inverse * link);
    if (!(left <= dependence_tolerance * problem.gram(l, l))) continue;
    mode.riding.push_back(l);
    mode.active[static_cast<std::size_t>(l)] =
        solution.state[static_cast<std::size_t>(r)] == BoundState::upper ? 1 : 0;
  }
  if (!mode.riding.empty()) fit_sliding(problem, group, mode);
}

}  // namespace latetime
