// How far is the late-time flow from real gradient steps, and does its error estimate say so?
//
//   build/release/examples/late_time_agreement [--seeds 10] [--until 1e7] [--tolerance 1e-6]
//                                              [--threads 2] [--only TEXT] [--most-samples N]
//                                              [--loss logistic|exponential]
//
// Every case runs twice from the same start: once as `latetime run` does, once by exact steps (the
// coefficient and frozen engines). From the hand-over on, records at 4 a decade are compared.
// Prints a row a case: hand-over steps, sliding pairs, largest differences of log loss and stable
// ranks over all seeds and records, and the largest ratio of a difference to its error estimate.
// Exit code 1 when a difference exceeds its error estimate or the tolerance or, in a flow in which
// no activation changes, 1e-10.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/parallel.hpp"
#include "latetime/data/generators.hpp"
#include "latetime/dynamics/descent.hpp"
#include "latetime/dynamics/schedule.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/measure/measures.hpp"

namespace {

using namespace latetime;

struct Case {
  std::string name;
  Eigen::Index n, d, width;
  double slope;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list{
      {"leaky", 10, 784, 100, 0.1}, {"leaky", 10, 784, 20, 0.5}, {"leaky", 20, 60, 20, 0.1},
      {"leaky", 40, 2000, 50, 0.5}, {"relu", 10, 784, 20, 0.0},  {"relu", 10, 784, 100, 0.0},
      {"relu", 20, 60, 20, 0.0},    {"relu", 30, 30, 20, 0.0},   {"relu", 40, 2000, 50, 0.0},
      {"relu", 100, 2000, 50, 0.0},
  };
  return list;
}

struct Arguments {
  std::uint64_t seeds = 10;
  LogTime until = 10'000'000;
  double tolerance = 1e-6;
  unsigned threads = 2;
  std::string only;
  Eigen::Index most_samples = std::numeric_limits<Eigen::Index>::max();
  LossName loss = LossName::logistic;
};

struct Sample {
  LogTime time;
  EngineKind engine = EngineKind::coefficient;
  double log_loss = 0.0;
  std::array<double, 3> stable_ranks{};
  double error_estimate = 0.0;
  Eigen::Index sliding_pairs = 0;
  std::uint64_t undecided = 0;
};

struct Followed {
  std::vector<Sample> samples;
  Outcome outcome;
  bool quiet = false;  // by a flow in which no activation changed
};

Followed follow(const Case& c, std::uint64_t seed, const Arguments& arguments,
                EngineChoice engine) {
  const Dataset data = gaussian_mixture(c.n, c.d, 0.01, 1.0, seed);
  const Network initial =
      gaussian_network({.groups = 2, .width = c.width, .dim = c.d, .slope = c.slope}, 1e-3, seed);
  const Loss& loss = loss_named(arguments.loss);
  const Measurer measurer(data, initial, loss);
  DescentOptions options{.engine = engine, .tolerance = arguments.tolerance};
  // The automatic choice hands over only where exact steps are not affordable: go on past the end.
  options.until = engine == EngineChoice::automatic ? LogTime::parse("1e100", "") : arguments.until;
  options.discrepancy = largest_difference(measurer, data);
  Descent descent({.data = data, .initial = initial, .loss = loss}, options);
  Followed followed;
  const auto record = [&](const TrainingState& state) {
    const Measures m = measurer.measure(state);
    Sample s{.time = state.time,
             .engine = descent.engine(),
             .log_loss = m.log_loss,
             .error_estimate = state.error_estimate,
             .sliding_pairs = state.sliding_pairs,
             .undecided = state.undecided_events};
    for (std::size_t p = 0; p < 3; ++p) s.stable_ranks[p] = m.stable_ranks[p].value;
    followed.samples.push_back(s);
  };
  followed.outcome = descent.run(record_steps(arguments.until, 4, {}),
                                 {.record = record, .pulse = {}, .needs_weights = false});
  if (const LateFlow* flow = descent.flow()) {
    followed.quiet = flow->events() == 0 && flow->sliding_pairs() == 0;
  }
  return followed;
}

struct Row {
  double first_flow = 1e300, last_flow = 0.0;  // steps of the first record by flow
  Eigen::Index least_sliding = 1 << 30, most_sliding = 0;
  double loss = 0.0, rank = 0.0, ratio = 0.0, estimate = 0.0;
  double quiet = 0.0;  // largest difference of flows in which no activation changed
  int undecided = 0, compared = 0;
  std::string failure;
};

void compare(const Case& c, std::uint64_t seed, const Arguments& arguments, Row& row,
             std::mutex& mutex) {
  const Followed flow = follow(c, seed, arguments, EngineChoice::automatic);
  const std::vector<Sample> exact = follow(c, seed, arguments, EngineChoice::frozen).samples;
  const std::lock_guard lock(mutex);
  if (flow.outcome.reason != StopReason::reached_end) {
    row.failure = fmt::format("seed {}: {}", seed, flow.outcome.message);
  }
  bool seen = false;
  double worst = 0.0;
  for (std::size_t r = 0; r < std::min(flow.samples.size(), exact.size()); ++r) {
    if (flow.samples[r].engine != EngineKind::flow) continue;
    const auto step = static_cast<double>(*flow.samples[r].time.step());
    if (!seen) {
      row.first_flow = std::min(row.first_flow, step);
      row.last_flow = std::max(row.last_flow, step);
      seen = true;
    }
    row.least_sliding = std::min(row.least_sliding, flow.samples[r].sliding_pairs);
    row.most_sliding = std::max(row.most_sliding, flow.samples[r].sliding_pairs);
    const double loss = std::abs(flow.samples[r].log_loss - exact[r].log_loss);
    double rank = 0.0;
    for (std::size_t p = 0; p < 3; ++p) {
      rank = std::max(rank, std::abs(flow.samples[r].stable_ranks[p] - exact[r].stable_ranks[p]));
    }
    worst = std::max({worst, loss, rank});
    row.loss = std::max(row.loss, loss);
    row.rank = std::max(row.rank, rank);
    row.estimate = std::max(row.estimate, flow.samples[r].error_estimate);
    row.ratio = std::max(row.ratio, std::max(loss, rank) / flow.samples[r].error_estimate);
  }
  if (seen) ++row.compared;
  if (flow.quiet) row.quiet = std::max(row.quiet, worst);
  if (seen && flow.samples.back().undecided > 0) ++row.undecided;
}

Arguments read_arguments(int argc, char** argv) {
  Arguments arguments;
  const std::vector<std::string> known{"--seeds", "--until",        "--tolerance", "--threads",
                                       "--only",  "--most-samples", "--loss"};
  for (int i = 1; i < argc; i += 2) {
    if (std::find(known.begin(), known.end(), argv[i]) == known.end() || i + 1 == argc) {
      throw InputError(argv[i], "is no option with a value; see the head of the source");
    }
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--seeds") arguments.seeds = std::strtoull(value.c_str(), nullptr, 10);
    if (name == "--until") arguments.until = LogTime::parse(value, "--until");
    if (name == "--tolerance") arguments.tolerance = std::strtod(value.c_str(), nullptr);
    if (name == "--threads") {
      arguments.threads = static_cast<unsigned>(std::strtoul(value.c_str(), nullptr, 10));
    }
    if (name == "--only") arguments.only = value;
    if (name == "--loss") arguments.loss = choice_named<LossName>("--loss", value);
    if (name == "--most-samples") arguments.most_samples = std::atol(value.c_str());
  }
  return arguments;
}

}  // namespace

