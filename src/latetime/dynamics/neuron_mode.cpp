#include "latetime/dynamics/neuron_mode.hpp"

#include <algorithm>
#include <cmath>

namespace latetime {
namespace {

// What projecting the sliding samples out leaves of one in their span is below this part of it.
constexpr double rounding_of_projection = 1e-12;

}  // namespace

Vector signed_slopes(const FlowProblem& problem, int group, const NeuronMode& mode) {
  Vector result(problem.samples());
  for (Eigen::Index l = 0; l < result.size(); ++l) {
    result[l] = problem.sign(group, l) * problem.slope(mode.is_active(l));
  }
  for (const Eigen::Index l : mode.sliding) {
    for (const Eigen::Index i : problem.members[static_cast<std::size_t>(l)]) result[i] = 0.0;
  }
  return result;
}

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

FoldBounds fold_bounds(const FlowProblem& problem, int group, Eigen::Index l,
                       const Vector& lambda) {
  FoldBounds bounds{0.0, 0.0};
  const double slope = problem.shape.slope;
  for (const Eigen::Index i : problem.members[static_cast<std::size_t>(l)]) {
    const double ratio = problem.ratio[static_cast<std::size_t>(i)];
    const double push = -problem.sign(group, i) * ratio * lambda[i];
    bounds.above += (ratio > 0.0 ? 1.0 : slope) * push;
    bounds.below += (ratio > 0.0 ? slope : 1.0) * push;
  }
  return bounds;
}

bool fold_balances(const FlowProblem& problem, int group, Eigen::Index l, const Vector& lambda) {
  const FoldBounds bounds = fold_bounds(problem, group, l, lambda);
  double size = 0.0;
  for (const Eigen::Index i : problem.members[static_cast<std::size_t>(l)]) {
    size += std::abs(problem.ratio[static_cast<std::size_t>(i)]) * lambda[i];
  }
  return std::abs(bounds.above - bounds.below) <= balance_tolerance * size;
}

void set_side(const FlowProblem& problem, Eigen::Index l, bool above, NeuronMode& mode) {
  for (const Eigen::Index i : problem.members[static_cast<std::size_t>(l)]) {
    const auto index = static_cast<std::size_t>(i);
    mode.active[index] = (problem.ratio[index] > 0.0) == above ? 1 : 0;
  }
}

Vector times_above(const FlowProblem& problem, int group, const NeuronMode& mode,
                   const Vector& lambda) {
  Vector result(static_cast<Eigen::Index>(mode.sliding.size()));
  const Vector beta = sliding_multipliers(mode, lambda);
  for (Eigen::Index s = 0; s < result.size(); ++s) {
    const FoldBounds bounds =
        fold_bounds(problem, group, mode.sliding[static_cast<std::size_t>(s)], lambda);
    const double room = bounds.above - bounds.below;
    result[s] = room > 0.0 ? std::clamp((beta[s] - bounds.below) / room, 0.0, 1.0) : 1.0;
  }
  return result;
}

Vector effective_multipliers(const FlowProblem& problem, int group, const NeuronMode& mode,
                             const Vector& lambda) {
  Vector result(problem.samples());
  for (Eigen::Index l = 0; l < result.size(); ++l) {
    result[l] = problem.slope(mode.is_active(l)) * lambda[l];
  }
  if (mode.slides()) {
    const Vector beta = sliding_multipliers(mode, lambda);
    const Vector above = times_above(problem, group, mode, lambda);
    for (std::size_t s = 0; s < mode.sliding.size(); ++s) {
      const Eigen::Index first = mode.sliding[s];
      // Shared by how long each is active; what rounding or λ = 0 leaves is the first one's.
      double rest = beta[static_cast<Eigen::Index>(s)];
      for (const Eigen::Index i : problem.members[static_cast<std::size_t>(first)]) {
        if (i == first) continue;
        const double ratio = problem.ratio[static_cast<std::size_t>(i)];
        const double time = above[static_cast<Eigen::Index>(s)];
        const double active = ratio > 0.0 ? time : 1.0 - time;
        result[i] = (problem.shape.slope + (1.0 - problem.shape.slope) * active) * lambda[i];
        rest += problem.sign(group, i) * ratio * result[i];
      }
      result[first] = -problem.sign(group, first) * rest;
    }
  }
  return result;
}

Vector signed_multipliers(const FlowProblem& problem, int group, const NeuronMode& mode,
                          const Vector& lambda) {
  Vector result = effective_multipliers(problem, group, mode, lambda);
  for (Eigen::Index l = 0; l < result.size(); ++l) result[l] *= problem.sign(group, l);
  return result;
}

Vector preactivation_row(const FlowProblem& problem, int group, const NeuronMode& mode,
                         Eigen::Index i) {
  Vector row = signed_slopes(problem, group, mode).cwiseProduct(problem.gram.row(i).transpose());
  for (std::size_t s = 0; s < mode.sliding.size(); ++s) {
    row -=
        problem.gram(mode.sliding[s], i) * mode.share.row(static_cast<Eigen::Index>(s)).transpose();
  }
  if (mode.slides()) {  // a sample in the span of the sliding ones does not move
    const double size = problem.gram(i, i) + problem.gram.row(i).cwiseAbs().maxCoeff();
    if (row.cwiseAbs().maxCoeff() <= rounding_of_projection * size) row.setZero();
  }
  return problem.rate * row;
}

namespace {

/// The same between what the neuron's group feels of λ and does to outputs, n × n.
void add_group_kernel(const FlowProblem& problem, int group, const NeuronMode& mode, double factor,
                      Eigen::MatrixXd& kernel) {
  const Vector slopes = signed_slopes(problem, group, mode);
  const double scale = factor * problem.rate / static_cast<double>(problem.shape.width);
  if (!mode.slides()) {
    kernel += scale * (slopes.asDiagonal() * problem.gram * slopes.asDiagonal());
    return;
  }
  // share = G_SS⁻¹ G_S· D, hence D (G − G_·S G_SS⁻¹ G_S·) D = D G D − (G_S· D)ᵀ share.
  Matrix rows = problem.gram(mode.sliding, Eigen::all);
  rows = rows * slopes.asDiagonal();
  Eigen::MatrixXd part = slopes.asDiagonal() * problem.gram * slopes.asDiagonal();
  const Vector before = part.diagonal();
  part.noalias() -= rows.transpose() * mode.share;
  for (Eigen::Index i = 0; i < part.rows(); ++i) {
    if (part(i, i) > rounding_of_projection * before[i]) continue;
    part.row(i).setZero();  // in the span of the sliding ones
    part.col(i).setZero();
  }
  kernel += scale * part;
}

}  // namespace

Eigen::MatrixXd group_kernel(const FlowProblem& problem, int group, const NeuronMode& mode,
                             double factor) {
  Eigen::MatrixXd part = Eigen::MatrixXd::Zero(problem.samples(), problem.samples());
  add_group_kernel(problem, group, mode, factor, part);
  return part;
}

void add_kernel(const FlowProblem& problem, int group, const NeuronMode& mode, double factor,
                Eigen::MatrixXd& kernel) {
  if (problem.rivals.two_classes()) {
    return add_group_kernel(problem, group, mode, factor, kernel);
  }
  problem.rivals.add_kernel(group, group_kernel(problem, group, mode, factor), kernel);
}

std::vector<Eigen::MatrixXd> group_kernels_of(
    const FlowProblem& problem, const std::function<const NeuronMode&(Eigen::Index)>& mode_of) {
  const Eigen::Index n = problem.samples(), width = problem.shape.width;
  std::vector<Eigen::MatrixXd> parts;
  for (int group = 0; group < problem.shape.groups; ++group) {
    Eigen::MatrixXd& part = parts.emplace_back(Eigen::MatrixXd::Zero(n, n));
    for (Eigen::Index k = group * width; k < (group + 1) * width; ++k) {
      add_group_kernel(problem, group, mode_of(k), 1.0, part);
    }
  }
  return parts;
}

Eigen::MatrixXd kernel_of(const FlowProblem& problem,
                          const std::function<const NeuronMode&(Eigen::Index)>& mode_of) {
  if (!problem.rivals.two_classes()) {
    return problem.rivals.kernel(group_kernels_of(problem, mode_of));
  }
  Eigen::MatrixXd kernel = Eigen::MatrixXd::Zero(problem.margins(), problem.margins());
  for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
    add_group_kernel(problem, problem.group_of(k), mode_of(k), 1.0, kernel);
  }
  return kernel;
}

Eigen::MatrixXd kernel_of(const FlowProblem& problem, const std::vector<NeuronMode>& modes) {
  return kernel_of(problem, [&](Eigen::Index k) -> const NeuronMode& {
    return modes[static_cast<std::size_t>(k)];
  });
}

}  // namespace latetime
