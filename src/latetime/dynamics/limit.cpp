#include "latetime/dynamics/limit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "latetime/data/symmetric_eigen.hpp"
#include "latetime/data/symmetric_solve.hpp"
#include "latetime/dynamics/features.hpp"
#include "latetime/dynamics/late_run.hpp"
#include "latetime/dynamics/never_separated.hpp"
#include "latetime/model/loss.hpp"
#include "latetime/optimize/nonnegative_qp.hpp"

namespace latetime {
namespace {

// Slopes ⟨v_k, x_l⟩ and multipliers count as zero below this part of what they are made of.
constexpr double zero_tolerance = 1e-9;

// A sum that is this part of its terms is zero.
constexpr double rounding_of_sums = 1e-11;
// Values of the limit's problem that differ by this part of their terms are the same.
constexpr double rounding_of_values = 1e-14;

// Eigenvalues of the kernel below this part of the largest are those of dependent samples.
constexpr double dependence_tolerance = 1e-12;

constexpr int most_newton_steps = 200;

// Work that following a flow to its limit may take, in (neuron, sample, sample) triples.
constexpr double work_to_limit = 1e10;
constexpr double overhead_of_step = 1e5;
constexpr double evaluations_of_step = 10.0;  // products with the kernel of K classes

// The flow has come to its limit once its multipliers differ by less than this part of all of them.
constexpr double settled_tolerance = 1e-2;

// Where samples get separated, the smallest margin grows like log t: by more than this while log t
// doubles.
constexpr double least_margin_growth = 0.5;

/// The modes that multipliers λ lead to, own-class activations as they are.
void resolve_all(const FlowProblem& problem, const Vector& multipliers,
                 std::vector<NeuronMode>& modes) {
  const auto groups = static_cast<std::size_t>(problem.shape.groups);
  std::vector<std::vector<Eigen::Index>> others_of(groups);
  const std::vector<Vector> felt = problem.rivals.felt_by_group(multipliers);
  std::vector<Eigen::Index> all;
  for (Eigen::Index i = 0; i < problem.samples(); ++i) {
    all.push_back(i);
    for (int group = 0; group < problem.shape.groups; ++group) {
      const auto& members = problem.members[static_cast<std::size_t>(i)];
      const bool pure = std::none_of(members.begin(), members.end(),
                                     [&](Eigen::Index l) { return problem.own(group, l); });
      if (!problem.leads(i) || !(problem.gram(i, i) > 0.0)) continue;
      const auto index = static_cast<std::size_t>(group);
      if (pure || fold_bounds(problem, group, i, felt[index]).holds()) {
        others_of[index].push_back(i);
      }
    }
  }
  for (std::size_t k = 0; k < modes.size(); ++k) {
    const int group = problem.group_of(static_cast<Eigen::Index>(k));
    const Vector& lambda = felt[static_cast<std::size_t>(group)];
    const std::vector<Eigen::Index>& others = others_of[static_cast<std::size_t>(group)];
    const auto flags = modes[k].active;
    resolve_mode(problem, group, lambda, others, modes[k], all);
    // A pair that the multipliers leave where it is keeps the side it is on.
    const Vector effective = effective_multipliers(problem, group, modes[k], lambda);
    Vector pull(effective.size());
    for (Eigen::Index l = 0; l < pull.size(); ++l) {
      pull[l] = problem.sign(group, l) * effective[l];
    }
    const Vector slope = problem.gram * pull;
    for (const Eigen::Index i : others) {
      const double size = problem.gram.row(i).cwiseAbs().dot(effective);
      const auto index = static_cast<std::size_t>(i);
      if (std::abs(slope[i]) <= zero_tolerance * size && lambda[i] <= 0.0) {
        set_side(problem, i, flags[index] != 0, modes[k]);
      }
    }
  }
}

bool same_pieces(const std::vector<NeuronMode>& a, const std::vector<NeuronMode>& b) {
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (!a[k].is_like(b[k])) return false;
  }
  return true;
}

double objective(const Eigen::MatrixXd& kernel, const Vector& lambda) {
  return 0.5 * lambda.dot(kernel * lambda) - lambda.sum();
}

/// Fills coefficients, slopes and margins from λ and the modes.
void describe(const FlowProblem& problem, const std::vector<NeuronMode>& modes, Limit& limit) {
  const Eigen::Index n = problem.samples();
  limit.coefficients.resize(problem.neurons(), n);
  limit.slopes.resize(problem.neurons(), n);
  const std::vector<Vector> felt_by_group = problem.rivals.felt_by_group(limit.multipliers);
  for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
    const NeuronMode& mode = modes[static_cast<std::size_t>(k)];
    const int group = problem.group_of(k);
    const Vector& felt = felt_by_group[static_cast<std::size_t>(group)];
    const Vector effective = effective_multipliers(problem, group, mode, felt);
    for (Eigen::Index l = 0; l < n; ++l) {
      limit.coefficients(k, l) = problem.rate * problem.sign(group, l) * effective[l];
      const Eigen::Index first = problem.fold[static_cast<std::size_t>(l)];
      const bool slides = std::binary_search(mode.sliding.begin(), mode.sliding.end(), first);
      limit.slopes(k, l) = problem.slope(mode.is_active(l));
      if (slides && felt[l] > 0.0) limit.slopes(k, l) = effective[l] / felt[l];
    }
  }
  const Matrix z = limit.coefficients * problem.gram;
  limit.margins = Vector::Zero(problem.margins());
  Vector part(n);
  for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
    for (Eigen::Index i = 0; i < n; ++i) {
      part[i] = problem.sign(problem.group_of(k), i) * activation(z(k, i), problem.shape.slope) /
                static_cast<double>(problem.shape.width);
    }
    problem.rivals.add(problem.group_of(k), part, limit.margins);
  }
  const double norm2 = limit.coefficients.cwiseProduct(z).sum();
  limit.normalized_margin = limit.margins.minCoeff() / std::sqrt(norm2);
}

