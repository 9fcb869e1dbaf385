// Which pairs of a neuron slide from a moment on, and where the others go.

#include <algorithm>
#include <cmath>
#include <limits>

#include <Eigen/LU>

#include "latetime/base/run_failure.hpp"
#include "latetime/data/symmetric_solve.hpp"
#include "latetime/dynamics/neuron_mode.hpp"
#include "latetime/optimize/box_qp.hpp"

namespace latetime {
namespace {

// A sample counts as dependent on the sliding ones when projecting them out leaves less than this
// part of its squared norm.
constexpr double dependence_tolerance = FlowProblem::line_tolerance;
// The same of one that does so to rounding.
constexpr double exact_dependence = 1e-13;

void fit_inverse(const FlowProblem& problem, NeuronMode& mode) {
  const auto size = static_cast<Eigen::Index>(mode.sliding.size());
  const Eigen::MatrixXd block = problem.gram(mode.sliding, mode.sliding);
  const auto inverse = symmetric_solution(block, Eigen::MatrixXd::Identity(size, size));
  if (!inverse) {
    throw RunFailure("late-time flow: the Gram matrix of the pairs that slide has no inverse");
  }
  mode.inverse = *inverse;
}

/// G_SS⁻¹ and the sliding pairs' shares of λ, from the sliding set and the slopes of the rest.
void fit_sliding(const FlowProblem& problem, int group, NeuronMode& mode) {
  if (mode.sliding.empty()) {
    mode.inverse.resize(0, 0);
    mode.share.resize(0, problem.samples());
    return;
  }
  fit_inverse(problem, mode);
  const Matrix rows = problem.gram(mode.sliding, Eigen::all);
  mode.share = mode.inverse * (rows * signed_slopes(problem, group, mode).asDiagonal());
}

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
bool depends(const FlowProblem& problem, const NeuronMode& mode, Eigen::Index l,
             double tolerance = dependence_tolerance) {
  if (mode.sliding.empty()) return false;
  Vector link(static_cast<Eigen::Index>(mode.sliding.size()));
  for (Eigen::Index s = 0; s < link.size(); ++s) {
    link[s] = problem.gram(l, mode.sliding[static_cast<std::size_t>(s)]);
  }
  const double left = problem.gram(l, l) - link.dot(mode.inverse * link);
  return left <= tolerance * problem.gram(l, l);
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

  const Eigen::MatrixXd block = problem.gram(at_zero, at_zero);
  Vector pull(size), lower(size), upper(size);
  for (Eigen::Index r = 0; r < size; ++r) {
    const Eigen::Index l = at_zero[static_cast<std::size_t>(r)];
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

/// What each ray of the span (a row of `weights`, `heights` at the folds) adds to the samples'
/// margins: rays × n.
Matrix climbs_of(const FlowProblem& problem, int group, const NeuronMode& mode,
                 const std::vector<Eigen::Index>& folds, const Eigen::MatrixXd& weights,
                 const Eigen::MatrixXd& heights) {
  const Eigen::Index n = problem.samples();
  const Vector slopes = signed_slopes(problem, group, mode);
  Matrix climb = Matrix::Zero(weights.rows(), n);
  for (Eigen::Index r = 0; r < weights.rows(); ++r) {
    for (Eigen::Index i = 0; i < n; ++i) {
      const auto index = static_cast<std::size_t>(i);
      const auto place = std::lower_bound(folds.begin(), folds.end(), problem.fold[index]);
      if (place != folds.end() && *place == problem.fold[index]) {
        const double z = problem.ratio[index] * heights(r, place - folds.begin());
        climb(r, i) = problem.sign(group, i) * activation(z, problem.shape.slope);
        continue;
      }
      double z = 0.0;
      for (std::size_t s = 0; s < mode.sliding.size(); ++s) {
        z += weights(r, static_cast<Eigen::Index>(s)) * problem.gram(i, mode.sliding[s]);
      }
      climb(r, i) = slopes[i] * z;
    }
  }
  return climb;
}

/// The ray along which a neuron leaves the origin: the one that rises most for its length, and how
/// many rise.
struct Way {
  Eigen::Index steepest = 0;
  int rising = 0;
};
Way way_out(const FlowProblem& problem, const NeuronMode& mode, const Eigen::MatrixXd& weights,
            const Vector& heights_now, const Vector& sizes) {
  Way way;
  double best = -std::numeric_limits<double>::infinity();
  for (Eigen::Index r = 0; r < heights_now.size(); ++r) {
    const double length =
        std::sqrt(std::max(1e-300, length_squared(problem, mode, weights.row(r).transpose())));
    if (heights_now[r] > -1e-9 * sizes[r]) ++way.rising;
    if (heights_now[r] / length > best) {
      best = heights_now[r] / length;
      way.steepest = r;
    }
  }
  return way;
}

/// Decides for folds that push away from zero and lie in the span of those that slide; `candidates`
/// are at zero wherever they do.
void rest_at_origin(const FlowProblem& problem, int group, const Vector& lambda,
                    const std::vector<Eigen::Index>& candidates, int depth, NeuronMode& mode) {
  std::vector<Eigen::Index> folds, riding_folds;
  bool repels = false;
  for (const Eigen::Index l : candidates) {
    if (!(problem.gram(l, l) > 0.0)) continue;
    const bool slides = std::binary_search(mode.sliding.begin(), mode.sliding.end(), l);
    if (!slides && !depends(problem, mode, l)) continue;
    folds.push_back(l);
    repels = repels || !fold_bounds(problem, group, l, lambda).holds();
    if (!slides) riding_folds.push_back(l);
  }
  if (!repels) return;
  Eigen::MatrixXd weights, heights;
  if (!rays_of_span(problem, mode, folds, weights, heights)) {
    mode.doubtful = true;
    return;
  }
  mode.climb = climbs_of(problem, group, mode, folds, weights, heights);
  for (const Eigen::Index l : riding_folds) {
    for (const Eigen::Index i : problem.members[static_cast<std::size_t>(l)]) {
      if (!mode.at_zero(i)) mode.riding.push_back(i);
    }
  }
  std::sort(mode.riding.begin(), mode.riding.end());
  const Vector heights_now = mode.climb * lambda;
  const Vector sizes = mode.climb.cwiseAbs() * lambda;
  const auto [steepest, rising] = way_out(problem, mode, weights, heights_now, sizes);
  if (rising == 0) return;
  // It leaves. One rising ray: along it. Several: along the steepest, but that is a guess.
  if (rising > 1 || depth > 4) mode.doubtful = true;
  for (Eigen::Index r = 0; r < heights_now.size(); ++r) {
    if (r != steepest && sizes[r] > 0.0) {
      mode.rival = std::max(mode.rival, heights_now[r] / sizes[r]);
    }
  }
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
  if (mode.slides() && depth <= 4) {
    rest_at_origin(problem, group, lambda, candidates, depth + 1, mode);
  }
  mode.doubtful = mode.doubtful || doubt;
}

/// Those of `folds` whose samples do not depend on the ones before, as the sliding set; the others
/// ride.
void slide_at_basis(const FlowProblem& problem, int group, const std::vector<Eigen::Index>& folds,
                    NeuronMode& mode) {
  mode.sliding.clear();
  mode.riding.clear();
  for (const Eigen::Index l : folds) {
    if (depends(problem, mode, l)) continue;
    mode.sliding.push_back(l);
    fit_inverse(problem, mode);
  }
  std::sort(mode.sliding.begin(), mode.sliding.end());
  for (const Eigen::Index l : folds) {
    const bool slides = std::binary_search(mode.sliding.begin(), mode.sliding.end(), l);
    for (const Eigen::Index i : problem.members[static_cast<std::size_t>(l)]) {
      if (!slides || i != l) mode.riding.push_back(i);
    }
  }
  std::sort(mode.riding.begin(), mode.riding.end());
  fit_sliding(problem, group, mode);
}

}  // namespace

void resolve_mode(const FlowProblem& problem, int group, const Vector& lambda,
                  std::span<const Eigen::Index> at_zero, NeuronMode& mode,
                  std::span<const Eigen::Index> beside) {
  mode.climb.resize(0, 0);
  std::vector<Eigen::Index> candidates;
  for (const auto& samples : {at_zero, beside}) {
    for (const Eigen::Index i : samples) {
      candidates.push_back(problem.fold[static_cast<std::size_t>(i)]);
    }
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  std::vector<Eigen::Index> holding, repelling;
  sort_folds(problem, at_zero, group, lambda, holding, repelling);
  mode.doubtful = false;
  mode.rival = -1.0;
  // Where folds depend on each other and some repel, the neuron is at the origin of their span.
  if (!repelling.empty() && holding.size() + repelling.size() > 1) {
    std::vector<Eigen::Index> folds = holding;
    folds.insert(folds.end(), repelling.begin(), repelling.end());
    const NeuronMode before = mode;
    slide_at_basis(problem, group, folds, mode);
    if (mode.sliding.size() < folds.size()) {
      return rest_at_origin(problem, group, lambda, candidates, 0, mode);
    }
    mode = before;
  }
  hold(problem, group, lambda, holding, mode);
  // Each repelling fold goes where its velocity points, which it then speeds up; others may follow.
  bool changed = true;
  for (std::size_t round = 0; changed && round <= repelling.size(); ++round) {
    changed = false;
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
    if (changed) hold(problem, group, lambda, holding, mode);
  }
  if (mode.slides()) rest_at_origin(problem, group, lambda, candidates, 0, mode);
  mode.doubtful = mode.doubtful || changed;
}

std::vector<Eigen::Index> zeros_with(const FlowProblem& problem, const NeuronMode& mode,
                                     Eigen::Index l, bool exactly) {
  const double tolerance = exactly ? exact_dependence : dependence_tolerance;
  std::vector<Eigen::Index> result;
  if (!mode.slides()) return result;
  const Eigen::Index first = problem.fold[static_cast<std::size_t>(l)];
  NeuronMode there = mode;
  if (!depends(problem, mode, first)) {
    there.sliding.insert(std::lower_bound(there.sliding.begin(), there.sliding.end(), first),
                         first);
    fit_inverse(problem, there);
  }
  for (Eigen::Index i = 0; i < problem.samples(); ++i) {
    if (i == first || !problem.leads(i) || !(problem.gram(i, i) > 0.0) || mode.at_zero(i)) continue;
    if (depends(problem, there, i, tolerance)) result.push_back(i);
  }
  return result;
}

namespace {

// Steps from zero on, as many as this much work allows; their hops count for less and less.
constexpr double work_from_zero = 1e7;
constexpr double most_steps_from_zero = 1000.0, fewest_steps_from_zero = 20.0;

/// Pre-activations of the folds after some steps of gradient descent, up to scale.
Vector first_steps(const FlowProblem& problem, int group, const Vector& lambda,
                   std::span<const Eigen::Index> folds, const NeuronMode& mode) {
  Vector others = signed_slopes(problem, group, mode).cwiseProduct(lambda);
  std::vector<Eigen::Index> samples, place;  // in the folds, and of which
  for (std::size_t f = 0; f < folds.size(); ++f) {
    for (const Eigen::Index i : problem.members[static_cast<std::size_t>(folds[f])]) {
      samples.push_back(i);
      place.push_back(static_cast<Eigen::Index>(f));
      others[i] = 0.0;
    }
  }
  const std::vector<Eigen::Index> rows(folds.begin(), folds.end());
  const Eigen::MatrixXd links = problem.gram(rows, samples);
  const Vector pull = problem.gram(rows, Eigen::all) * others;
  const auto steps =
      static_cast<int>(std::clamp(work_from_zero / std::max(1.0, static_cast<double>(links.size())),
                                  fewest_steps_from_zero, most_steps_from_zero));
  Vector z = Vector::Zero(links.rows()), pushes(links.cols());
  for (int step = 0; step < steps; ++step) {
    for (Eigen::Index j = 0; j < pushes.size(); ++j) {
      const Eigen::Index i = samples[static_cast<std::size_t>(j)];
      const double here =
          problem.ratio[static_cast<std::size_t>(i)] * z[place[static_cast<std::size_t>(j)]];
      pushes[j] =
          problem.sign(group, i) * lambda[i] * activation_derivative(here, problem.shape.slope);
    }
    z += pull + links * pushes;
  }
  return z;
}

}  // namespace

void meet_zero(const FlowProblem& problem, int group, const Vector& lambda, Eigen::Index sample,
               std::span<const Eigen::Index> with, NeuronMode& mode) {
  std::vector<Eigen::Index> at_zero = mode.pairs_at_zero();
  if (with.empty() && !fold_bounds(problem, group, sample, lambda).holds()) {
    set_side(problem, sample, !mode.active[static_cast<std::size_t>(sample)], mode);
  } else {
    at_zero.push_back(sample);
    at_zero.insert(at_zero.end(), with.begin(), with.end());
  }
  resolve_mode(problem, group, lambda, at_zero, mode);
}

void leave_zero(const FlowProblem& problem, int group, const Vector& lambda,
                std::span<const Eigen::Index> folds, NeuronMode& mode) {
  Vector z = first_steps(problem, group, lambda, folds, mode);
  for (std::size_t f = 0; f < folds.size(); ++f) {
    set_side(problem, folds[f], z[static_cast<Eigen::Index>(f)] >= 0.0, mode);
  }
  const std::size_t most_rounds = 20 * folds.size() + 20;
  for (std::size_t round = 0; round < most_rounds; ++round) {
    Vector speed(z.size());
    double soonest = std::numeric_limits<double>::infinity();
    Eigen::Index next = -1;
    for (Eigen::Index f = 0; f < z.size(); ++f) {
      const Eigen::Index l = folds[static_cast<std::size_t>(f)];
      speed[f] = 0.0;
      if (mode.at_zero(l)) continue;
      const Vector row = preactivation_row(problem, group, mode, l);
      speed[f] = row.dot(lambda);
      const double side = mode.active[static_cast<std::size_t>(l)] ? 1.0 : -1.0;
      if (side * speed[f] >= -dependence_tolerance * row.cwiseAbs().dot(lambda)) continue;
      const double when = std::max(0.0, side * z[f]) / std::abs(speed[f]);
      if (when >= soonest) continue;
      soonest = when;
      next = f;
    }
    if (next < 0) return;
    z += soonest * speed;
    const Eigen::Index l = folds[static_cast<std::size_t>(next)];
    const std::vector<Eigen::Index> with = zeros_with(problem, mode, l);
    meet_zero(problem, group, lambda, l, with, mode);
    for (Eigen::Index f = 0; f < z.size(); ++f) {
      const Eigen::Index i = folds[static_cast<std::size_t>(f)];
      if (i == l || mode.at_zero(i) || std::binary_search(with.begin(), with.end(), i)) z[f] = 0.0;
    }
    if (mode.doubtful) return;
  }
  mode.doubtful = true;
}

}  // namespace latetime
