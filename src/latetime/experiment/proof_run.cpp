#include "latetime/experiment/proof_run.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/dynamics/exact_descent.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/experiment/run_limit.hpp"
#include "latetime/experiment/stored_run.hpp"
#include "latetime/prove/certificate.hpp"
#include "latetime/store/problem_seal.hpp"

namespace latetime {
namespace {

// Before this many steps descent moves in strides that no reference curve stands.
constexpr double earliest_decade = 3.0;
constexpr double largest_norm = 32768.0;  // of samples in certificates (docs/proofs.md, 8)
constexpr std::uint64_t steps_at_once = 1U << 15U;
constexpr std::size_t most_enclosures = 200;

const NotProved stopped{"stopped on request", "let it go on"};

/// Half decades up to `most`, or the one step that was asked for.
std::vector<std::uint64_t> steps_to_try(const ProofRequest& request) {
  if (request.step > 0) return {request.step};
  std::vector<std::uint64_t> steps;
  for (double decade = earliest_decade;; decade += 0.5) {
    const auto step = static_cast<std::uint64_t>(std::llround(std::pow(10.0, decade)));
    if (step > request.most_steps) break;
    steps.push_back(step);
  }
  if (steps.empty()) steps.push_back(request.most_steps);
  return steps;
}

/// Log times of the run's records, thinned evenly where there are many.
std::vector<double> log_times(const StoredRun& run) {
  std::vector<double> times;
  for (const LogTime& time : run.record_times()) {
    if (LogTime(0) < time) times.push_back(time.log());
  }
  if (times.size() <= most_enclosures) return times;
  std::vector<double> thinned;
  for (std::size_t i = 0; i < most_enclosures; ++i) {
    thinned.push_back(times[i * (times.size() - 1) / (most_enclosures - 1)]);
  }
  return thinned;
}

/// False where it was asked to stop.
bool advance(ExactDescent& descent, std::uint64_t target, const ProofRequest& request) {
  while (descent.step() < target) {
    if (request.keep_going && !request.keep_going(descent.step(), target)) return false;
    descent.advance(std::min(steps_at_once, target - descent.step()));
  }
  return true;
}

/// Why nothing can be proved about such a run.
std::optional<NotProved> unsuitable(const StoredRun& run) {
  const RunConfig& config = run.config();
  if (config.descent.method == Method::flow) {
    return NotProved{"the run follows gradient flow, and the theorems are about gradient descent",
                     "run it with descent.method = \"gd\""};
  }
  if (takes_mini_batches(config, run.data().size())) {
    return NotProved{"the run goes in mini-batches, and the theorems are about the full batch",
                     "run it with descent.method = \"gd\""};
  }
  if (config.network.smoothing > 0.0) {
    return NotProved{"the activation is smoothed, and the theorems are about ReLU and leaky ReLU",
                     "run it with network.smoothing = 0"};
  }
  if (run.read<RunEnd>().reason == StopReason::not_separated) {
    return NotProved{
        "the run ended not separated: its loss does not go to zero, so that it has no "
        "limit direction",
        "take samples that the network separates, or other initial weights"};
  }
  const double largest = std::sqrt(run.data().x.rowwise().squaredNorm().maxCoeff());
  if (!(largest < largest_norm)) {
    return NotProved{fmt::format("a sample has the norm {:.3g}, and certificates hold norms below "
                                 "{:.0f}",
                                 largest, largest_norm),
                     "scale the samples"};
  }
  if (!(config.network.slope < 1.0)) {
    return NotProved{"the network is linear: the theorems are about slopes below 1",
                     "choose a smaller network.slope"};
  }
  return std::nullopt;
}

void prove_limit_of(const ArrayReader& arrays, const StoredRun& run, const ProofRequest& request,
                    ProofReport& report) {
  const auto keep_going = [&](double) { return !request.keep_going || request.keep_going(0, 0); };
  const RunLimit found = limit_of_arrays(arrays, report.source, keep_going);
  const Limit& limit = found.report.limit;
  const std::string problem = !found.problem.empty() ? found.problem : limit.message;
  if (!found.problem.empty() || !found.report.has_direction()) {
    report.limit = NotProved{fmt::format("no limit of the run is known: {}", problem),
                             "let the run go on to a later time"};
    return;
  }
  const Problem descent = run.problem();
  const LimitPattern pattern{limit.verdicts, limit.support};
  report.limit = prove_limit(descent, pattern);
  if (const auto* theorem = std::get_if<LimitTheorem>(&*report.limit)) {
    report.statements = statements_of(*theorem, descent);
    report.limit_certificate = limit_certificate_text(descent, pattern, *theorem);
  }
}

/// The search for a step T from which the run can be proved.
class RunProver {
 public:
  RunProver(const StoredRun& run, const ProofRequest& request, ProofReport& report)
      : problem_(run.problem()),
        request_(request),
        report_(report),
        descent_(problem_, request.threads, true),
        replay_(problem_),
        times_(log_times(run)) {}