/// Whether β of the sliding pairs is the only one: no other fold rides with them.
bool unique_shares(const FlowProblem& problem, const NeuronMode& mode) {
  if (mode.doubtful || mode.climb.rows() > 0) return false;
  return std::all_of(mode.riding.begin(), mode.riding.end(), [&](Eigen::Index i) {
    return std::binary_search(mode.sliding.begin(), mode.sliding.end(),
                              problem.fold[static_cast<std::size_t>(i)]);
  });
}

/// Verdicts of all pairs, and whether own-class activations are consistent with the slopes.
bool judge(const FlowProblem& problem, const std::vector<NeuronMode>& modes, Limit& limit) {
  const Eigen::Index n = problem.samples();
  const Matrix z = limit.coefficients * problem.gram;
  const Matrix sizes = limit.coefficients.cwiseAbs() * problem.gram.cwiseAbs();
  limit.verdicts.assign(static_cast<std::size_t>(problem.neurons() * n), PairVerdict::undecided);
  limit.strictness = 1.0;
  bool consistent = true;
  const std::vector<Vector> felt_by_group = problem.rivals.felt_by_group(limit.multipliers);
  for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
    const NeuronMode& mode = modes[static_cast<std::size_t>(k)];
    const Vector& felt = felt_by_group[static_cast<std::size_t>(problem.group_of(k))];
    for (Eigen::Index i = 0; i < n; ++i) {
      PairVerdict& verdict = limit.verdicts[static_cast<std::size_t>(k * n + i)];
      const bool own = problem.own(problem.group_of(k), i);
      const bool active = mode.active[static_cast<std::size_t>(i)] != 0;
      // How sure the verdict is: relative slope, or the sliding multiplier's distance from a bound.
      double sure = sizes(k, i) > 0.0 ? std::abs(z(k, i)) / sizes(k, i) : 1.0;
      PairVerdict candidate = active ? PairVerdict::active : PairVerdict::inactive;
      if (std::binary_search(mode.sliding.begin(), mode.sliding.end(),
                             problem.fold[static_cast<std::size_t>(i)])) {
        candidate = PairVerdict::switches;
        const double slope = limit.slopes(k, i);
        sure = felt[i] > 0.0 ? std::min(1.0 - slope, slope - problem.shape.slope) : 0.0;
        if (!unique_shares(problem, mode)) sure = 0.0;
      } else if (sizes(k, i) > 0.0 && sure <= zero_tolerance && own) {
        sure = 0.0;
      } else if (sizes(k, i) > 0.0 && own && (z(k, i) > 0.0) != active) {
        consistent = false;
        sure = 0.0;
      }
      if (problem.shape.slope == 1.0) {  // linear: σ' is 1 on both sides, only the sign is at stake
        candidate = z(k, i) >= 0.0 ? PairVerdict::active : PairVerdict::inactive;
      }
      if (sure <= zero_tolerance) continue;
      verdict = candidate;
      limit.strictness = std::min(limit.strictness, sure);
    }
  }
  return consistent;
}

