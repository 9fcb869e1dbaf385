#include "latetime/dynamics/neuron_mode.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <Eigen/LU>

#include "latetime/base/run_failure.hpp"
#include "latetime/data/symmetric_solve.hpp"
#include "latetime/optimize/box_qp.hpp"

namespace latetime {
namespace {

// A sample counts as dependent on the sliding ones when projecting them out leaves less than this
// part of its squared norm.
constexpr double dependence_tolerance = 1e-10;

// What projecting the sliding samples out leaves of one in their span is below this part of it.
constexpr double rounding_of_projection = 1e-12;

/// ς_l α_l for pairs that do not slide, 0 for those that do.
Vector signed_slopes(const FlowProblem& problem, int group, const NeuronMode& mode) {
  Vector result(problem.samples());
  for (Eigen::Index l = 0; l < result.size(); ++l) {
    const double slope = mode.active[static_cast<std::size_t>(l)] ? 1.0 : problem.shape.slope;
    result[l] = problem.sign(group, l) * slope;
  }
  for (const Eigen::Index l : mode.sliding) {
    for (const Eigen::Index i : problem.members[static_cast<std::size_t>(l)]) result[i] = 0.0;
  }
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
  const auto inverse = symmetric_solution(block, Eigen::MatrixXd::Identity(size, size));
  if (!inverse) {
    throw RunFailure("late-time flow: the Gram matrix of the pairs that slide has no inverse");
  }
  mode.inverse = *inverse;
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
    result[l] =
        mode.active[static_cast<std::size_t>(l)] ? lambda[l] : problem.shape.slope * lambda[l];
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

namespace {

// Subsets of folds that are tried for the rays of a span.
constexpr std::size_t most_subsets = 2000;

double length_squared(const FlowProblem& problem, const NeuronMode& mode, const Vector& weights) {
  double sum = 0.0;
  for (std::size_t r = 0; r < mode.sliding.size(); ++r) {
    for (std::size_t c = 0; c < mode.sliding.size(); ++c) {
      sum += weights[static_cast<Eigen::Index>(r)] * weights[static_cast<Eigen::Index>(c)] *
             problem.gram(mode.sliding[r], mode.sliding[c]);
    }
  }
  return sum;
}

/// Whether sample l lies in the span of those that slide.
bool depends(const FlowProblem& problem, const NeuronMode& mode, Eigen::Index l) {
  if (mode.sliding.empty()) return false;
  Vector link(static_cast<Eigen::Index>(mode.sliding.size()));
  for (Eigen::Index s = 0; s < link.size(); ++s) {
    link[s] = problem.gram(l, mode.sliding[static_cast<std::size_t>(s)]);
  }
  const double left = problem.gram(l, l) - link.dot(mode.inverse * link);
  return left <= dependence_tolerance * problem.gram(l, l);
}

void sort_folds(const FlowProblem& problem, std::span<const Eigen::Index> at_zero, int group,
                const Vector& lambda, std::vector<Eigen::Index>& holding,
                std::vector<Eigen::Index>& repelling) {
  std::vector<Eigen::Index> folds;
  for (const Eigen::Index i : at_zero) folds.push_back(problem.fold[static_cast<std::size_t>(i)]);
  std::sort(folds.begin(), folds.end());
  folds.erase(std::unique(folds.begin(), folds.end()), folds.end());
  for (const Eigen::Index l : folds) {
    const FoldBounds bounds = fold_bounds(problem, group, l, lambda);
    (bounds.above >= bounds.below ? holding : repelling).push_back(l);
  }
}

/// The least-norm subgradient for the folds `at_zero`, the rest as it is.
void hold(const FlowProblem& problem, int group, const Vector& lambda,
          const std::vector<Eigen::Index>& at_zero, NeuronMode& mode) {
  const auto size = static_cast<Eigen::Index>(at_zero.size());
  mode.sliding = at_zero;
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
    const FoldBounds bounds = fold_bounds(problem, group, l, lambda);
    upper[r] = bounds.above;
    lower[r] = bounds.below;
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
    set_side(problem, l, push > 0.0 || (push == 0.0 && state == BoundState::upper), mode);
    at_bound.push_back(r);
  }
  fit_sliding(problem, group, mode);
  for (const Eigen::Index r : at_bound) {
    const Eigen::Index l = at_zero[static_cast<std::size_t>(r)];
    if (!depends(problem, mode, l)) continue;
    for (const Eigen::Index i : problem.members[static_cast<std::size_t>(l)]) {
      mode.riding.push_back(i);
    }
    set_side(problem, l, solution.state[static_cast<std::size_t>(r)] == BoundState::upper, mode);
  }
  for (const Eigen::Index l : mode.sliding) {
    for (const Eigen::Index i : problem.members[static_cast<std::size_t>(l)]) {
      if (i != l) mode.riding.push_back(i);
    }
  }
  std::sort(mode.riding.begin(), mode.riding.end());
  fit_sliding(problem, group, mode);
}

}  // namespace

namespace {

/// The rays between the folds in the span of x_S: w = Σ_s a_s x_s, a row each of `weights` (a) and
/// `heights` (z of the folds). False when there are too many.
bool rays_of_span(const FlowProblem& problem, const NeuronMode& mode,
                  const std::vector<Eigen::Index>& folds, Eigen::MatrixXd& weights,
                  Eigen::MatrixXd& heights) {
  const auto dim = static_cast<Eigen::Index>(mode.sliding.size());
  const auto count = static_cast<Eigen::Index>(folds.size());
  Eigen::MatrixXd link(count, dim);
  for (Eigen::Index f = 0; f < count; ++f) {
    for (Eigen::Index s = 0; s < dim; ++s) {
      link(f, s) = problem.gram(folds[static_cast<std::size_t>(f)],
                                mode.sliding[static_cast<std::size_t>(s)]);
    }
    link.row(f) /= std::sqrt(
        problem.gram(folds[static_cast<std::size_t>(f)], folds[static_cast<std::size_t>(f)]));
  }
  std::vector<char> chosen(static_cast<std::size_t>(count), 0);
  std::fill(chosen.begin(), chosen.begin() + (dim - 1), 1);
  std::vector<Vector> found;
  std::size_t tried = 0;
  do {
    if (++tried > most_subsets) return false;
    Eigen::MatrixXd equations(std::max<Eigen::Index>(dim - 1, 1), dim);
    equations.setZero();
    for (Eigen::Index f = 0, r = 0; f < count; ++f) {
      if (chosen[static_cast<std::size_t>(f)]) equations.row(r++) = link.row(f);
    }
    Eigen::FullPivLU<Eigen::MatrixXd> lu(equations);
    lu.setThreshold(1e-9);
    if (lu.rank() != dim - 1) continue;
    const Vector ray = lu.kernel().col(0);
    found.push_back(ray);
    found.push_back(-ray);
  } while (std::prev_permutation(chosen.begin(), chosen.end()));
  weights.resize(static_cast<Eigen::Index>(found.size()), dim);
  heights.resize(weights.rows(), count);
  for (Eigen::Index r = 0; r < weights.rows(); ++r) {
    Vector a = found[static_cast<std::size_t>(r)];
    Vector z(count);
    for (Eigen::Index f = 0; f < count; ++f) {
      z[f] = link.row(f).dot(a) * std::sqrt(problem.gram(folds[static_cast<std::size_t>(f)],
                                                         folds[static_cast<std::size_t>(f)]));
    }
    const double size = z.cwiseAbs().maxCoeff();
    for (double& entry : z) entry = std::abs(entry) <= 1e-9 * size ? 0.0 : entry / size;
    weights.row(r) = a.transpose() / size;
    heights.row(r) = z.transpose();
  }
  return true;
}

/// Decides for folds that push away from zero and lie in the span of those that slide.
void rest_at_origin(const FlowProblem& problem, int group, const Vector& lambda, int depth,
                    NeuronMode& mode) {
  const Eigen::Index n = problem.samples();
  std::vector<Eigen::Index> folds, riding_folds;
  bool repels = false;
  for (Eigen::Index l = 0; l < n; ++l) {
    if (!problem.leads(l) || !(problem.gram(l, l) > 0.0)) continue;
    const bool slides = std::binary_search(mode.sliding.begin(), mode.sliding.end(), l);
    if (!slides && !depends(problem, mode, l)) continue;
    folds.push_back(l);
    if (slides) continue;
    riding_folds.push_back(l);
    repels = repels || !fold_bounds(problem, group, l, lambda).holds();
  }
  if (!repels) return;
  Eigen::MatrixXd weights, heights;
  if (!rays_of_span(problem, mode, folds, weights, heights)) {
    mode.doubtful = true;
    return;
  }
  const Vector slopes = signed_slopes(problem, group, mode);
  mode.climb = Matrix::Zero(weights.rows(), n);
  for (Eigen::Index r = 0; r < weights.rows(); ++r) {
    for (Eigen::Index i = 0; i < n; ++i) {
      const auto index = static_cast<std::size_t>(i);
      const auto place = std::lower_bound(folds.begin(), folds.end(), problem.fold[index]);
      if (place != folds.end() && *place == problem.fold[index]) {
        const double z = problem.ratio[index] * heights(r, place - folds.begin());
        mode.climb(r, i) = problem.sign(group, i) * activation(z, problem.shape.slope);
        continue;
      }
      double z = 0.0;
      for (std::size_t s = 0; s < mode.sliding.size(); ++s) {
        z += weights(r, static_cast<Eigen::Index>(s)) * problem.gram(i, mode.sliding[s]);
      }
      mode.climb(r, i) = slopes[i] * z;
    }
  }
  for (const Eigen::Index l : riding_folds) {
    for (const Eigen::Index i : problem.members[static_cast<std::size_t>(l)]) {
      if (!mode.at_zero(i)) mode.riding.push_back(i);
    }
  }
  std::sort(mode.riding.begin(), mode.riding.end());
  const Vector heights_now = mode.climb * lambda;
  const Vector sizes = mode.climb.cwiseAbs() * lambda;
  Eigen::Index steepest = 0;
  int rising = 0;
  double best = -std::numeric_limits<double>::infinity();
  for (Eigen::Index r = 0; r < heights_now.size(); ++r) {
    const double length =
        std::sqrt(std::max(1e-300, length_squared(problem, mode, weights.row(r).transpose())));
    if (heights_now[r] > -1e-9 * sizes[r]) ++rising;
    if (heights_now[r] / length > best) {
      best = heights_now[r] / length;
      steepest = r;
    }
  }
  if (rising == 0) return;
  // It leaves. One rising ray: along it. Several: along the steepest, but that is a guess.
  if (rising > 1 || depth > 4) mode.doubtful = true;
  std::vector<Eigen::Index> left;
  const bool doubt = mode.doubtful;
  for (std::size_t f = 0; f < folds.size(); ++f) {
    const double z = heights(steepest, static_cast<Eigen::Index>(f));
    if (z != 0.0) {
      set_side(problem, folds[f], z > 0.0, mode);
    } else if (fold_bounds(problem, group, folds[f], lambda).holds()) {
      left.push_back(folds[f]);
    }
  }
  mode.climb.resize(0, 0);
  hold(problem, group, lambda, left, mode);
  if (mode.slides() && depth <= 4) rest_at_origin(problem, group, lambda, depth + 1, mode);
  mode.doubtful = mode.doubtful || doubt;
}

}  // namespace

void resolve_mode(const FlowProblem& problem, int group, const Vector& lambda,
                  std::span<const Eigen::Index> at_zero, NeuronMode& mode) {
  mode.climb.resize(0, 0);
  std::vector<Eigen::Index> holding, repelling;
  sort_folds(problem, at_zero, group, lambda, holding, repelling);
  mode.doubtful = false;
  hold(problem, group, lambda, holding, mode);
  // Each repelling fold goes where its velocity points, which it then speeds up; others may follow.
  for (std::size_t round = 0; round <= repelling.size(); ++round) {
    bool changed = false;
    for (const Eigen::Index l : repelling) {
      const Vector row = preactivation_row(problem, group, mode, l);
      const double velocity = row.dot(lambda);
      const auto index = static_cast<std::size_t>(l);
      const double size = row.cwiseAbs().dot(lambda);
      if (std::abs(velocity) <= dependence_tolerance * size ||
          (velocity > 0.0) == (mode.active[index] != 0))
        continue;
      set_side(problem, l, velocity > 0.0, mode);
      changed = true;
    }
    if (!changed) break;
    hold(problem, group, lambda, holding, mode);
  }
  if (mode.slides()) rest_at_origin(problem, group, lambda, 0, mode);
}

}  // namespace latetime
