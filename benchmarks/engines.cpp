// Steps a second of the engines, and the peak that the processor's vector additions set.
//
// The floor of the coefficient engine. A step computes, for each of 2m neurons, the increment of
// its row of Z as a sum of table rows, one for each chunk of b samples, and the tables as sums of
// rows of G ("four Russians", coefficient_kernel.hpp). Rows hold `stride` doubles, n rounded up to
// 8:
//     row additions   A(b) = ceil(n/b) (2^b + 2m),   minimised over b,
//     flops           stride · (A + 4 · 2m)          (a row of Z: increment, γz, max, sum over
//     neurons) bytes read      8 · stride · A                 (each addition reads one table row)
// Tables of n = 100 fill hundreds of KB: they stream from the second-level cache. The floor of a
// step is the time of its row additions alone at the peak rate measured here (peak_adds_l2),
// everything else for nothing.

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "latetime/base/aligned.hpp"
#include "latetime/data/generators.hpp"
#include "latetime/dynamics/coefficient_engine.hpp"
#include "latetime/dynamics/dense_engine.hpp"
#include "latetime/dynamics/exact_descent.hpp"
#include "latetime/dynamics/frozen_engine.hpp"
#include "peak.hpp"

namespace latetime::bench {
namespace {

struct Case {
  Eigen::Index n, d, width;
  double slope;
  unsigned threads = 1;
  double signal = 0.01;  // the larger, the fewer neurons hop

  std::string label() const {
    const std::string of_signal =
        signal == 0.01 ? "" : "/signal:" + std::to_string(signal).substr(0, 4);
    return "n:" + std::to_string(n) + "/d:" + std::to_string(d) + "/m:" + std::to_string(width) +
           "/slope:" + (slope == 0.0 ? std::string("0") : std::to_string(slope).substr(0, 3)) +
           "/threads:" + std::to_string(threads) + of_signal;
  }
};

// The speed of a step depends on how many activations still change: measure where runs spend their
// time.
constexpr std::uint64_t warm_up_steps = 10'000;
constexpr std::uint64_t dense_warm_up_steps = 500;  // its steps cost the same at any time

Dataset data_of(const Case& c) {
  return gaussian_mixture(c.n, c.d, c.signal, 1.0, 1);
}

Network network_of(const Case& c) {
  return gaussian_network({.groups = 2, .width = c.width, .dim = c.d, .slope = c.slope}, 1e-3, 1);
}

double row_additions(const Case& c) {
  double least = std::numeric_limits<double>::infinity();
  for (int b = 1; b <= 12; ++b) {
    const double chunks = std::ceil(static_cast<double>(c.n) / b);
    least = std::min(least, chunks * (std::exp2(b) + 2.0 * static_cast<double>(c.width)));
  }
  return least;
}

void report(benchmark::State& state, std::uint64_t steps_an_iteration) {
  const auto steps =
      static_cast<double>(state.iterations()) * static_cast<double>(steps_an_iteration);
  state.counters["steps_per_second"] = benchmark::Counter(steps, benchmark::Counter::kIsRate);
}

void register_coefficient(const Case& c, const kernel::Kernels& kernels) {
  constexpr std::uint64_t steps = 50;
  auto engine = std::make_shared<std::unique_ptr<CoefficientEngine>>();
  benchmark::RegisterBenchmark(
      ("coefficient/" + c.label() + "/kernel:" + kernels.name).c_str(),
      [c, engine, &kernels](benchmark::State& state) {
        if (!*engine) {  // once for all the calls in which the library looks for a good length
          *engine = std::make_unique<CoefficientEngine>(Problem{data_of(c), network_of(c), 0.1},
                                                        c.threads, kernels);
          (*engine)->advance(c.width < 1000 ? warm_up_steps : warm_up_steps / 10);
        }
        for (auto _ : state) (*engine)->advance(steps);
        report(state, steps);
        const double stride = static_cast<double>((c.n + 7) / 8 * 8);
        state.counters["floor_flops_per_step"] =
            stride * (row_additions(c) + 8.0 * static_cast<double>(c.width));
        state.counters["floor_bytes_per_step"] = 8.0 * stride * row_additions(c);
      })
      ->UseRealTime();
}

/// The frozen engine, and the coefficient engine beneath it.
struct FrozenPair {
  CoefficientEngine base;
  FrozenEngine frozen;

  FrozenPair(const Case& c, const kernel::FrozenKernel& kernel)
      : base({data_of(c), network_of(c), 0.1}, c.threads), frozen(base, kernel) {}