std::string blamed_samples(const FlowProblem& problem, const Vector& ray) {
  std::vector<Eigen::Index> list;
  for (Eigen::Index c = 0; c < ray.size(); ++c) {
    const Eigen::Index i = problem.rivals.sample(c);
    if (ray[c] > 1e-6 && (list.empty() || list.back() != i)) list.push_back(i);
  }
  const std::size_t shown = std::min<std::size_t>(list.size(), 6);
  return fmt::format(
      "{}{}", fmt::join(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
      shown < list.size() ? ", …" : "");
}

/// Multipliers that kernel · λ = 1 leaves open, where samples of the support depend on each other:
/// descent moves log λ in the range of the kernel alone, from where it is now. Of all λ > 0 with
/// κλ = κμ that one minimises Σ λ + ⟨μ, v⟩, λ = exp(−gap − v), over v in the range of κ.
Vector reached_multipliers(const LateFlow& flow, const Eigen::MatrixXd& kernel,
                           const Vector& multipliers) {
  const Vector speed = kernel * multipliers;
  std::vector<Eigen::Index> tight;
  for (Eigen::Index i = 0; i < speed.size(); ++i) {
    if (multipliers[i] > 0.0 || speed[i] <= 1.0 + zero_tolerance) tight.push_back(i);
  }
  const auto size = static_cast<Eigen::Index>(tight.size());
  const Eigen::MatrixXd block = kernel(tight, tight);
  const Vector mu = multipliers(tight);
  const Vector gap = -flow.lambda()(tight).array().log();
  const SymmetricEigen spectrum = symmetric_eigen(block);
  const double top = spectrum.values.maxCoeff();
  Eigen::Index null = 0;
  while (null < size && spectrum.values[null] <= dependence_tolerance * top) ++null;
  if (null == 0 || null == size) return multipliers;
  const Eigen::MatrixXd basis = spectrum.vectors.rightCols(size - null);
  Vector y = Vector::Zero(size - null);
  const auto value = [&](const Vector& at) {
    const Vector v = basis * at;
    return (-gap - v).array().exp().sum() + mu.dot(v);
  };
  for (int round = 0; round < 200; ++round) {
    const Vector v = basis * y;
    const Vector lambda = (-gap - v).array().exp();
    const Vector slope = basis.transpose() * (mu - lambda);
    if (slope.cwiseAbs().maxCoeff() <= 1e-14 * mu.sum()) break;
    const Eigen::MatrixXd hessian = basis.transpose() * lambda.asDiagonal() * basis;
    Vector step = -unchecked_symmetric_solution(hessian, slope);
    const double largest = (basis * step).cwiseAbs().maxCoeff();
    if (largest > 2.0) step *= 2.0 / largest;
    const double before = value(y);
    double part = 1.0;
    while (part > 1e-10 && !(value(y + part * step) <= before)) part *= 0.5;
    y += part * step;
  }
  const Vector lambda = (-gap - basis * y).array().exp();
  if (!lambda.allFinite() || (block * (lambda - mu)).cwiseAbs().maxCoeff() > 1e-9) {
    return multipliers;
  }
  Vector result = multipliers;
  for (Eigen::Index r = 0; r < size; ++r) {
    // A multiplier that runs off to zero is none.
    const bool none = lambda[r] <= zero_tolerance * lambda.maxCoeff();
    result[tight[static_cast<std::size_t>(r)]] = none ? 0.0 : lambda[r];
  }
  return result;
}

/// A ReLU neuron that no sample activates never moves again: too large a first step does that.
std::string dead_neurons(const FlowProblem& problem, const std::vector<NeuronMode>& modes) {
  if (problem.shape.slope > 0.0) return "";
  const auto dead = std::count_if(modes.begin(), modes.end(), [](const NeuronMode& mode) {
    return !mode.slides() && std::none_of(mode.active.begin(), mode.active.end(),
                                          [](std::uint8_t active) { return active != 0; });
  });
  if (dead == 0) return "";
  const double learning_rate = problem.rate * static_cast<double>(problem.samples()) *
                               static_cast<double>(problem.shape.width);
  return fmt::format(
      "; {} of {} neurons are active on no sample and do not move any more: where they did not "
      "begin so, learning rate {:.3g} is large for samples of norm {:.3g}, lower it or scale the "
      "samples (pixels: X / 255)",
      dead, modes.size(), learning_rate, std::sqrt(problem.gram.diagonal().maxCoeff()));
}

bool settled(const LateFlow& flow, const Limit& limit) {
  if (limit.status != LimitStatus::found) return false;
  const double distance = (flow.lambda() - limit.multipliers).lpNorm<1>();
  return distance <= settled_tolerance * limit.multipliers.sum();
}

}  // namespace

