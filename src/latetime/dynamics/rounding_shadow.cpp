#include "latetime/dynamics/rounding_shadow.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "latetime/base/random.hpp"
#include "latetime/data/gram.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

// A factor 1 + k 2⁻⁴⁶ with a whole |k| ≤ 4: products with small whole numbers are exact, so that
// what cancels exactly goes on to.
constexpr double perturbation_unit = 0x1p-46;
constexpr std::uint64_t most_units = 4;

// The shadows sample what rounding does; the run may be off by more than either.
constexpr double safety = 16.0;

// Pre-activations that are off by this part of the largest will not come together again.
constexpr double lost_from = 1e-4;

// Beyond so many samples λ_max(G) is bounded from row norms alone.
constexpr Eigen::Index most_samples_for_gram = 2000;

/// An upper bound of λ_max(G).
double largest_eigenvalue_bound(const Samples& x) {
  const double trace = x.squaredNorm();
  if (x.rows() > most_samples_for_gram) return trace;
  const Matrix gram = gram_matrix(x);
  return std::min({trace, gram.norm(), gram.cwiseAbs().rowwise().sum().maxCoeff()});
}

/// Rows times 1 + δ, a δ ≠ 0 a row.
Matrix with_rows_scaled(const Eigen::Ref<const Matrix>& rows, RandomStream& stream) {
  Matrix scaled = rows;
  for (Eigen::Index i = 0; i < scaled.rows(); ++i) {
    const double units = 1.0 + static_cast<double>(stream.below(most_units));
    const double sign = stream.below(2) == 0 ? 1.0 : -1.0;
    scaled.row(i) *= 1.0 + sign * units * perturbation_unit;
  }
  return scaled;
}

/// A matrix of the shadow's samples, neurons × n, in the run's order.
Matrix in_order(const Matrix& columns, const std::vector<Eigen::Index>& order) {
  Matrix result(columns.rows(), columns.cols());
  result(Eigen::all, order) = columns;
  return result;
}

TrainingState state_of(const Shadow& shadow) {
  TrainingState state = std::visit([](const auto& e) { return e.state(false); }, *shadow.engine);
  state.coefficients = in_order(state.coefficients, shadow.order) * (shadow.scale * shadow.scale);
  state.preactivations = in_order(state.preactivations, shadow.order);
  return state;
}

std::string array_name(std::size_t shadow, const std::string& array) {
  return "shadow" + std::to_string(shadow) + "_" + array;
}

// Rounding errors of t additions, in units of ε √t times their size; and what is too little to
// speak of in a stable rank.
constexpr double rounding_of_sums = 8.0;
constexpr double ranks_are_good_to = 5e-10;

}  // namespace

Vector neuron_terms(const TrainingState& state, const Vector& sample_norms,
                    const Vector& initial_norms) {
  Vector terms = initial_norms;
  for (Eigen::Index k = 0; k < terms.size(); ++k) {
    terms[k] += state.coefficients.row(k).cwiseAbs().dot(sample_norms);
  }
  return terms;
}

double rounding_of_ranks(const TrainingState& state, const NetworkShape& shape,
                         const Vector& sample_norms, const Vector& initial_norms) {
  const auto step = static_cast<double>(state.time.step().value_or(0));
  const Vector of_neurons = neuron_terms(state, sample_norms, initial_norms);
  double worst = 0.0;
  for (int group = 0; group < shape.groups; ++group) {
    double terms = 0.0, left = 0.0;
    for (Eigen::Index k = group * shape.width; k < (group + 1) * shape.width; ++k) {
      terms += std::pow(of_neurons[k], 2);
      double longest = 0.0;
      for (Eigen::Index i = 0; i < sample_norms.size(); ++i) {
        if (sample_norms[i] == 0.0) continue;
        longest = std::max(longest, std::abs(state.preactivations(k, i)) / sample_norms[i]);
      }
      left += longest * longest;
    }
    if (left > 0.0) worst = std::max(worst, terms / left);
  }
  const double error = rounding_of_sums * std::numeric_limits<double>::epsilon() *
                       (1.0 + std::sqrt(step)) * std::sqrt(worst);
  return error > ranks_are_good_to ? error : 0.0;
}

namespace {

/// η times an upper bound of λ_max(G), and b m.
struct StepSize {
  double moved, allowed;
};
StepSize step_size(const Problem& problem, std::size_t batch_size) {
  const Samples& x = problem.data.x;
  const double n = static_cast<double>(problem.samples());
  const double m = static_cast<double>(problem.shape().width);
  const double batch = batch_size == 0 ? n : std::min(n, static_cast<double>(batch_size));
  const double in_batch =
      std::min(largest_eigenvalue_bound(x), batch * x.rowwise().squaredNorm().maxCoeff());
  return {problem.learning_rate * in_batch, batch * m};
}

}  // namespace

bool steps_contract(const Problem& problem, std::size_t batch_size) {
  if (problem.shape().smoothing > 0.0) return false;
  const auto [moved, allowed] = step_size(problem, batch_size);
  if (problem.loss == logistic) return moved <= 4.0 * allowed;
  if (problem.loss != exponential) return false;
  const Matrix z = preactivations(problem.initial.weights, problem.data.x);
  const Rivals rivals(problem.data.classes, problem.shape().groups);
  const Vector u = rivals.margins(group_outputs(z, problem.shape()));
  return 2.0 * moved * rivals.largest_pull(u, problem.loss) <= allowed;
}

