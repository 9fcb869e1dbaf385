// From the hand-over to t = 10^100 and to t = infinity: time of the late-time flow and of the limit
// solver, and of whole runs from t = 0.
//
//   build/release/benchmarks/bench_late_time [--benchmark_filter=flow]
//
// Every flow starts from exact steps: at t = 10^5, where `latetime run` would leave for it at a
// tolerance of about 1e-6. Counters: events and integration steps on the way, pairs that slide at
// the end.

#include <memory>
#include <string>

#include <benchmark/benchmark.h>

#include "latetime/data/generators.hpp"
#include "latetime/dynamics/descent.hpp"
#include "latetime/dynamics/limit.hpp"

namespace latetime::bench {
namespace {

struct Case {
  Eigen::Index n, d, width;
  double slope;

  std::string label() const {
    return "n:" + std::to_string(n) + "/d:" + std::to_string(d) + "/m:" + std::to_string(width) +
           "/slope:" + (slope == 0.0 ? std::string("0") : std::to_string(slope).substr(0, 3));
  }
};

constexpr double learning_rate = 0.1;
constexpr std::uint64_t hand_over = 100'000;

/// What a case needs, made once for all benchmarks of it.
struct Prepared {
  explicit Prepared(const Case& c)
      : data(gaussian_mixture(c.n, c.d, 0.01, 1.0, 1)),
        initial(gaussian_network({.groups = 2, .width = c.width, .dim = c.d, .slope = c.slope},
                                 1e-3, 1)),
        problem({data, initial, learning_rate}) {
    ExactDescent exact({data, initial, learning_rate}, 1, true);
    exact.advance(hand_over);
    start.log_time = LogTime(hand_over).log();
    start.coefficients = exact.coefficients();
    start.preactivations = exact.preactivations_of(start.coefficients);
  }

  Dataset data;
  Network initial;
  FlowProblem problem;
  FlowStart start;
};

using Shared = std::shared_ptr<std::unique_ptr<Prepared>>;

const Prepared& prepare(const Shared& shared, const Case& c) {
  if (!*shared) *shared = std::make_unique<Prepared>(c);
  return **shared;
}

void register_case(const Case& c) {
  const Shared shared = std::make_shared<std::unique_ptr<Prepared>>();
  const double end = LogTime::parse("1e100", "").log();
  benchmark::RegisterBenchmark(("flow_to_1e100/" + c.label()).c_str(), [=](benchmark::State&
                                                                               state) {
    const Prepared& p = prepare(shared, c);
    for (auto _ : state) {
      LateFlow flow(p.problem, p.start, {});
      if (flow.advance_to(end) != FlowStatus::reached) state.SkipWithError("not reached");
      state.counters["events"] = static_cast<double>(flow.events());
      state.counters["steps"] = static_cast<double>(flow.steps());
      state.counters["sliding"] = static_cast<double>(flow.sliding_pairs());
    }
  })->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark(("limit/" + c.label()).c_str(), [=](benchmark::State& state) {
    const Prepared& p = prepare(shared, c);
    LateFlow flow(p.problem, p.start, {});
    if (flow.advance_to(end) != FlowStatus::reached) state.SkipWithError("not reached");
    for (auto _ : state) {
      const Limit limit = solve_limit(flow);
      state.counters["kkt_residual"] = limit.kkt_residual;
    }
  })->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark(("whole_run_to_1e100/" + c.label()).c_str(), [=](benchmark::State&
                                                                                    state) {
    const Prepared& p = prepare(shared, c);
    for (auto _ : state) {
      Descent descent({p.data, p.initial, learning_rate},
                      {.tolerance = 1e-6, .until = LogTime::parse("1e100", "")});
      const LogTime last[] = {LogTime::parse("1e100", "")};
      const Outcome outcome =
          descent.run(last, {.record = [](const TrainingState&) {}, .needs_weights = false});
      if (outcome.reason != StopReason::reached_end) state.SkipWithError("not reached");
    }
  })->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace latetime::bench

int main(int argc, char** argv) {
  using latetime::bench::register_case;
  register_case({10, 784, 100, 0.1});
  register_case({10, 784, 100, 0.0});
  register_case({40, 2000, 50, 0.5});
  register_case({40, 2000, 50, 0.0});
  register_case({34, 64, 43, 0.5});
  register_case({100, 1000, 100, 0.0});
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