Eigen::Index Limit::count(PairVerdict wanted) const {
  return std::count(verdicts.begin(), verdicts.end(), wanted);
}

namespace {

/// Whether κ r = 0 to rounding.
bool leaves_nothing(const Eigen::MatrixXd& kernel, const Vector& ray) {
  const Vector lengths = kernel.diagonal().cwiseMax(0.0).cwiseSqrt();
  const double most = kernel_rounding(kernel.rows()) * lengths.dot(ray);
  return ((kernel * ray).cwiseAbs().array() <= most * lengths.array().max(1e-300)).all();
}

/// Says why there is no limit: `limit.ray` has kernel · ray = 0.
void blame_ray(const FlowProblem& problem, const std::vector<NeuronMode>& modes,
               const Eigen::MatrixXd& kernel, Limit& limit) {
  if (!leaves_nothing(kernel, limit.ray) || !moves_no_weights(problem, modes, limit.ray)) {
    limit.status = LimitStatus::not_separated_so_far;
    limit.message = fmt::format(
        "samples {} contradict each other but for a difference that is too small to tell what "
        "it does",
        blamed_samples(problem, limit.ray));
    return;
  }
  limit.status = LimitStatus::not_separated;
  limit.message = fmt::format(
      "no weights with these activations give samples {} positive "
      "margins all at once{}",
      blamed_samples(problem, limit.ray), dead_neurons(problem, modes));
}

/// Enters what belongs to these multipliers and modes, and what they are worth.
void conclude(const FlowProblem& problem, const std::vector<NeuronMode>& modes,
              const Vector& lambda, bool solved, Limit& limit) {
  limit.multipliers = lambda;
  limit.support.resize(static_cast<std::size_t>(lambda.size()));
  for (Eigen::Index c = 0; c < lambda.size(); ++c) {
    limit.support[static_cast<std::size_t>(c)] = lambda[c] > 0.0;
  }
  describe(problem, modes, limit);
  const bool consistent = judge(problem, modes, limit);
  limit.kkt_residual = limit_residual(problem, limit);
  if (!solved) {
    limit.message = "the limit's pieces did not settle";
  } else if (!consistent) {
    limit.status = LimitStatus::pattern_moves;
    limit.message = "some own-class activations must still change before the limit";
  } else if (!(limit.kkt_residual <= 1e-10)) {
    limit.message = fmt::format("the KKT residual stays at {:.2g}", limit.kkt_residual);
  } else {
    limit.status = LimitStatus::found;
  }
}

/// Of K classes the multipliers of a limit are many: rivals that no neuron of a sample tells apart
/// share one. Those near the flow's own, where they solve the problem: with a support of all that
/// are not small, and the modes that they lead to themselves, from `modes` on. Empty where none do.
Vector multipliers_nearby(const LateFlow& flow, std::vector<NeuronMode>& modes) {
  constexpr std::array<double, 6> small{zero_tolerance, 1e-7, 1e-5, 1e-4, 1e-3, 1e-2};
  constexpr int rounds = 6;
  const FlowProblem& problem = flow.problem();
  const Vector now = flow.lambda();
  for (const double part : small) {
    std::vector<NeuronMode> tried = modes;
    for (int round = 0; round < rounds; ++round) {
      const Eigen::MatrixXd kernel = kernel_of(problem, tried);
      const Vector found = nearby_solution(kernel, now, part * now.maxCoeff());
      if (found.size() == 0 || (kernel * found).minCoeff() < 1.0 - zero_tolerance) break;
      std::vector<NeuronMode> resolved = tried;
      resolve_all(problem, found, resolved);
      const bool same = same_pieces(tried, resolved);
      tried = std::move(resolved);
      if (!same) continue;
      modes = std::move(tried);
      return found;
    }
  }
  return {};
}

/// The minimiser of ½ λᵀκ(λ)λ − Σ λ + ½ ridge ‖λ − center‖² over λ ≥ 0 from `lambda` on, whose
/// modes are `modes`: with a ridge the only one, so that Newton steps which descend come to it.
/// False where they do not.
bool proximal_point(const FlowProblem& problem, double ridge, const Vector& center, Vector& lambda,
                    std::vector<NeuronMode>& modes) {
  constexpr int most_steps = 60;
  constexpr double sufficient = 1e-4;  // of the descent that the slope promises (Armijo)
  const Vector target = ridge * center.array() + 1.0;
  Eigen::MatrixXd kernel = kernel_of(problem, modes);
  for (int step = 0; step < most_steps; ++step) {
    kernel.diagonal().array() += ridge;
    std::vector<bool> start;
    for (const double entry : lambda) start.push_back(entry > 0.0);
    const NonnegativeQpResult newton = solve_nonnegative_qp(kernel, target, start);
    if (newton.ray || !newton.x.allFinite()) return false;
    const auto value = [&](const Eigen::MatrixXd& k, const Vector& at) {
      return 0.5 * at.dot(k * at) - target.dot(at);
    };
    const double before = value(kernel, lambda);
    const double promise = (kernel * lambda - target).dot(newton.x - lambda);
    const double rounding = rounding_of_values * target.dot(lambda + newton.x);
    for (double part = 1.0; part > 1e-9; part *= 0.5) {
      const Vector next = lambda + part * (newton.x - lambda);
      std::vector<NeuronMode> next_modes = modes;
      resolve_all(problem, next, next_modes);
      Eigen::MatrixXd next_kernel = kernel_of(problem, next_modes);
      const bool same = same_pieces(modes, next_modes);
      const double after = value(next_kernel, next) + 0.5 * ridge * next.squaredNorm();
      if (after > before + sufficient * part * promise + rounding) continue;
      lambda = next;
      modes = std::move(next_modes);
      kernel = std::move(next_kernel);
      if (part == 1.0 && (same || -promise <= rounding)) return true;
      break;
    }
  }
  return false;
}

/// Multipliers that solve the problem, near the flow's: proximal points (Rockafellar 1976) each
/// from the one before. Where the kernel leaves multipliers open, Newton steps of the problem
/// itself may jump among them, and with them among pieces; these do not. Empty where they find
/// none.
Vector multipliers_by_proximal_points(const LateFlow& flow, std::vector<NeuronMode>& modes) {
  constexpr int most_points = 40;
  constexpr double part_of_kernel = 1e-6;
  const FlowProblem& problem = flow.problem();
  Vector lambda = flow.lambda();
  resolve_all(problem, lambda, modes);
  const double ridge = part_of_kernel * kernel_of(problem, modes).diagonal().maxCoeff();
  for (int point = 0; point < most_points; ++point) {
    const Vector center = lambda;
    if (!proximal_point(problem, ridge, center, lambda, modes)) return {};
    if (ridge * (lambda - center).cwiseAbs().maxCoeff() > rounding_of_sums) continue;
    // The kernel is what sums leave over that nearly cancel; margins of V are better.
    const auto margins = [&](const Vector& at) {
      Limit there;
      there.multipliers = at;
      describe(problem, modes, there);
      return there.margins;
    };
    const Vector refined = nearby_solution(kernel_of(problem, modes), lambda, 0.0, margins);
    if (refined.size() == 0) return lambda;
    std::vector<NeuronMode> refined_modes = modes;
    resolve_all(problem, refined, refined_modes);
    Limit plain, better;
    conclude(problem, modes, lambda, true, plain);
    conclude(problem, refined_modes, refined, true, better);
    if (!(better.kkt_residual < plain.kkt_residual)) return lambda;
    modes = std::move(refined_modes);
    return refined;
  }
  return {};
}

}  // namespace

