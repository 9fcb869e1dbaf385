#include "latetime/dynamics/fine_descent.hpp"

#include <map>
#include <utility>
#include <vector>

#include <boost/multiprecision/cpp_bin_float.hpp>

#include "latetime/dynamics/batch_order.hpp"

namespace latetime {
namespace {

using Real = boost::multiprecision::cpp_bin_float_100;
using Reals = std::vector<Real>;

// A sum is zero within this part of its terms: what 100 digits are good for after a few steps.
constexpr double zero_within = 1e-90;

constexpr double products_of_exponential = 200.0;

Real dot(const Reals& weights, const Samples& x, Eigen::Index i) {
  Real sum = 0;
  for (std::size_t j = 0; j < weights.size(); ++j) {
    sum += weights[j] * x(i, static_cast<Eigen::Index>(j));
  }
  return sum;
}

}  // namespace

struct FineDescent::State {
  struct Kind {  // neurons of one group that are alike
    int group;
    int count;
    Reals weights;
    double terms;                              // of the weights, ‖w⁰‖ + Σ |c_l| ‖x_l‖
    std::map<Eigen::Index, bool> active = {};  // samples that were asked for since the last step
  };

  const Dataset data;
  const NetworkShape shape;
  const double learning_rate;
  const bool exponential_loss;
  BatchOrder batches;
  const Vector norms;
  std::uint64_t step = 0;
  std::vector<Kind> kinds;
  std::vector<std::size_t> kind_of;  // neuron

  Real preactivation(const Kind& kind, Eigen::Index i) const {
    Real z = dot(kind.weights, data.x, i);
    if (abs(z) <= zero_within * kind.terms * norms[i]) z = 0;
    return z;
  }

  /// 1[c_i = k] − softmax_k(F(x_i)) for each group k; of the exponential loss with sums over the
  /// other groups' e^{F_k − F_c} in place of shares.
  Reals pulls(Eigen::Index i, const Reals& z) const {
    Reals outputs(static_cast<std::size_t>(shape.groups), Real(0));
    for (std::size_t q = 0; q < kinds.size(); ++q) {
      outputs[static_cast<std::size_t>(kinds[q].group)] +=
          kinds[q].count * (z[q] >= 0 ? z[q] : Real(shape.slope * z[q])) / shape.width;
    }
    const auto own = static_cast<std::size_t>(data.classes[static_cast<std::size_t>(i)]);
    if (exponential_loss) {
      const Real of_own = outputs[own];
      Real others = 0;
      for (Real& output : outputs) others += output = -exp(output - of_own);
      outputs[own] = -1 - others;  // its own share was −1
      return outputs;
    }
    Real total = 0;
    for (Real& output : outputs) total += output = exp(output);
    for (Real& output : outputs) output /= -total;
    outputs[own] += 1;
    return outputs;
  }
};

FineDescent::FineDescent(const Problem& problem, std::size_t batch_size, std::uint64_t seed)
    : state_(new State{problem.data,
                       problem.shape(),
                       problem.learning_rate,
                       problem.loss == exponential,
                       {static_cast<std::size_t>(problem.samples()), batch_size, seed},
                       problem.data.x.rowwise().norm(),
                       0,
                       {},
                       {}}) {
  require_named(problem.loss, "FineDescent");
  require_kink(problem.shape(), "FineDescent");
  const Network& initial = problem.initial;
  std::map<std::pair<int, std::vector<double>>, std::size_t> known;
  for (Eigen::Index k = 0; k < initial.shape.neurons(); ++k) {
    const int group = initial.shape.group_of(k);
    const auto row = initial.weights.row(k);
    const auto [entry, is_new] = known.try_emplace(
        {group, std::vector<double>(row.begin(), row.end())}, state_->kinds.size());
    if (is_new) state_->kinds.push_back({group, 0, Reals(row.begin(), row.end()), row.norm()});
    ++state_->kinds[entry->second].count;
    state_->kind_of.push_back(entry->second);
  }
}

FineDescent::~FineDescent() = default;
FineDescent::FineDescent(FineDescent&&) noexcept = default;

double FineDescent::products_per_step() const {
  return 2.0 * static_cast<double>(state_->kinds.size()) *
             static_cast<double>(state_->data.x.size()) +
         products_of_exponential * static_cast<double>(state_->data.size() * state_->shape.groups);
}

std::uint64_t FineDescent::step() const {
  return state_->step;
}

void FineDescent::take_step() {
  State& s = *state_;
  std::vector<Eigen::Index> batch;
  for (const std::uint32_t i : s.batches.batch(s.step)) batch.push_back(i);
  const Real rate =
      Real(s.learning_rate) / (batch.size() * static_cast<std::size_t>(s.shape.width));
  std::vector<Reals> moves;  // sample in batch, kind
  for (const Eigen::Index i : batch) {
    Reals z;
    for (const State::Kind& kind : s.kinds) z.push_back(s.preactivation(kind, i));
    const Reals pulls = s.pulls(i, z);
    for (std::size_t q = 0; q < z.size(); ++q) {
      const Real pull = rate * pulls[static_cast<std::size_t>(s.kinds[q].group)];
      z[q] = z[q] >= 0 ? pull : Real(s.shape.slope * pull);
    }
    moves.push_back(std::move(z));
  }
  for (std::size_t b = 0; b < batch.size(); ++b) {
    for (std::size_t q = 0; q < s.kinds.size(); ++q) {
      Reals& weights = s.kinds[q].weights;
      s.kinds[q].active.clear();
      s.kinds[q].terms += static_cast<double>(abs(moves[b][q])) * s.norms[batch[b]];
      for (std::size_t j = 0; j < weights.size(); ++j) {
        weights[j] += moves[b][q] * s.data.x(batch[b], static_cast<Eigen::Index>(j));
      }
    }
  }
  ++s.step;
}

bool FineDescent::is_active(Eigen::Index neuron, Eigen::Index sample) {
  State::Kind& kind = state_->kinds[state_->kind_of[static_cast<std::size_t>(neuron)]];
  const auto [known, is_new] = kind.active.try_emplace(sample, false);
  if (is_new) known->second = state_->preactivation(kind, sample) >= 0;
  return known->second;
}

}  // namespace latetime
