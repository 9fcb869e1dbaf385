#include "latetime/prove/run_proof.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "latetime/prove/bounds.hpp"
#include "latetime/prove/certificate.hpp"
#include "latetime/prove/curve_search.hpp"

namespace latetime {
namespace {

constexpr std::uint64_t least_step = 10;

RunTheorem theorem_of(const CurveSearch& search, std::uint64_t step) {
  const Tube& tube = search.tube();
  RunTheorem theorem;
  theorem.step = step;
  theorem.limit = limit_theorem(search.limit());
  theorem.radius = search.radius();
  theorem.straight_from = above(tube.curve().log_time().upper);
  theorem.offset = above(above(tube.curve().travel() + 2.0 * search.radius()));
  const double start = std::log(static_cast<double>(step));
  if (const auto settled = tube.settled_from()) {
    theorem.settled_from = above(above(start) + above(*settled));
  }
  for (const std::vector<bool>& row : tube.ever_open()) {
    for (const bool open : row) theorem.keeps_sign.push_back(!open);
  }
  for (const auto& [theta, radius] : search.radii()) {
    theorem.tube.push_back({start + theta, radius});
  }
  theorem.enclosures = search.enclosures();
  for (const double theta : search.changes()) theorem.slope_changes.push_back(start + theta);
  return theorem;
}

}  // namespace

Proof<RunTheorem> prove_run(const Problem& problem, const Matrix& weights, std::uint64_t step,
                            const ProofOptions& options) {
  if (weights.rows() != problem.neurons() || weights.cols() != problem.data.dim() ||
      problem.shape().groups != 2) {
    throw std::invalid_argument("prove_run: weights of another shape");
  }
  require_named(problem.loss, "prove_run");
  if (step < least_step) {
    return NotProved{"the proof begins before step 10", "prove from a later step"};
  }
  if (!(problem.learning_rate > 0.0)) {
    return NotProved{"the learning rate is 0", "train with one above 0"};
  }
  if (!weights.allFinite()) {
    return NotProved{"the weights are not finite", "train with a smaller learning rate"};
  }
  try {
    const ProofProblem facts(problem);
    CurveSearch search(facts, weights, step, options);
    search.run();
    RunTheorem theorem = theorem_of(search, step);
    theorem.start_distance = options.start_distance;
    theorem.certificate = certificate_text(problem, weights, theorem, search.lines());
    return theorem;
  } catch (const Unproved& open) {
    return open.proof;
  } catch (const Interrupted&) {
    return stopped_proof();
  }
}

namespace {

void add_limit_statements(const LimitTheorem& limit, const char* matrix, const char* verb,
                          std::vector<std::string>& statements) {
  statements.push_back(fmt::format(
      "V is a KKT point of min |V|^2 / 2 with all margins >= 1, and the only minimiser among the "
      "weights with the signs of its own-class pairs; |V| is in {}.",
      outward_text(limit.norm)));
  const char* names[] = {"_+", "_-", ""};
  for (std::size_t part = 0; part < 3; ++part) {
    if (!limit.stable_ranks[part]) continue;
    const Enclosure& rank = *limit.stable_ranks[part];
    statements.push_back(fmt::format("The stable rank of {}{} {} {}{}.", matrix, names[part], verb,
                                     rank.lower == rank.upper ? "" : "a number in ",
                                     outward_text(rank)));
  }
}

std::string problem_statement(const Problem& problem) {
  const auto width = problem.shape().width;
  return fmt::format("{} sample{} in dimension {}, {} neuron{} a class, slope {}",
                     problem.samples(), problem.samples() == 1 ? "" : "s", problem.data.dim(),
                     width, width == 1 ? "" : "s", problem.shape().slope);
}

}  // namespace

std::vector<std::string> statements_of(const LimitTheorem& limit, const Problem& problem) {
  std::vector<std::string> statements{problem_statement(problem) + "."};
  add_limit_statements(limit, "V", "is", statements);
  return statements;
}

std::vector<std::string> statements_of(const RunTheorem& theorem, const Problem& problem) {
  const LimitTheorem& limit = theorem.limit;
  std::vector<std::string> statements{
      fmt::format("{}; gradient descent on the {} loss with learning rate {} from {}; T = {}.",
                  problem_statement(problem), problem.loss.name, problem.learning_rate,
                  theorem.start_distance ? "the initial weights W_0" : "the weights W_T of step T",
                  theorem.step)};
  statements.push_back("W_t / |W_t| converges to V / |V|, and W_t - V log t converges.");
  add_limit_statements(limit, "W", "converges to", statements);
  statements.push_back(fmt::format("t times the loss converges to e^c with c in {}.",
                                   outward_text(limit.loss_constant)));
  statements.push_back(
      fmt::format("|W_t - Z_t| <= {} for every t >= T, and Z_t = V log t + Z_0 once log t >= {}.",
                  upward_text(theorem.radius), upward_text(theorem.straight_from)));
  if (theorem.settled_from) {
    statements.push_back(
        fmt::format("{} keep their sign once log t >= {}.",
                    limit.switching.empty() ? "All pairs (neuron, sample)" : "All other pairs",
                    upward_text(*theorem.settled_from)));
  }
  const std::size_t switching = limit.switching.size();
  statements.push_back(
      switching == 0   ? "No pair switches for ever."
      : switching == 1 ? "One pair (neuron, sample) switches infinitely often, active at a natural "
                         "density of steps."
                       : fmt::format("{} pairs (neuron, sample) switch infinitely often, each "
                                     "active at a natural density of steps.",
                                     switching));
  return statements;
}

}  // namespace latetime
