#include "latetime/dynamics/descent_options.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

// Exact steps are affordable up to this many (neuron, sample) pairs stepped, a second or two; what
// a step costs beside is as much as that of so many pairs.
constexpr double affordable_pairs = 3e9;
constexpr double pairs_of_overhead = 500;
constexpr double least_exact_steps = 2e5;

// With fewer pairs a step of the coefficient engine is so short that nothing is gained by asking
// which of them can switch.
constexpr double least_pairs_to_follow = 3000;

}  // namespace

void require_engine_follows(EngineChoice engine, Method method, const std::string& where) {
  if (engine == EngineChoice::automatic || method == Method::gradient_descent) return;
  const bool batches = method == Method::stochastic;
  const EngineChoice needed = batches ? EngineChoice::dense : EngineChoice::flow;
  if (engine == needed) return;
  throw InputError(where, fmt::format("\"{}\" does not follow {}; use engine = \"{}\" or "
                                      "method = \"gd\"",
                                      word_of(engine), batches ? "mini-batches" : "gradient flow",
                                      word_of(needed)));
}

void require_engine_smooths(EngineChoice engine, Method method, const std::string& section) {
  if (method == Method::flow) {
    throw InputError(section + "method",
                     "gradient flow does not follow a smoothed activation; use \"gd\" or "
                     "network.smoothing = 0");
  }
  if (engine == EngineChoice::automatic || engine == EngineChoice::dense) return;
  throw InputError(section + "engine",
                   fmt::format("\"{}\" does not follow a smoothed activation; use engine = "
                               "\"dense\" or network.smoothing = 0",
                               word_of(engine)));
}

std::size_t batch_size(const DescentOptions& options) {
  return options.method == Method::stochastic ? options.batch_size : 0;
}

HandOver::Discrepancy discrepancy_of(const DescentOptions& options, const Problem& problem) {
  if (options.discrepancy) return options.discrepancy;
  return [rivals = Rivals(problem.data.classes, problem.shape().groups), loss = problem.loss](
             const Matrix&, const Vector& a, const Matrix&, const Vector& b,
             const std::vector<bool>&) {
    return std::abs(rivals.log_mean_loss(a, loss) - rivals.log_mean_loss(b, loss));
  };
}

EnginePlan plan_engines(const DescentOptions& options, Eigen::Index n, const NetworkShape& shape) {
  const EngineChoice engine = options.engine;
  const bool automatic = engine == EngineChoice::automatic;
  require_engine_follows(engine, options.method, "descent.engine");
  EnginePlan plan;
  const bool smoothed = shape.smoothing > 0.0;
  if (smoothed) require_engine_smooths(engine, options.method, "descent.");
  if (options.method == Method::stochastic || smoothed) {
    plan.dense = true;
    return plan;
  }
  if (options.method == Method::flow) return plan;
  const double pairs = static_cast<double>(shape.neurons()) * static_cast<double>(n);
  const double steps = std::max(affordable_pairs / (pairs + pairs_of_overhead), least_exact_steps);
  plan.most_exact_steps = static_cast<std::uint64_t>(steps);
  plan.forced_flow = engine == EngineChoice::flow;
  plan.hand_over =
      plan.forced_flow || (automatic && options.until > LogTime(plan.most_exact_steps));
  plan.dense = engine == EngineChoice::dense || (automatic && !plan.hand_over && n > 2 * shape.dim);
  plan.frozen = engine == EngineChoice::frozen || automatic || plan.forced_flow;
  plan.switching = (automatic || plan.forced_flow) && pairs >= least_pairs_to_follow;
  return plan;
}

std::uint64_t most_shadowed_steps(const EnginePlan& plan) {
  return std::max<std::uint64_t>(plan.most_exact_steps / 3,
                                 static_cast<std::uint64_t>(least_exact_steps));
}

}  // namespace latetime
