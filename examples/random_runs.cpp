// Runs on random configurations, the awkward ones included: does each end with a result or an
// honest outcome, in time, without a NaN, and do real steps agree?
//
//   build/release/examples/random_runs [--count 200] [--first 1] [--threads 2] [--verbose]
//
// Configuration s draws n in 1..40, d in 1..400, m in 1..50, a slope of 0, 0.01, 0.1, 0.5, 0.9, 1,
// init_std in 1e-6..3, eta in 1e-3..3 (both log-uniform), and data that are Gaussian, strongly
// correlated, or have duplicated samples, with equal or opposite labels. Each runs to t = 10^100 at
// tolerance 1e-6, then its limit is computed; where 2e9 (neuron, sample) pairs suffice, exact steps
// go on to ten times the hand-over and are compared. Exit code 1 if a run hung for more than the
// time bound, returned NaN, or differed from exact steps by more than its error estimate.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "latetime/base/parallel.hpp"
#include "latetime/base/random.hpp"
#include "latetime/data/generators.hpp"
#include "latetime/dynamics/descent.hpp"
#include "latetime/dynamics/limit.hpp"
#include "latetime/dynamics/schedule.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/measure/measures.hpp"

namespace {

using namespace latetime;

constexpr double most_seconds = 60.0;  // of processor time, of the run's own thread
constexpr double most_exact_seconds = 120.0;
constexpr double comparable_pairs = 2e9;

struct Setup {
  std::string name;
  Dataset data;
  Network initial;
  double learning_rate;
};

Setup random_setup(std::uint64_t seed) {
  RandomStream random(seed, RandomPurpose::test);
  const auto between = [&](std::uint64_t low, std::uint64_t high) {
    return static_cast<Eigen::Index>(low + random.below(high - low + 1));
  };
  const auto log_uniform = [&](double low, double high) {
    return std::exp(std::log(low) + random.uniform() * std::log(high / low));
  };
  const Eigen::Index n = between(1, 40), d = between(1, 400), m = between(1, 50);
  const double slopes[] = {0.0, 0.01, 0.1, 0.5, 0.9, 1.0};
  const double slope = slopes[random.below(6)];
  const double init_std = log_uniform(1e-6, 3.0);
  const char* kinds[] = {"gaussian", "correlated", "duplicated", "contradicting"};
  const std::string kind = kinds[random.below(4)];
  Dataset data = gaussian_mixture(n, d, kind == "correlated" ? 1.0 : 0.01, 1.0, seed);
  // η up to a stability limit of GD with the largest possible curvature, and a bit beyond it.
  const double scale = data.x.rowwise().squaredNorm().maxCoeff();
  const double learning_rate = log_uniform(1e-3, 3.0) * 784.0 / std::max(scale, 1.0);
  if (kind == "duplicated" || kind == "contradicting") {
    for (Eigen::Index i = 0; i + 1 < n; i += 2) {
      data.x.edit().row(i + 1) = data.x.row(i);
      const int c = data.classes[static_cast<std::size_t>(i)];
      data.classes[static_cast<std::size_t>(i) + 1] = kind == "duplicated" ? c : 1 - c;
    }
  }
  const NetworkShape shape{.groups = 2, .width = m, .dim = d, .slope = slope};
  return {fmt::format("{:>4} {:<13} n{} d{} m{} g{:g} s0={:.1e} eta={:.1e}", seed, kind, n, d, m,
                      slope, init_std, learning_rate),
          std::move(data), gaussian_network(shape, init_std, seed), learning_rate};
}

struct Seen {
  LogTime time;
  double log_loss;
  std::array<double, 3> ranks;
  double estimate;
  EngineKind engine = EngineKind::coefficient;
};

struct Result {
  std::string name, outcome, limit, trouble;
  LogTime hand_over, reached;
  double seconds = 0.0, worst = 0.0, ratio = 0.0, error = 0.0, residual = 0.0;
  bool compared = false;
};

/// Processor time of this thread: a busy machine is no fault of the run.
double seconds_spent() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + 1e-9 * static_cast<double>(spent.tv_nsec);
}

DescentObservers watch(const Measurer& measurer, const Descent& descent, std::vector<Seen>& seen,
                       double deadline) {
  return {.record =
              [&](const TrainingState& state) {
                const Measures m = measurer.measure(state);
                seen.push_back(
                    {state.time,
                     m.log_loss,
                     {m.stable_ranks[0].value, m.stable_ranks[1].value, m.stable_ranks[2].value},
                     state.error_estimate,
                     descent.engine()});
              },
          .pulse = [deadline](const LogTime&) { return seconds_spent() < deadline; },
          .needs_weights = false};
}