Limit solve_limit(const LateFlow& flow) {
  const FlowProblem& problem = flow.problem();
  Limit limit;
  limit.log_time = flow.log_time();
  std::vector<NeuronMode> modes = flow.modes();
  if (!problem.rivals.two_classes()) {
    for (const auto& method : {multipliers_nearby, multipliers_by_proximal_points}) {
      const Vector reached = method(flow, modes);
      if (reached.size() > 0) {
        conclude(problem, modes, reached, true, limit);
        if (limit.status == LimitStatus::found) return limit;
        limit = {.log_time = flow.log_time()};
      }
      modes = flow.modes();
    }
  }
  Vector lambda = flow.lambda();
  const Vector ones = Vector::Ones(problem.margins());
  bool solved = false;
  for (int step = 0; step < most_newton_steps && !solved; ++step) {
    const Eigen::MatrixXd kernel = kernel_of(problem, modes);
    const NonnegativeQpResult newton = solve_nonnegative_qp(kernel, ones);
    if (newton.ray) {
      limit.ray = *newton.ray;
      blame_ray(problem, modes, kernel, limit);
      return limit;
    }
    // The problem is convex, its pieces meet smoothly: a Newton step is shortened until it
    // descends.
    Vector next = newton.x;
    std::vector<NeuronMode> next_modes = modes;
    resolve_all(problem, next, next_modes);
    if (step > 20) {
      const double before = objective(kernel, lambda);
      for (double part = 1.0; part > 1e-6; part *= 0.5) {
        next = lambda + part * (newton.x - lambda);
        next_modes = modes;
        resolve_all(problem, next, next_modes);
        if (objective(kernel_of(problem, next_modes), next) < before) break;
      }
    }
    solved = same_pieces(modes, next_modes) && next == newton.x;
    lambda = next;
    modes = std::move(next_modes);
  }
  if (solved) {
    const Vector reached = reached_multipliers(flow, kernel_of(problem, modes), lambda);
    if (reached != lambda) {
      lambda = reached;
      resolve_all(problem, lambda, modes);
    }
  }
  conclude(problem, modes, lambda, solved, limit);
  return limit;
}