  /// Both by turns, until a long stretch is proved: nothing switches any more.
  void settle(std::uint64_t stretch) {
    base.advance(warm_up_steps);
    for (int tries = 0; tries < 100 && frozen.advance(stretch) < stretch; ++tries) {
      base.advance(256);
    }
  }
};

void register_frozen(const Case& c, const kernel::FrozenKernel& kernel) {
  constexpr std::uint64_t steps = CoefficientEngine::frozen_fold_period;
  auto engines = std::make_shared<std::unique_ptr<FrozenPair>>();
  benchmark::RegisterBenchmark(("frozen/" + c.label() + "/kernel:" + kernel.name).c_str(),
                               [c, engines, &kernel](benchmark::State& state) {
                                 if (!*engines) {
                                   *engines = std::make_unique<FrozenPair>(c, kernel);
                                   (*engines)->settle(16 * steps);
                                 }
                                 std::uint64_t taken = 0, asked = 0;
                                 for (auto _ : state) {
                                   taken += (*engines)->frozen.advance(steps);
                                   asked += steps;
                                 }
                                 if (taken != asked) state.SkipWithError("an activation changed");
                                 report(state, steps);
                               })
      ->UseRealTime();
}

/// As runs take their steps: blocks of the switching engine where they are worth it, the
/// coefficient engine elsewhere. Whole blocks, or the machine's share of their beginnings would be
/// left out.
void register_switching(const Case& c) {
  constexpr std::uint64_t steps = SwitchingEngine::longest_block;
  auto engine = std::make_shared<std::unique_ptr<ExactDescent>>();
  benchmark::RegisterBenchmark(("switching/" + c.label()).c_str(), [c, engine](
                                                                       benchmark::State& state) {
    if (!*engine) {
      *engine = std::make_unique<ExactDescent>(Problem{data_of(c), network_of(c), 0.1}, c.threads,
                                               false, true);
      (*engine)->advance(10 * steps);
    }
    for (auto _ : state) (*engine)->advance(steps);
    report(state, steps);
  })->UseRealTime();
}

void register_dense(const Case& c) {
  auto engine = std::make_shared<std::unique_ptr<DenseEngine>>();
  benchmark::RegisterBenchmark(("dense/" + c.label()).c_str(), [c,
                                                                engine](benchmark::State& state) {
    if (!*engine) {
      *engine =
          std::make_unique<DenseEngine>(Problem{data_of(c), network_of(c), 0.1}, 0, 1, c.threads);
      (*engine)->advance(dense_warm_up_steps);
    }
    for (auto _ : state) (*engine)->advance(1);
    report(state, 1);
  })->UseRealTime();
}

/// Additions of doubles a second, operands read from an array of that size.
void peak_adds(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0)) / sizeof(double);
  const AlignedVector values(count, 1.0);
  for (auto _ : state) benchmark::DoNotOptimize(sum_widest(values.data(), count));
  state.counters["adds_per_second"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(count),
                         benchmark::Counter::kIsRate);
  state.counters["lanes"] = static_cast<double>(widest_lanes());
}

void register_all() {
  benchmark::RegisterBenchmark("peak_adds_l1", peak_adds)->Arg(16 << 10)->UseRealTime();
  benchmark::RegisterBenchmark("peak_adds_l2", peak_adds)->Arg(320 << 10)->UseRealTime();
  const kernel::Kernels* kernels[8];
  const std::size_t count = kernel::available_kernels(kernels);
  const std::vector<Case> cases{{10, 784, 100, 0.0},      {10, 784, 100, 0.1},
                                {40, 784, 50, 0.0},       {40, 784, 50, 0.5},
                                {100, 784, 100, 0.0},     {100, 784, 100, 0.5},
                                {100, 784, 1000, 0.0, 1}, {100, 784, 1000, 0.0, 2}};
  // With slope 0.1 the two larger cases still switch after hundreds of thousands of steps.
  const std::vector<Case> frozen_cases{
      {10, 784, 100, 0.1}, {40, 784, 50, 0.5}, {100, 784, 100, 0.5}};
  for (const Case& c : cases) {
    for (std::size_t i = 0; i < count; ++i) register_coefficient(c, *kernels[i]);
  }
  const kernel::FrozenKernel* frozen[8];
  const std::size_t frozen_count = kernel::available_frozen_kernels(frozen);
  for (const Case& c : frozen_cases) {
    for (std::size_t i = 0; i < frozen_count; ++i) register_frozen(c, *frozen[i]);
  }
  const Case of_signal[] = {{60, 784, 50, 0.1, 1, 0.1}, {100, 784, 100, 0.1, 1, 0.1}};
  for (const Case& c : of_signal) register_coefficient(c, kernel::best_kernels());
  for (const Case& c : of_signal) register_switching(c);
  for (const Case& c : {Case{40, 784, 50, 0.0}, Case{40, 784, 50, 0.1}, Case{100, 784, 100, 0.0},
                        Case{100, 784, 100, 0.1}}) {
    register_switching(c);
    if (c.slope == 0.1) register_coefficient(c, kernel::best_kernels());
  }
  register_dense({10, 784, 100, 0.0});
}

}  // namespace
}  // namespace latetime::bench

int main(int argc, char** argv) {
  latetime::bench::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("best_kernel", latetime::kernel::best_kernels().name);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