  void prove() {
    for (const std::uint64_t step : steps_to_try(request_)) {
      if (!advance(descent_, step, request_)) return stop();
      if (!descent_.finite()) {
        report_.run = NotProved{"the weights overflowed", "train with a smaller learning rate"};
        return;
      }
      const TrainingState state = descent_.state();
      report_.run = prove_from(step, state.weights);
      if (report_.proved()) return finish(state);
      if (!go_on(step, step)) return stop();
      report_.attempts.push_back({step, std::get<NotProved>(*report_.run)});
    }
  }

 private:
  bool go_on(std::uint64_t done, std::uint64_t target) const {
    return !request_.keep_going || request_.keep_going(done, target);
  }
  void stop() { report_.run = stopped; }

  Proof<RunTheorem> prove_from(std::uint64_t step, const Matrix& weights) {
    ProofOptions options{.log_times = times_, .keep_going = [&] { return go_on(step, step); }};
    if (request_.level == ProofLevel::start) {
      // Whether there is a tube at all is known long before every step to it has been followed.
      const auto tube = prove_run(problem_, weights, step, {.keep_going = options.keep_going});
      if (!is_proved(tube)) return tube;
      const Proof<double> distance =
          replay_.distance(step, weights, [&](std::uint64_t done) { return go_on(done, step); });
      if (!is_proved(distance)) return std::get<NotProved>(distance);
      options.start_distance = std::get<double>(distance);
    }
    return prove_run(problem_, weights, step, options);
  }

  void finish(const TrainingState& state) {
    const RunTheorem& theorem = std::get<RunTheorem>(*report_.run);
    report_.statements = statements_of(theorem, problem_);
    report_.claims = proved_claims(theorem, problem_, state.preactivations);
  }

  const Problem problem_;
  const ProofRequest& request_;
  ProofReport& report_;
  ExactDescent descent_;
  DescentReplay replay_;
  std::vector<double> times_;
};

ProofReport prove(const ArrayReader& arrays, const StoredRun& run, const std::string& source,
                  const ProofRequest& request) {
  require_two_classes(run.data(), source, "theorems are");
  ProofReport report;
  report.source = source;
  report.of = problem_seal(arrays);
  report.level = request.level;
  if (auto why = unsuitable(run)) {
    if (request.level == ProofLevel::limit) {
      report.limit = *why;
    } else {
      report.run = *why;
    }
    return report;
  }
  if (request.level != ProofLevel::limit) {
    RunProver(run, request, report).prove();
  }
  const bool is_stopped =
      report.run && !report.proved() && std::get<NotProved>(*report.run).reason == stopped.reason;
  if (!report.proved() && !is_stopped) prove_limit_of(arrays, run, request, report);
  return report;
}

}  // namespace

bool ProofReport::proved() const {
  return level == ProofLevel::limit ? limit && is_proved(*limit) : run && is_proved(*run);
}

const NotProved& ProofReport::why() const {
  return level == ProofLevel::limit ? std::get<NotProved>(*limit) : std::get<NotProved>(*run);
}

const std::string& ProofReport::certificate() const {
  const auto* theorem = run ? std::get_if<RunTheorem>(&*run) : nullptr;
  return theorem != nullptr ? theorem->certificate : limit_certificate;
}

ProofReport prove_stored(const std::string& directory, const ProofRequest& request) {
  const StoredRun run(directory);
  return prove(run.file(), run, directory, request);
}

ProofReport prove_arrays(const ArrayReader& arrays, const std::string& origin,
                         const ProofRequest& request) {
  return prove(arrays, StoredRun(arrays, origin), origin, request);
}

}  // namespace latetime