void compare_with_exact(const Setup& setup, const Measurer& measurer, const std::vector<Seen>& flow,
                        Result& result) {
  const double pairs = static_cast<double>(setup.initial.shape.neurons() * setup.data.size());
  const double last = 10.0 * static_cast<double>(*result.hand_over.step());
  if (last * pairs > comparable_pairs) return;
  DescentOptions options{.engine = EngineChoice::frozen};
  options.until = LogTime(static_cast<std::uint64_t>(last));
  Descent descent({setup.data, setup.initial, setup.learning_rate}, options);
  std::vector<Seen> exact;
  std::vector<LogTime> times;
  for (const Seen& s : flow) {
    if (s.engine == EngineKind::flow && s.time <= options.until) times.push_back(s.time);
  }
  const double deadline = seconds_spent() + most_exact_seconds;
  descent.run(times, watch(measurer, descent, exact, deadline));
  result.compared = !exact.empty();
  for (const Seen& e : exact) {
    const auto same =
        std::find_if(flow.begin(), flow.end(), [&](const Seen& s) { return s.time == e.time; });
    double off = std::abs(e.log_loss - same->log_loss);
    for (std::size_t p = 0; p < 3; ++p) {
      if (std::isnan(e.ranks[p]) && std::isnan(same->ranks[p])) continue;
      off = std::max(off, std::abs(e.ranks[p] - same->ranks[p]));
    }
    if (!(off <= result.worst)) result.worst = off;
    if (!(off / same->estimate <= result.ratio)) result.ratio = off / same->estimate;
  }
}

Result carry_out(std::uint64_t seed) {
  const double begin = seconds_spent();
  const Setup setup = random_setup(seed);
  Result result{.name = setup.name};
  const Measurer measurer(setup.data, setup.initial);
  DescentOptions options{.tolerance = 1e-6, .until = LogTime::parse("1e100", "")};
  options.discrepancy = largest_difference(measurer, setup.data);
  Descent descent({setup.data, setup.initial, setup.learning_rate}, options);
  std::vector<Seen> seen;
  const Outcome outcome = descent.run(record_steps(options.until, 4, {}),
                                      watch(measurer, descent, seen, begin + most_seconds));
  result.seconds = seconds_spent() - begin;
  result.outcome = word_of(outcome.reason);
  result.reached = outcome.time;
  if (outcome.reason == StopReason::interrupted) result.trouble = "ran out of time";
  if (outcome.reason != StopReason::reached_end && outcome.message.empty()) {
    result.trouble = "no reason given";
  }
  result.outcome += outcome.message.empty() ? "" : ": " + outcome.message;
  for (const Seen& s : seen) {
    if (std::isnan(s.log_loss) || std::isnan(s.estimate)) result.trouble = "NaN";
    if (s.engine == EngineKind::flow && result.hand_over == LogTime()) result.hand_over = s.time;
    result.error = s.estimate;
  }
  if (!descent.flow()) return result;
  if (outcome.reason == StopReason::reached_end) {
    LateFlow flow = descent.flow_from_here();
    const Limit limit = follow_to_limit(flow);
    result.limit = word_of(limit.status);
    result.residual = limit.kkt_residual;
    result.seconds = seconds_spent() - begin;
  }
  compare_with_exact(setup, measurer, seen, result);
  if (result.compared && !(result.ratio <= 1.0)) result.trouble = "differs from exact steps";
  return result;
}

void print(const Result& r) {
  fmt::print("{:<66} {:>6.2f} s  {}{}{}\n", r.name, r.seconds,
             r.trouble.empty() ? "" : "TROUBLE (" + r.trouble + ") ", r.outcome,
             r.limit.empty() ? "" : fmt::format("; limit {} ({:.0e})", r.limit, r.residual));
  if (r.hand_over == LogTime()) return;
  fmt::print("     flow from {}, estimate {:.1e} at {}{}\n", to_string(r.hand_over), r.error,
             decades_text(r.reached),
             r.compared ? fmt::format("; exact steps differ by {:.1e}, {:.2g} of the estimate",
                                      r.worst, r.ratio)
                        : "");
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t count = 200, first = 1;
  unsigned threads = 2;
  bool verbose = false;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto value = [&] { return std::strtoull(i + 1 < argc ? argv[++i] : "0", nullptr, 10); };
    if (name == "--verbose") verbose = true;
    if (name == "--count") count = value();
    if (name == "--first") first = value();
    if (name == "--threads") threads = static_cast<unsigned>(value());
  }
  std::map<std::string, int> outcomes;
  std::mutex mutex;
  int troubles = 0, compared = 0;
  double longest = 0.0;
  run_jobs(count, threads, [&](std::size_t i) {
    const Result result = carry_out(first + i);
    const std::lock_guard lock(mutex);
    ++outcomes[result.outcome.substr(0, result.outcome.find(':')) +
               (result.limit.empty() ? "" : ", limit " + result.limit)];
    troubles += !result.trouble.empty();
    compared += result.compared;
    longest = std::max(longest, result.seconds);
    if (verbose || !result.trouble.empty()) print(result);
    std::fflush(stdout);
  });
  for (const auto& [outcome, number] : outcomes) fmt::print("{:>5}  {}\n", number, outcome);
  fmt::print("{} runs, {} compared with exact steps, the longest took {:.1f} s, {} in trouble\n",
             count, compared, longest, troubles);
  return troubles ? 1 : 0;
}
