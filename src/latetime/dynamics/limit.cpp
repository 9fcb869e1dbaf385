#include "latetime/dynamics/limit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "latetime/dynamics/late_run.hpp"
#include "latetime/optimize/nonnegative_qp.hpp"

namespace latetime {
namespace {

// Slopes ⟨v_k, x_l⟩ and multipliers count as zero below this part of what they are made of.
constexpr double zero_tolerance = 1e-9;

constexpr int most_newton_steps = 200;

// Work that following a flow to its limit may take, in (neuron, sample, sample) triples.
constexpr double work_to_limit = 1e10;
constexpr double overhead_of_step = 1e5;

// The flow has come to its limit once its multipliers differ by less than this part of all of them.
constexpr double settled_tolerance = 1e-2;

// Where samples get separated, the smallest margin grows like log t: by more than this while log t
// doubles.
constexpr double least_margin_growth = 0.5;

std::vector<NeuronMode> modes_of(const LateFlow& flow) {
  std::vector<NeuronMode> modes;
  for (Eigen::Index k = 0; k < flow.problem().neurons(); ++k) modes.push_back(flow.mode(k));
  return modes;
}

Eigen::MatrixXd kernel_of(const FlowProblem& problem, const std::vector<NeuronMode>& modes) {
  Eigen::MatrixXd kernel = Eigen::MatrixXd::Zero(problem.samples(), problem.samples());
  for (std::size_t k = 0; k < modes.size(); ++k) {
    add_kernel(problem, problem.group_of(static_cast<Eigen::Index>(k)), modes[k], 1.0, kernel);
  }
  return kernel;
}

/// The modes that multipliers λ lead to, own-class activations as they are.
void resolve_all(const FlowProblem& problem, const Vector& lambda, std::vector<NeuronMode>& modes) {
  std::vector<Eigen::Index> others[2];
  for (Eigen::Index i = 0; i < problem.samples(); ++i) {
    for (int group = 0; group < 2; ++group) {
      if (!problem.own(group, i)) others[group].push_back(i);
    }
  }
  for (std::size_t k = 0; k < modes.size(); ++k) {
    const int group = problem.group_of(static_cast<Eigen::Index>(k));
    const auto flags = modes[k].active;
    resolve_mode(problem, group, lambda, others[group], modes[k]);
    // A pair that the multipliers leave where it is keeps the side it is on.
    const Vector effective = effective_multipliers(problem, modes[k], lambda);
    Vector pull(effective.size());
    for (Eigen::Index l = 0; l < pull.size(); ++l) {
      pull[l] = problem.sign(group, l) * effective[l];
    }
    const Vector slope = problem.gram * pull;
    for (const Eigen::Index i : others[group]) {
      const double size = problem.gram.row(i).cwiseAbs().dot(effective);
      const auto index = static_cast<std::size_t>(i);
      if (std::abs(slope[i]) <= zero_tolerance * size && lambda[i] <= 0.0) {
        modes[k].active[index] = flags[index];
      }
    }
  }
}

bool same_pieces(const std::vector<NeuronMode>& a, const std::vector<NeuronMode>& b) {
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (a[k].sliding != b[k].sliding || a[k].active != b[k].active) return false;
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
  for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
    const NeuronMode& mode = modes[static_cast<std::size_t>(k)];
    const int group = problem.group_of(k);
    const Vector effective = effective_multipliers(problem, mode, limit.multipliers);
    for (Eigen::Index l = 0; l < n; ++l) {
      limit.coefficients(k, l) = problem.rate * problem.sign(group, l) * effective[l];
      const bool slides = std::binary_search(mode.sliding.begin(), mode.sliding.end(), l);
      limit.slopes(k, l) = mode.active[static_cast<std::size_t>(l)] ? 1.0 : problem.shape.slope;
      if (slides && limit.multipliers[l] > 0.0) {
        limit.slopes(k, l) = effective[l] / limit.multipliers[l];
      }
    }
  }
  const Matrix z = limit.coefficients * problem.gram;
  limit.margins = Vector::Zero(n);
  for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
    for (Eigen::Index i = 0; i < n; ++i) {
      limit.margins[i] += problem.sign(problem.group_of(k), i) *
                          activation(z(k, i), problem.shape.slope) /
                          static_cast<double>(problem.shape.width);
    }
  }
  const double norm2 = limit.coefficients.cwiseProduct(z).sum();
  limit.normalized_margin = limit.margins.minCoeff() / std::sqrt(norm2);
}

