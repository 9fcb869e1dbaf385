// What a record costs, beside one LAPACK decomposition (dgesdd) of the weights as they are.
//
//   bench_records --benchmark_filter=m:100
//
// record_*   measures of a state, for metrics.csv: on the path of the run
// spectra_*  full spectra of a record, for result.h5: shared among threads when that is written
// dgesdd_*   singular values of the stacked weights alone, neurons × d

#include <string>

#include <benchmark/benchmark.h>

#include "latetime/data/generators.hpp"
#include "latetime/dynamics/coefficient_engine.hpp"
#include "latetime/measure/measures.hpp"

namespace latetime::bench {
namespace {

struct Case {
  Eigen::Index n, d, width;
};

/// A run in mid-course.
struct Course {
  explicit Course(const Case& c)
      : data(gaussian_mixture(c.n, c.d, 0.01, 1.0, 1)),
        initial(
            gaussian_network({.groups = 2, .width = c.width, .dim = c.d, .slope = 0.1}, 1e-3, 1)),
        engine({data, initial, 0.1}, 1),
        measurer(data, initial) {
    constexpr std::uint64_t steps = 2000;
    engine.advance(steps);
  }
  Dataset data;
  Network initial;
  CoefficientEngine engine;
  Measurer measurer;
};

void measure_record(benchmark::State& loop, const Case& c) {
  const Course course(c);
  for (auto _ : loop) {
    const TrainingState state = course.engine.state(false);
    const Matrix inside = course.measurer.inside(state);
    benchmark::DoNotOptimize(course.measurer.measure(state, inside));
  }
}

void compute_spectra(benchmark::State& loop, const Case& c) {
  const Course course(c);
  const Matrix inside = course.measurer.inside(course.engine.state(false));
  for (auto _ : loop) benchmark::DoNotOptimize(course.measurer.spectra(inside));
}

void decompose_weights(benchmark::State& loop, const Case& c) {
  const Course course(c);
  const Matrix weights = course.engine.state().weights;
  for (auto _ : loop) benchmark::DoNotOptimize(singular_values(weights));
}

void register_all() {
  for (const Case& c : {Case{10, 784, 100}, Case{40, 2000, 50}, Case{100, 1000, 100}}) {
    const std::string label =
        "/n:" + std::to_string(c.n) + "/d:" + std::to_string(c.d) + "/m:" + std::to_string(c.width);
    for (const auto& [name, body] : {std::pair{"record", &measure_record},
                                     {"spectra", compute_spectra},
                                     {"dgesdd", decompose_weights}}) {
      benchmark::RegisterBenchmark((name + label).c_str(), body, c)->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace
}  // namespace latetime::bench

int main(int argc, char** argv) {
  latetime::bench::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