bool proved_not_separated(const LateFlow& flow, Limit& limit) {
  limit = solve_limit(flow);
  const bool ray = limit.status == LimitStatus::not_separated;
  const bool linear = flow.problem().shape.slope == 1.0;  // activations change nothing
  return (ray && (linear || own_pairs_are_final(flow))) || minimum_is_near(flow);
}

FlowOptions options_to_limit(const FlowProblem& problem, bool of_descent) {
  const auto n = static_cast<double>(problem.samples());
  const auto margins = static_cast<double>(problem.margins());
  const double step_work = n * n * static_cast<double>(problem.neurons()) +
                           (margins - n) * margins * evaluations_of_step + overhead_of_step;
  return {
      .of_descent = of_descent,
      .most_steps = static_cast<std::uint64_t>(std::clamp(work_to_limit / step_work, 2e3, 5e4))};
}

namespace {

/// Activations may still change where it is not proved that they do not.
void say_what_is_proved(const LateFlow& flow, Limit& limit) {
  if (limit.status != LimitStatus::not_separated) return;
  Limit again;
  if (proved_not_separated(flow, again)) return;
  limit.status = LimitStatus::not_separated_so_far;
  limit.message = "not separated so far: " + limit.message;
}

}  // namespace

Limit follow_to_limit(LateFlow& flow, double largest_decade,
                      const std::function<bool(double)>& keep_going) {
  const double end = largest_decade * std::log(10.0);
  double earlier = -std::numeric_limits<double>::infinity();
  for (;;) {
    Limit limit = solve_limit(flow);
    limit.settled = settled(flow, limit);
    if (limit.settled) return limit;
    if (flow.log_time() >= end) {
      say_what_is_proved(flow, limit);
      return limit;
    }
    // Activations may still change until the samples are separated, but only while something moves.
    const double smallest_margin = flow.margins().minCoeff();
    const bool stuck = smallest_margin < earlier + least_margin_growth;
    if (limit.status == LimitStatus::not_separated && stuck) {
      say_what_is_proved(flow, limit);
      return limit;
    }
    earlier = smallest_margin;
    const double next = std::min(end, 2.0 * std::max(flow.log_time(), 1.0));
    const FlowStatus status = flow.advance_to(next, keep_going);
    if (status == FlowStatus::reached) continue;
    say_what_is_proved(flow, limit);
    limit.message +=
        fmt::format("{}the flow stopped at t = {}: {}", limit.message.empty() ? "" : "; ",
                    decades_text(LogTime::from_log(flow.log_time())), explain(status));
    return limit;
  }
}

