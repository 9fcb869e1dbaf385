#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "latetime/base/random.hpp"
#include "latetime/data/generators.hpp"
#include "latetime/dynamics/coefficient_engine.hpp"
#include "latetime/dynamics/dense_engine.hpp"
#include "latetime/model/loss.hpp"
#include "latetime/model/network.hpp"

/// The library of problems that every engine must pass, and what the tests share about them.
namespace latetime::testing_support {

struct TestProblem {
  std::string name;
  Dataset data;
  Network initial;
  double learning_rate = 0.1;
  Loss loss = logistic;

  operator Problem() const { return {data, initial, learning_rate, loss}; }
};

inline void PrintTo(const TestProblem& problem, std::ostream* out) {
  *out << problem.name;
}

inline TestProblem problem_on(std::string name, Dataset data, Eigen::Index width, double slope,
                              double init_std, double learning_rate = 0.1) {
  const NetworkShape shape{
      .groups = data.class_count, .width = width, .dim = data.dim(), .slope = slope};
  return {std::move(name), std::move(data), gaussian_network(shape, init_std, 1), learning_rate};
}

inline Dataset with_class_count(Dataset data, int count) {
  data.class_count = count;
  RandomStream stream(2, RandomPurpose::test);
  for (int& c : data.classes) c = static_cast<int>(stream.below(static_cast<std::uint64_t>(count)));
  return data;
}

/// Samples 2i and 2i+1 are equal and carry opposite labels: the loss stays above log 2.
inline Dataset contradicting_duplicates() {
  Dataset data = gaussian_mixture(12, 30, 0.01, 1.0, 3);
  for (Eigen::Index i = 0; i < data.size(); i += 2) {
    data.x.edit().row(i + 1) = data.x.row(i);
    data.classes[static_cast<std::size_t>(i)] = 0;
    data.classes[static_cast<std::size_t>(i) + 1] = 1;
  }
  return data;
}

inline Dataset one_class() {
  Dataset data = gaussian_mixture(9, 40, 0.01, 1.0, 4);
  std::fill(data.classes.begin(), data.classes.end(), 1);
  return data;
}

/// A step that ends on z = 0 to the bit: f = ⅛ − ⅛ = 0, so g = ½ and the other-class neuron moves
/// from ⅛ by −η/2 = −⅛. It must count as active there, σ'(0) = 1, and go on down in the next step.
inline TestProblem landing_on_zero() {
  TestProblem problem{.name = "landing_on_zero",
                      .data = orthogonal_data(1, 1, 1.0),
                      .initial = {{.groups = 2, .width = 1, .dim = 1, .slope = 0.0}, Matrix(2, 1)},
                      .learning_rate = 0.25};
  problem.initial.weights.setConstant(0.125);
  return problem;
}

inline std::vector<TestProblem> make_problems() {
  std::vector<TestProblem> problems;
  for (const double slope : {0.0, 0.1, 0.5, 1.0}) {
    problems.push_back(problem_on("mixture_slope_" + std::to_string(static_cast<int>(10 * slope)),
                                  gaussian_mixture(10, 784, 0.01, 1.0, 1), 20, slope, 1e-3));
  }
  problems.push_back(problem_on("orthogonal", orthogonal_data(8, 16, 2.0), 25, 0.0, 1e-2));
  problems.push_back(
      problem_on("near_orthogonal", near_orthogonal_data(9, 20, 3.0, 0.5, 1), 15, 0.1, 1e-2));
  problems.push_back(problem_on("more_samples_than_dimensions",
                                gaussian_mixture(30, 5, 0.5, 1.0, 2), 12, 0.0, 0.1));
  problems.push_back(problem_on("one_sample", gaussian_mixture(1, 7, 0.01, 1.0, 1), 5, 0.0, 1e-2));
  problems.push_back(problem_on("one_neuron", gaussian_mixture(6, 20, 0.01, 1.0, 1), 1, 0.0, 1e-2));
  problems.push_back(problem_on("one_class", one_class(), 8, 0.0, 1e-2));
  problems.push_back(
      problem_on("contradicting_duplicates", contradicting_duplicates(), 10, 0.1, 0.1));
  problems.push_back(problem_on("n_65", gaussian_mixture(65, 100, 0.05, 1.0, 1), 17, 0.0, 1e-2));
  problems.push_back(
      problem_on("n_70_leaky", gaussian_mixture(70, 90, 0.05, 1.0, 1), 40, 0.1, 1e-2));
  problems.push_back(problem_on("n_130", gaussian_mixture(130, 150, 0.05, 1.0, 1), 33, 0.0, 1e-2));
  problems.push_back(
      problem_on("large_initial_weights", gaussian_mixture(10, 50, 0.01, 1.0, 5), 20, 0.0, 10.0));
  // Every z starts at exactly 0, where σ'(0) = 1 decides.
  problems.push_back(
      problem_on("zero_initial_weights", gaussian_mixture(12, 40, 0.05, 1.0, 7), 9, 0.1, 0.0));
  problems.push_back(landing_on_zero());
  problems.push_back(problem_on(
      "three_classes", with_class_count(gaussian_mixture(20, 60, 0.01, 1.0, 6), 3), 14, 0.0, 1e-2));
  problems.push_back(problem_on("three_classes_leaky_n_66",
                                with_class_count(gaussian_mixture(66, 80, 0.01, 1.0, 6), 3), 14,
                                0.1, 1e-2));
  return problems;
}

inline const std::vector<TestProblem>& problems() {
  static const std::vector<TestProblem> all = make_problems();
  return all;
}

// ---- engines --------------------------------------------------------------------------------

/// Any engine, as the conformance suite drives it.
struct Engine {
  std::function<void(std::uint64_t)> advance;
  std::function<TrainingState()> state;
  std::function<EngineMemory()> memory;
  std::function<void(const EngineMemory&)> restore;
  std::function<void()> clear_switched;
};

template <class E>
Engine wrap(std::shared_ptr<E> engine) {
  return {.advance = [engine](std::uint64_t steps) { engine->advance(steps); },
          .state = [engine] { return engine->state(); },
          .memory = [engine] { return engine->memory(); },
          .restore = [engine](const EngineMemory& memory) { engine->restore(memory); },
          .clear_switched = [engine] { engine->clear_switched(); }};
}

inline Engine dense(const TestProblem& p, unsigned threads = 1, std::size_t batch_size = 0,
                    std::uint64_t seed = 1) {
  return wrap(std::make_shared<DenseEngine>(p, batch_size, seed, threads));
}

inline Engine coefficient(const TestProblem& p, unsigned threads = 1,
                          const kernel::Kernels& kernels = kernel::best_kernels()) {
  return wrap(std::make_shared<CoefficientEngine>(p, threads, kernels));
}

inline std::vector<const kernel::Kernels*> all_kernels() {
  const kernel::Kernels* list[8];
  const std::size_t count = kernel::available_kernels(list);
  return {list, list + count};
}

// ---- comparing states -----------------------------------------------------------------------

inline bool same_bits(const Matrix& a, const Matrix& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         (a.size() == 0 || std::memcmp(a.data(), b.data(), sizeof(double) * a.size()) == 0);
}

inline bool same_counts(const SwitchCounts& a, const SwitchCounts& b) {
  return a.counted == b.counted && a.own == b.own && a.other == b.other &&
         a.last_own_step == b.last_own_step && a.last_other_step == b.last_other_step;
}

/// Every bit of two states is the same.
inline bool same_bits(const TrainingState& a, const TrainingState& b) {
  return a.time == b.time && same_bits(a.weights, b.weights) &&
         same_bits(a.preactivations, b.preactivations) &&
         same_bits(a.coefficients, b.coefficients) && same_counts(a.switches, b.switches) &&
         a.switched_since_record.words == b.switched_since_record.words;
}

inline double largest(const Matrix& a) {
  return a.size() == 0 ? 0.0 : a.cwiseAbs().maxCoeff();
}

/// Size of what is summed up in a pre-activation: max ‖w_k‖ · max ‖x_i‖ ≥ |z| (Cauchy–Schwarz).
inline double preactivation_scale(const TrainingState& state, const Dataset& data) {
  return state.weights.rowwise().norm().maxCoeff() * data.x.rowwise().norm().maxCoeff();
}

/// Two exact ways through the same descent differ by rounding: each of T steps rounds W (or Z)
/// once, at most T·u with u = 1.1e-16, and the descent map does not blow errors up (on one
/// activation cell it is nonexpansive). 1e-12 of the scale holds that for T ≤ 10^4.
constexpr double run_rounding = 1e-12;

inline double log_loss(const TrainingState& state, const TestProblem& p) {
  return log_mean_loss(group_outputs(state.preactivations, p.initial.shape), p.data.classes,
                       p.loss);
}

/// The problems of two classes, and odd ones beside: learning rates at both ends, of which `huge`
/// is the large one, duplicates, a zero sample, and a single one.
inline std::vector<TestProblem> two_class_problems(double huge) {
  std::vector<TestProblem> result;
  for (const TestProblem& p : problems()) {
    if (p.initial.shape.groups == 2) result.push_back(p);
  }
  const Dataset data = gaussian_mixture(10, 60, 0.01, 1.0, 8);
  result.push_back(problem_on("huge_learning_rate", data, 12, 0.0, 1e-2, huge));
  result.push_back(problem_on("huge_learning_rate_leaky", data, 12, 0.3, 1e-2, huge));
  result.push_back(problem_on("vanishing_learning_rate", data, 12, 0.1, 1e-2, 1e-305));
  Dataset duplicates = data;
  for (Eigen::Index i = 1; i < 5; ++i) {
    duplicates.x.edit().row(i) = duplicates.x.row(0);
    duplicates.classes[static_cast<std::size_t>(i)] = duplicates.classes[0];
  }
  result.push_back(problem_on("duplicates", duplicates, 12, 0.0, 1e-2));
  Dataset with_zero = data;
  with_zero.x.edit().row(3).setZero();
  result.push_back(problem_on("zero_sample", with_zero, 12, 0.5, 1e-2));
  result.push_back(
      problem_on("one_sample_one_neuron", gaussian_mixture(1, 7, 0.01, 1.0, 1), 1, 0.0, 1e-2));
  return result;
}

}  // namespace latetime::testing_support
