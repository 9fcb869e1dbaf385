// Training on all of MNIST: seconds an epoch of the cases that benchmarks/compare_training sets
// beside PyTorch, what stable ranks cost, and the machine's floor.
//
// A step on B images with z non-zero pixels in all costs 4 · neurons · z flops (a product and an
// addition each for the pre-activations and the update) and moves the weights of the pixels that
// are lit in some image of the batch once each way. The floor of a step is the larger of the flops
// at the peak rate of the loop itself with every operand in the first-level cache, and the bytes at
// the rate at which two threads add to an array of that size.

#include <iostream>
#include <memory>

#include <benchmark/benchmark.h>

#include "latetime/base/error.hpp"
#include "latetime/data/image_set.hpp"
#include "latetime/dynamics/batch_trainer.hpp"
#include "latetime/measure/tiled_rank.hpp"

namespace {

using namespace latetime;

const SparseSamples<float>& images(const std::string& classes) {
  static std::map<std::string, SparseSamples<float>> loaded;
  auto found = loaded.find(classes);
  if (found == loaded.end()) {
    ImageSetOptions options;
    options.classes = classes;
    found = loaded.emplace(classes, sparse_samples<float>(load_image_set(options))).first;
  }
  return found->second;
}

struct Case {
  const char* name;
  const char* classes;
  Head head;
  std::int64_t width;
};

Classifier network(const Case& c, const SparseSamples<float>& samples, double init_std) {
  const ClassifierShape shape{
      .head = c.head,
      .classes = samples.class_count,
      .width = c.width,
      .dim = static_cast<Eigen::Index>(samples.features),
      .output_scale = c.head == Head::trained ? 1.0 : 1.0 / static_cast<double>(c.width)};
  return random_classifier(shape, init_std, 1);
}

void train(benchmark::State& state, const Case& c, unsigned threads) {
  constexpr std::uint64_t steps = 100;
  const SparseSamples<float>& samples = images(c.classes);
  const Classifier initial = network(c, samples, 1e-5);
  BatchTrainer<float> trainer(samples, initial, {.threads = threads});
  trainer.advance(20);
  for (auto _ : state) trainer.advance(steps);
  const double per_image =
      static_cast<double>(samples.entries.size()) / static_cast<double>(samples.size());
  const auto per_epoch = static_cast<double>(trainer.steps_per_epoch());
  state.counters["epochs_per_second"] = benchmark::Counter(
      static_cast<double>(state.iterations() * steps) / per_epoch, benchmark::Counter::kIsRate);
  state.counters["flops_per_epoch"] = 4.0 * static_cast<double>(initial.shape.neurons()) *
                                      per_image * static_cast<double>(samples.size());
  state.counters["bytes_per_epoch"] =
      2.0 * sizeof(float) * static_cast<double>(initial.weights.size()) * per_epoch;
  state.SetLabel(trainer.kernels().name);
}

/// The inner loop with every operand in the first-level cache.
void peak(benchmark::State& state) {
  constexpr std::size_t rows = 16, entries = 64;
  AlignedArray<float> target(rows * tile::width, 0.0f), source(32 * tile::width, 1e-3f);
  std::vector<SparseEntry<float>> list;
  std::vector<std::uint32_t> starts;
  for (std::uint32_t r = 0; r <= rows; ++r) starts.push_back(r * entries);
  for (std::uint32_t e = 0; e < rows * entries; ++e) list.push_back({0.5f, e % 32});
  const auto& kernels = tile::best_kernels<float>();
  for (auto _ : state) {
    kernels.accumulate({.target = target.data(),
                        .source = source.data(),
                        .begins = starts.data(),
                        .ends = starts.data() + 1,
                        .entries = list.data(),
                        .rows = rows,
                        .lanes = tile::width,
                        .overwrite = true});
    benchmark::ClobberMemory();
  }
  state.counters["flops_per_second"] = benchmark::Counter(
      2.0 * rows * entries * tile::width * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}

/// Adding to an array of the size of the weights: bytes each way counted.
void stream(benchmark::State& state, std::size_t count, unsigned threads) {
  AlignedArray<float> array(count, 1.0f);
  ThreadTeam team(threads);
  constexpr std::size_t block = 100352;  // a tile of weights
  for (auto _ : state) {
    team.for_each_block(count / block, [&](std::size_t b) {
      float* values = array.data() + b * block;
      for (std::size_t i = 0; i < block; ++i) values[i] += 1.0f;
    });
  }
  state.counters["bytes_per_second"] =
      benchmark::Counter(2.0 * sizeof(float) * static_cast<double>(count / block * block) *
                             static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}

/// Stable ranks of all groups and of the stacked weights after some steps.
void ranks(benchmark::State& state, const Case& c, double init_std, std::uint64_t steps) {
  const SparseSamples<float>& samples = images(c.classes);
  BatchTrainer<float> trainer(samples, network(c, samples, init_std), {.threads = 2});
  trainer.advance(steps);
  GroupRanks result;
  for (auto _ : state) {
    result = stable_ranks(trainer.weights(), trainer.team(), trainer.kernels());
  }
  state.counters["stable_rank"] = result.stacked.value;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  try {
    images("all");
  } catch (const InputError& error) {
    std::cerr << "bench_training: " << error.what() << "\n";
    return 2;
  }
  static const Case cases[] = {{"groups/m:1000", "all", Head::groups, 1000},
                               {"two-class/m:1000", "even-odd", Head::groups, 1000},
                               {"trained/m:1000", "all", Head::trained, 1000},
                               {"trained/m:10", "all", Head::trained, 10}};
  for (const Case& c : cases) {
    for (const unsigned threads : {1u, 2u}) {
      benchmark::RegisterBenchmark(
          ("train/" + std::string(c.name) + "/threads:" + std::to_string(threads)).c_str(),
          [&c, threads](benchmark::State& state) { train(state, c, threads); })
          ->UseRealTime();
    }
  }
  for (const auto& [init_std, steps] : {std::pair{1e-5, 0}, {1e-5, 10}, {1e-5, 200}, {1e-3, 200}}) {
    for (const Case& c : {cases[0], cases[2]}) {
      benchmark::RegisterBenchmark(
          ("ranks/" + std::string(c.name) + "/std:" + std::to_string(init_std) +
           "/steps:" + std::to_string(steps))
              .c_str(),
          [c, init_std = init_std, steps = steps](benchmark::State& state) {
            ranks(state, c, init_std, static_cast<std::uint64_t>(steps));
          })
          ->UseRealTime();
    }
  }
  benchmark::RegisterBenchmark("peak", peak);
  for (const std::size_t neurons : {10240, 1024}) {
    benchmark::RegisterBenchmark(
        ("stream/neurons:" + std::to_string(neurons)).c_str(),
        [neurons](benchmark::State& state) { stream(state, neurons * 784, 2); })
        ->UseRealTime();
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
