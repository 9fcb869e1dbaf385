#include "latetime/prove/run_proof.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "latetime/prove/bounds.hpp"
#include "latetime/prove/certificate.hpp"
#include "latetime/prove/curve_search.hpp"
#include "latetime/prove/exact_replay.hpp"

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

Proof<RunTheorem> prove_run(const Dataset& data, const Network& weights, double learning_rate,
                            std::uint64_t step, const ProofOptions& options) {
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
    CurveSearch search(problem, weights.weights, step, options);
    search.run();
    RunTheorem theorem = theorem_of(search, step);
    theorem.from_start = options.initial.has_value();
    theorem.start_distance = options.start_distance;
    theorem.certificate =
        certificate_text(data, weights, learning_rate, theorem, search.lines(), options.initial);
    return theorem;
  } catch (const Unproved& open) {
    return open.proof;
  } catch (const Interrupted&) {
    return NotProved{"stopped", "let it go on"};
  }
}

class DescentReplay::State {
 public:
  State(const Dataset& data, const Network& initial, double learning_rate)
      : data_(data), initial_(initial), learning_rate_(learning_rate) {}

  Proof<double> distance(std::uint64_t step, const Matrix& weights,
                         const std::function<bool(std::uint64_t)>& keep_going) {
    constexpr std::uint64_t at_once = 256;
    try {
      if (!problem_) problem_.emplace(data_, initial_.shape, learning_rate_);
      if (!replay_) replay_.emplace(*problem_, initial_.weights);
      while (replay_->step() < step) {
        if (keep_going && !keep_going(replay_->step())) throw Interrupted();
        replay_->advance(std::min(at_once, step - replay_->step()));
      }
      return replay_->distance(weights);
    } catch (const Unproved& open) {
      return open.proof;
    } catch (const Interrupted&) {
      return NotProved{"stopped", "let it go on"};
    }
  }

 private:
  Dataset data_;
  Network initial_;
  double learning_rate_;
  std::optional<ProofProblem> problem_;
  std::optional<ExactReplay> replay_;
};

DescentReplay::DescentReplay(const Dataset& data, const Network& initial, double learning_rate)
    : state_(std::make_unique<State>(data, initial, learning_rate)) {}
DescentReplay::~DescentReplay() = default;
DescentReplay::DescentReplay(DescentReplay&&) noexcept = default;

Proof<double> DescentReplay::distance(std::uint64_t step, const Matrix& weights,
                                      const std::function<bool(std::uint64_t)>& keep_going) {
  return state_->distance(step, weights, keep_going);
}

namespace {

std::string limit_statements(const LimitTheorem& limit, const char* matrix, const char* verb) {
  std::string text = fmt::format(
      "V is a KKT point of min |V|^2 / 2 with all margins >= 1, and the only one with the signs of "
      "its own-class pairs; |V| is in {}.\n",
      outward_text(limit.norm));
  const char* names[] = {"_+", "_-", ""};
  for (std::size_t part = 0; part < 3; ++part) {
    if (!limit.stable_ranks[part]) continue;
    const Enclosure& rank = *limit.stable_ranks[part];
    text += fmt::format("The stable rank of {}{} {} {}{}.\n", matrix, names[part], verb,
                        rank.lower == rank.upper ? "" : "a number in ", outward_text(rank));
  }
  return text;
}

}  // namespace

std::string limit_text(const LimitTheorem& limit, const Dataset& data, const NetworkShape& shape) {
  std::string text = fmt::format("{} samples in dimension {}, {} neurons a class, slope {}.\n",
                                 data.size(), data.dim(), shape.width, shape.slope);
  return text + limit_statements(limit, "V", "is");
}

std::string theorem_text(const RunTheorem& theorem, const Dataset& data, const NetworkShape& shape,
                         double learning_rate) {
  const LimitTheorem& limit = theorem.limit;
  std::string text = fmt::format(
      "{} samples in dimension {}, {} neurons a class, slope {}; gradient descent with learning "
      "rate {} from {}; T = {}.\n",
      data.size(), data.dim(), shape.width, shape.slope, learning_rate,
      theorem.from_start ? "the initial weights W_0" : "the weights W_T of step T", theorem.step);
  text += "W_t / |W_t| converges to V / |V|, and W_t - V log t converges.\n";
  text += limit_statements(limit, "W", "converges to");
  text += fmt::format("t times the loss converges to e^c with c in {}.\n",
                      outward_text(limit.loss_constant));
  text +=
      fmt::format("|W_t - Z_t| <= {} for every t >= T, and Z_t = V log t + Z_0 once log t >= {}.\n",
                  upward_text(theorem.radius), upward_text(theorem.straight_from));
  if (theorem.settled_from) {
    text += fmt::format("{} keep their sign once log t >= {}.\n",
                        limit.switching.empty() ? "All pairs (neuron, sample)" : "All other pairs",
                        upward_text(*theorem.settled_from));
  }
  text += limit.switching.empty()
              ? "No pair switches for ever.\n"
              : fmt::format(
                    "{} pairs (neuron, sample) switch infinitely often, each active at a "
                    "natural density of steps.\n",
                    limit.switching.size());
  return text;
}

}  // namespace latetime
