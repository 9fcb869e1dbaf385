#include "latetime/prove/run_proof.hpp"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "latetime/prove/bounds.hpp"
#include "latetime/prove/certificate.hpp"
#include "latetime/prove/curve_search.hpp"

namespace latetime {
namespace {

constexpr std::uint64_t least_step = 10;

Enclosure loss_constant(const LimitBalls& limit) {
  Ball sum;
  for (const Ball& multiplier : limit.multipliers) sum += multiplier;
  return log(sum / Ball(static_cast<double>(limit.multipliers.size()))).enclosure();
}

RunTheorem theorem_of(const CurveSearch& search, std::uint64_t step) {
  const Tube& tube = search.tube();
  const double gamma = tube.problem().gamma();
  RunTheorem theorem;
  theorem.step = step;
  theorem.limit = limit_theorem(search.limit());
  theorem.loss_constant = loss_constant(search.limit());
  theorem.radius = search.radius();
  theorem.straight_from = above(tube.curve().log_time().upper);
  theorem.offset = above(above(tube.curve().travel() + 2.0 * search.radius()));
  const double start = std::log(static_cast<double>(step));
  if (const auto settled = tube.settled_from()) {
    theorem.settled_from = above(above(start) + above(*settled));
  }
  const Ball jump = Ball(1.0) - Ball(gamma);
  for (const SwitchingSlope& pair : theorem.limit.switching) {
    const Enclosure lower = ((Ball(pair.slope.lower) - Ball(gamma)) / jump).enclosure();
    const Enclosure upper = ((Ball(pair.slope.upper) - Ball(gamma)) / jump).enclosure();
    theorem.switching.push_back({pair.neuron, pair.sample, {lower.lower, upper.upper}});
  }
  for (const auto& [theta, radius] : search.radii()) {
    theorem.tube.push_back({start + theta, radius});
  }
  for (const double theta : search.changes()) theorem.slope_changes.push_back(start + theta);
  return theorem;
}

std::string interval(const Enclosure& bounds, int digits = 12) {
  return fmt::format("[{:.{}g}, {:.{}g}]", bounds.lower, digits, bounds.upper, digits);
}

}  // namespace

Proof<RunTheorem> prove_run(const Dataset& data, const Network& weights, double learning_rate,
                            std::uint64_t step, const std::function<bool()>& keep_going) {
  if (weights.weights.rows() != weights.shape.neurons() || weights.weights.cols() != data.dim() ||
      weights.shape.groups != 2) {
    throw std::invalid_argument("prove_run: weights of another shape");
  }
  if (step < least_step) {
    return NotProved{"the proof begins before step 10", "prove from a later step"};
  }
  if (!(learning_rate > 0.0)) return NotProved{"the learning rate is 0", "train with another"};
  if (!weights.weights.allFinite()) {
    return NotProved{"the weights are not finite", "train with a smaller learning rate"};
  }
  try {
    const ProofProblem problem(data, weights.shape, learning_rate);
    CurveSearch search(problem, weights.weights, step, keep_going);
    search.run();
    RunTheorem theorem = theorem_of(search, step);
    theorem.certificate = certificate_text(data, weights, learning_rate, theorem, search.lines());
    return theorem;
  } catch (const Unproved& open) {
    return open.proof;
  } catch (const Interrupted&) {
    return NotProved{"stopped", "let it go on"};
  }
}

std::string theorem_text(const RunTheorem& theorem, const Dataset& data, const NetworkShape& shape,
                         double learning_rate) {
  const LimitTheorem& limit = theorem.limit;
  std::string text = fmt::format(
      "Samples: {} in dimension {}. Network: {} neurons a class, slope {}. Gradient descent, "
      "learning rate {}, from the weights W_T at T = {}.\n",
      data.size(), data.dim(), shape.width, shape.slope, learning_rate, theorem.step);
  text += fmt::format(
      "W_t / |W_t| converges to V / |V|. V is a KKT point of min |V|^2 / 2 with all margins >= 1, "
      "and the only one with the signs of its own-class pairs; |V| lies in {}.\n",
      interval(limit.norm));
  text += fmt::format(
      "|W_t - Z_t| <= {:.6g} for every t >= T; Z_t = V log t + Z_0 once log t >= {:.6g}.\n",
      theorem.radius * (1.0 + 1e-5), theorem.straight_from * (1.0 + 1e-5));
  text += fmt::format(
      "W_t - V log t converges; t times the loss goes to e^c, c in {}.\n",
      interval(theorem.loss_constant));
  const char* names[] = {"W_+", "W_-", "W"};
  for (std::size_t part = 0; part < 3; ++part) {
    if (!limit.stable_ranks[part]) continue;
    text += fmt::format("The stable rank of {} converges to a number in {}.\n", names[part],
                        interval(*limit.stable_ranks[part]));
  }
  if (theorem.settled_from) {
    text += fmt::format("All other pairs keep their sign once log t >= {:.6g}.\n",
                        *theorem.settled_from * (1.0 + 1e-5));
  }
  text += theorem.switching.empty()
              ? "No pair switches for ever.\n"
              : fmt::format("{} pairs switch infinitely often, each with a natural density.\n",
                            theorem.switching.size());
  return text;
}

}  // namespace latetime