int main(int argc, char** argv) try {
  const Arguments arguments = read_arguments(argc, argv);
  fmt::print("late-time flow against exact steps to t = {}, tolerance {:g}, {} seeds a case\n",
             to_string(arguments.until), arguments.tolerance, arguments.seeds);
  bool good = true;
  fmt::print("{:<26}{:>19}{:>12}{:>10}{:>10}{:>11}{:>8}{:>11}\n", "case", "hand-over before t",
             "sliding", "log loss", "ranks", "estimate", "ratio", "undecided");
  for (const Case& c : cases()) {
    const std::string name =
        fmt::format("{} n{} d{} m{} g{:g}", c.name, c.n, c.d, c.width, c.slope);
    if (c.n > arguments.most_samples || name.find(arguments.only) == std::string::npos) continue;
    Row row;
    std::mutex mutex;
    run_jobs(arguments.seeds, arguments.threads,
             [&](std::size_t i) { compare(c, i + 1, arguments, row, mutex); });
    fmt::print("{:<26}{:>19}{:>12}{:>10.1e}{:>10.1e}{:>11.1e}{:>8.2g}{:>8}/{}  {}\n", name,
               fmt::format("{:.2g}..{:.2g}", row.first_flow, row.last_flow),
               fmt::format("{}..{}", row.least_sliding, row.most_sliding), row.loss, row.rank,
               row.estimate, row.ratio, row.undecided, row.compared, row.failure);
    std::fflush(stdout);
    good = good && row.failure.empty() && row.compared > 0 && row.ratio <= 1.0 &&
           row.quiet <= 1e-10 && std::max(row.loss, row.rank) <= arguments.tolerance;
  }
  return good ? 0 : 1;
} catch (const InputError& error) {
  fmt::print(stderr, "late_time_agreement: {}\n", error.what());
  return 2;
}