bool zero_to_rounding(double sum, double terms) {
  return sum <= rounding_of_sums * terms;
}

double limit_residual(const FlowProblem& problem, const Limit& limit) {
  const Eigen::Index n = problem.samples();
  const Matrix z = limit.coefficients * problem.gram;
  const Matrix sizes = limit.coefficients.cwiseAbs() * problem.gram.cwiseAbs();
  double misfit = 0.0, norm = 0.0, slopes = 0.0;
  const std::vector<Vector> felt_by_group = problem.rivals.felt_by_group(limit.multipliers);
  for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
    const int group = problem.group_of(k);
    const Vector& felt = felt_by_group[static_cast<std::size_t>(group)];
    Vector difference(n);
    for (Eigen::Index l = 0; l < n; ++l) {
      const double slope = limit.slopes(k, l);
      difference[l] =
          limit.coefficients(k, l) - problem.rate * problem.sign(group, l) * slope * felt[l];
      const double size = sizes(k, l) > 0.0 ? std::abs(z(k, l)) / sizes(k, l) : 0.0;
      const double wanted = z(k, l) > 0.0 ? 1.0 : problem.shape.slope;
      slopes = std::max({slopes, slope - 1.0, problem.shape.slope - slope});
      if (felt[l] > 0.0) slopes = std::max(slopes, size * std::abs(slope - wanted));
    }
    misfit += difference.dot(problem.gram * difference);
    norm += limit.coefficients.row(k).dot(z.row(k));
  }
  const double stationarity = std::sqrt(std::max(0.0, misfit) / norm);
  const double total = limit.multipliers.sum();
  double primal = 0.0, slackness = 0.0;
  for (Eigen::Index c = 0; c < problem.margins(); ++c) {
    primal = std::max(primal, 1.0 - limit.margins[c]);
    slackness =
        std::max(slackness, limit.multipliers[c] * std::abs(limit.margins[c] - 1.0) / total);
  }
  return std::max({stationarity, slopes, primal, slackness});
}

}  // namespace latetime