/// Verdicts of all pairs, and whether own-class activations are consistent with the slopes.
bool judge(const FlowProblem& problem, const std::vector<NeuronMode>& modes, Limit& limit) {
  const Eigen::Index n = problem.samples();
  const Matrix z = limit.coefficients * problem.gram;
  const Matrix sizes = limit.coefficients.cwiseAbs() * problem.gram.cwiseAbs();
  limit.verdicts.assign(static_cast<std::size_t>(problem.neurons() * n), PairVerdict::undecided);
  limit.strictness = 1.0;
  bool consistent = true;
  for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
    const NeuronMode& mode = modes[static_cast<std::size_t>(k)];
    for (Eigen::Index i = 0; i < n; ++i) {
      PairVerdict& verdict = limit.verdicts[static_cast<std::size_t>(k * n + i)];
      const bool own = problem.own(problem.group_of(k), i);
      const bool active = mode.active[static_cast<std::size_t>(i)] != 0;
      // How sure the verdict is: relative slope, or the sliding multiplier's distance from a bound.
      double sure = sizes(k, i) > 0.0 ? std::abs(z(k, i)) / sizes(k, i) : 1.0;
      PairVerdict candidate = active ? PairVerdict::active : PairVerdict::inactive;
      if (std::binary_search(mode.sliding.begin(), mode.sliding.end(), i)) {
        candidate = PairVerdict::switches;
        const double slope = limit.slopes(k, i);
        sure =
            limit.multipliers[i] > 0.0 ? std::min(1.0 - slope, slope - problem.shape.slope) : 0.0;
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

std::string blamed_samples(const Vector& ray) {
  std::vector<Eigen::Index> list;
  for (Eigen::Index i = 0; i < ray.size(); ++i) {
    if (ray[i] > 1e-6) list.push_back(i);
  }
  const std::size_t shown = std::min<std::size_t>(list.size(), 6);
  return fmt::format(
      "{}{}", fmt::join(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
      shown < list.size() ? ", …" : "");
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
      "; {} of {} neurons are active on no sample: learning rate {:.3g} is large for "
      "samples of norm {:.3g}, lower it or scale the samples (pixels: X / 255)",
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

std::string to_string(LimitStatus status) {
  switch (status) {
    case LimitStatus::found:
      return "found";
    case LimitStatus::not_separated:
      return "not-separated";
    case LimitStatus::pattern_moves:
      return "pattern-moves";
    case LimitStatus::not_solved:
      return "not-solved";
  }
  return "";
}

Limit solve_limit(const LateFlow& flow) {
  const FlowProblem& problem = flow.problem();
  Limit limit;
  limit.log_time = flow.log_time();
  std::vector<NeuronMode> modes = modes_of(flow);
  Vector lambda = flow.lambda();
  const Vector ones = Vector::Ones(problem.samples());
  bool solved = false;
  for (int step = 0; step < most_newton_steps && !solved; ++step) {
    const Eigen::MatrixXd kernel = kernel_of(problem, modes);
    const NonnegativeQpResult newton = solve_nonnegative_qp(kernel, ones);
    if (newton.ray) {
      limit.status = LimitStatus::not_separated;
      limit.ray = *newton.ray;
      limit.message = fmt::format(
          "no weights with these activations give samples {} positive "
          "margins all at once{}",
          blamed_samples(limit.ray), dead_neurons(problem, modes));
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
  limit.multipliers = lambda;
  limit.support.resize(static_cast<std::size_t>(lambda.size()));
  for (Eigen::Index i = 0; i < lambda.size(); ++i) {
    limit.support[static_cast<std::size_t>(i)] = lambda[i] > 0.0;
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
  return limit;
}

FlowOptions options_to_limit(const FlowProblem& problem, bool of_descent) {
  const auto n = static_cast<double>(problem.samples());
  const double step_work = n * n * static_cast<double>(problem.neurons()) + overhead_of_step;
  return {
      .of_descent = of_descent,
      .most_steps = static_cast<std::uint64_t>(std::clamp(work_to_limit / step_work, 2e3, 5e4))};
}

Limit follow_to_limit(LateFlow& flow, double largest_decade,
                      const std::function<bool(double)>& keep_going) {
  const double end = largest_decade * std::log(10.0);
  double earlier = -std::numeric_limits<double>::infinity();
  for (;;) {
    Limit limit = solve_limit(flow);
    limit.settled = settled(flow, limit);
    if (limit.settled || flow.log_time() >= end) return limit;
    // Activations may still change until the samples are separated, but only while something moves.
    const double smallest_margin = flow.margins().minCoeff();
    const bool stuck = smallest_margin < earlier + least_margin_growth;
    if (limit.status == LimitStatus::not_separated && stuck) return limit;
    earlier = smallest_margin;
    const double next = std::min(end, 2.0 * std::max(flow.log_time(), 1.0));
    const FlowStatus status = flow.advance_to(next, keep_going);
    if (status == FlowStatus::reached) continue;
    limit.message +=
        fmt::format("{}the flow stopped at t = {}: {}", limit.message.empty() ? "" : "; ",
                    decades_text(LogTime::from_log(flow.log_time())), explain(status));
    return limit;
  }
}

double limit_residual(const FlowProblem& problem, const Limit& limit) {
  const Eigen::Index n = problem.samples();
  const Matrix z = limit.coefficients * problem.gram;
  const Matrix sizes = limit.coefficients.cwiseAbs() * problem.gram.cwiseAbs();
  double misfit = 0.0, norm = 0.0, slopes = 0.0;
  for (Eigen::Index k = 0; k < problem.neurons(); ++k) {
    const int group = problem.group_of(k);
    Vector difference(n);
    for (Eigen::Index l = 0; l < n; ++l) {
      const double slope = limit.slopes(k, l);
      difference[l] = limit.coefficients(k, l) -
                      problem.rate * problem.sign(group, l) * slope * limit.multipliers[l];
      const double size = sizes(k, l) > 0.0 ? std::abs(z(k, l)) / sizes(k, l) : 0.0;
      const double wanted = z(k, l) > 0.0 ? 1.0 : problem.shape.slope;
      slopes = std::max({slopes, slope - 1.0, problem.shape.slope - slope});
      if (limit.multipliers[l] > 0.0) slopes = std::max(slopes, size * std::abs(slope - wanted));
    }
    misfit += difference.dot(problem.gram * difference);
    norm += limit.coefficients.row(k).dot(z.row(k));
  }
  const double stationarity = std::sqrt(std::max(0.0, misfit) / norm);
  const double total = limit.multipliers.sum();
  double primal = 0.0, slackness = 0.0;
  for (Eigen::Index i = 0; i < n; ++i) {
    primal = std::max(primal, 1.0 - limit.margins[i]);
    slackness =
        std::max(slackness, limit.multipliers[i] * std::abs(limit.margins[i] - 1.0) / total);
  }
  return std::max({stationarity, slopes, primal, slackness});
}

}  // namespace latetime