double contracting_multiplier(const Problem& problem, std::size_t batch_size) {
  const auto [moved, allowed] = step_size(problem, batch_size);
  return allowed / moved;
}

Problem nearby_start(const Problem& problem, std::size_t shadow) {
  RandomStream stream(0, RandomPurpose::rounding, shadow);
  Problem start = problem;
  start.data.x = with_rows_scaled(problem.data.x, stream);
  start.initial.weights = with_rows_scaled(problem.initial.weights, stream);
  return start;
}

std::vector<Eigen::Index> shadow_order(Eigen::Index n, std::size_t shadow) {
  std::vector<Eigen::Index> order;
  if (shadow == 0) {
    for (Eigen::Index i = n; i-- > 0;) order.push_back(i);
  } else {
    for (Eigen::Index first : {1, 0}) {
      for (Eigen::Index i = first; i < n; i += 2) order.push_back(i);
    }
  }
  return order;
}

Dataset reordered(const Dataset& data, const std::vector<Eigen::Index>& order) {
  Dataset result = data;
  result.x = Samples(Matrix(data.x(order, Eigen::all)));
  for (std::size_t j = 0; j < order.size(); ++j) {
    result.classes[j] = data.classes[static_cast<std::size_t>(order[j])];
  }
  return result;
}

RoundingShadow::RoundingShadow(const std::vector<int>& classes, const NetworkShape& shape,
                               const MakeShadow& make_shadow, HandOver::Discrepancy discrepancy)
    : rivals_(classes, shape.groups), shape_(shape), discrepancy_(std::move(discrepancy)) {
  for (std::size_t s = 0; s < shadows_.size(); ++s) shadows_[s] = make_shadow(s);
}

void RoundingShadow::catch_up(std::uint64_t steps) {
  for (auto& shadow : shadows_) {
    std::visit([&](auto& engine) { engine.advance(steps); }, *shadow.engine);
  }
}

void RoundingShadow::advance(std::uint64_t steps, const ExactEngine& run) {
  if (lost_) return;
  catch_up(steps);
  const auto step = std::visit([](const auto& engine) { return engine.step(); }, run);
  if (step % period != 0) return;
  // Pre-activations, since coefficients of samples that cancel mean nothing.
  const Matrix here = std::visit([](const auto& e) { return e.state(false); }, run).preactivations;
  const double allowed = lost_from * here.cwiseAbs().maxCoeff();
  for (const Shadow& shadow : shadows_) {
    // Not ≤, so that values that are not finite count as lost.
    if (!((state_of(shadow).preactivations - here).cwiseAbs().maxCoeff() <= allowed)) lost_ = true;
  }
}

void RoundingShadow::take_signs(const std::vector<UndecidedSign>& signs) {
  if (lost_) return;
  for (const Shadow& shadow : shadows_) {
    const Matrix z = with_signs(state_of(shadow).preactivations, signs);
    std::visit([&](auto& engine) { engine.take_preactivations(z(Eigen::all, shadow.order)); },
               *shadow.engine);
  }
}

double RoundingShadow::error_estimate(const TrainingState& run) const {
  if (lost_) return std::numeric_limits<double>::infinity();
  const auto margins_of = [&](const TrainingState& state) {
    return rivals_.margins(group_outputs(state.preactivations, shape_));
  };
  double largest = 0.0;
  for (const auto& shadow : shadows_) {
    const TrainingState there = state_of(shadow);
    largest = std::max(largest, discrepancy_(there.coefficients, margins_of(there),
                                             run.coefficients, margins_of(run), {}));
  }
  return safety * largest;
}

void RoundingShadow::add_to(EngineMemory& memory) const {
  memory.arrays[first_array] = Matrix::Constant(1, 1, lost_ ? 1.0 : 0.0);
  for (std::size_t s = 0; s < shadows_.size(); ++s) {
    const EngineMemory one =
        std::visit([](const auto& engine) { return engine.memory(); }, *shadows_[s].engine);
    for (const auto& [name, array] : one.arrays) memory.arrays[array_name(s, name)] = array;
    // Which engine takes a step depends on the last switch.
    memory.arrays[array_name(s, "position")] = Matrix::Zero(1, 3);
    memory.arrays[array_name(s, "position")] << static_cast<double>(one.step),
        static_cast<double>(one.switches.last_own_step),
        static_cast<double>(one.switches.last_other_step);
  }
}

void RoundingShadow::restore(const EngineMemory& memory) {
  lost_ = memory.arrays.at(first_array)(0, 0) != 0.0;
  for (std::size_t s = 0; s < shadows_.size(); ++s) {
    EngineMemory one =
        std::visit([](const auto& engine) { return engine.memory(); }, *shadows_[s].engine);
    for (auto& [name, array] : one.arrays) array = memory.arrays.at(array_name(s, name));
    const Matrix& position = memory.arrays.at(array_name(s, "position"));
    one.step = static_cast<std::uint64_t>(position(0, 0));
    one.switches.last_own_step = static_cast<std::uint64_t>(position(0, 1));
    one.switches.last_other_step = static_cast<std::uint64_t>(position(0, 2));
    std::visit([&](auto& engine) { engine.restore(one); }, *shadows_[s].engine);
  }
}

}  // namespace latetime
