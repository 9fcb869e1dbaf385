#include "latetime/experiment/memory_needs.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/dense_size.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/measure/population_error.hpp"

namespace latetime {
namespace {

constexpr double bytes = sizeof(double);

/// The weights and samples a few times over, the Gram matrix (which the dense engine, taken for
/// n > 2d, does without), and what belongs to (neuron, sample) pairs.
double needs_of_run(double n, double d, double neurons) {
  const double gram = n <= 2 * d ? n * n : 0.0;
  return bytes * (3 * n * d + 4 * neurons * d + gram + 10 * neurons * n);
}

/// The tangent kernel of the n(K−1) margins of K > 2 classes, where a run may come to the late-time
/// flow: it and that beside an event, or two of the limit's problem, scaled for its QP and
/// factored.
double needs_of_rivals(const RunConfig& config, double n, double d, double classes) {
  constexpr double kernels = 5;
  if (classes <= 2) return 0.0;
  const auto samples = static_cast<Eigen::Index>(n);
  const EnginePlan plan = plan_engines(
      descent_options(config, samples, 1), samples,
      shape_of(config.network, static_cast<Eigen::Index>(d), static_cast<int>(classes)));
  if (!plan.hand_over && config.descent.method != Method::flow) return 0.0;
  const double margins = n * (classes - 1);
  return bytes * (kernels * margins * margins + n * margins + n * n);
}

/// Test samples with their products, and draws of a Gaussian mixture (PopulationMeter).
double needs_of_errors(const RunConfig& config, double n, double d, double neurons) {
  const DataConfig& data = config.data;
  if (!data.measures_errors()) return 0.0;
  const double tests = bytes * static_cast<double>(data.test_n) * (2 * d + 2 * neurons + n);
  if (data.source != DataSource::gaussian_mixture) return tests;
  return tests + PopulationMeter::bytes(static_cast<double>(data.population_draws), neurons, n);
}

/// The samples, the weights in the precision of the training and twice in float64 (the last record,
/// and the next), and the preactivations of a batch.
double needs_of_training(const RunConfig& config, double n, double d, double neurons) {
  const double real =
      config.descent.precision == Precision::float64 ? sizeof(double) : sizeof(float);
  const bool batches = config.descent.method == Method::stochastic;
  const double batch = batches ? std::min(n, static_cast<double>(config.descent.batch_size)) : n;
  return bytes * n * d + (real + 2 * bytes) * neurons * d + real * neurons * batch;
}

[[noreturn]] void refuse(const RunConfig& config, double n, double d, bool by_width, double needed,
                         const std::string& mend) {
  throw InputError(
      by_width ? "network.width" : "data.n, data.d, network.width",
      fmt::format("n = {}, d = {}, m = {} need about {:.3g} GB of memory, this "
                  "machine has {:.3g} GB; {}",
                  n, d, config.network.width, needed / 1e9, physical_memory() / 1e9, mend));
}

}  // namespace

void require_memory(const RunConfig& config, double n, double d, double classes) {
  const double neurons = classes * static_cast<double>(config.network.width),
               rivals = needs_of_rivals(config, n, d, classes), available = physical_memory(),
               run = needs_of_run(n, d, neurons) + rivals,
               needed = run + needs_of_errors(config, n, d, neurons);
  if (needed <= available) return;
  if (run <= available) {
    throw InputError(
        "data.test_n, data.population_draws",
        fmt::format("{} and {} need about {:.3g} GB of memory, this machine has {:.3g} "
                    "GB; choose smaller ones",
                    config.data.test_n, config.data.population_draws, needed / 1e9,
                    available / 1e9));
  }
  const bool by_width = needs_of_run(n, d, std::max(2.0, classes)) + rivals <= available;
  const std::string smaller = by_width ? "choose a smaller one" : "choose smaller ones";
  const bool trainable = needs_of_training(config, n, d, neurons) <= available;
  refuse(config, n, d, by_width, needed, trainable ? smaller + ", or use latetime train" : smaller);
}

void require_memory_of_training(const RunConfig& config, double n, double d, double neurons) {
  const double available = physical_memory(), needed = needs_of_training(config, n, d, neurons);
  if (needed <= available) return;
  const bool by_width = needs_of_training(config, n, d, 2.0) <= available;
  refuse(config, n, d, by_width, needed, by_width ? "choose a smaller one" : "choose smaller ones");
}

}  // namespace latetime
