#include "latetime/dynamics/dense_engine.hpp"

#include <algorithm>
#include <bit>

#include "latetime/model/blas.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

// Neurons a block. Fixed, because sums over neurons are taken block by block.
constexpr Eigen::Index block_rows = 64;

/// Multiplications of a step: of all weights with the samples of a batch, there and back.
double operations(const Problem& problem, std::size_t batch_size) {
  const auto batch = static_cast<double>(batch_size > 0 ? batch_size : problem.data.classes.size());
  return 2.0 * batch * static_cast<double>(problem.initial.weights.size());
}

}  // namespace

DenseEngine::DenseEngine(const Problem& problem, std::size_t batch_size, std::uint64_t seed,
                         unsigned threads)
    : x_(problem.data.x),
      shape_(problem.shape()),
      classes_(problem.data.classes),
      loss_(problem.loss),
      learning_rate_(problem.learning_rate),
      batches_(static_cast<std::size_t>(problem.samples()), batch_size, seed),
      own_words_(own_class_words(problem.data, shape_.groups)),
      team_(threads_worth_waking(operations(problem, batch_size), threads)),
      blocks_per_group_(static_cast<std::size_t>((shape_.width + block_rows - 1) / block_rows)),
      blocks_(blocks_per_group_ * static_cast<std::size_t>(shape_.groups)),
      weights_(problem.initial.weights),
      coefficients_(Matrix::Zero(shape_.neurons(), problem.samples())),
      block_switches_(blocks_) {
  switches_.counted = batch_size == 0;
  if (switches_.counted) {
    pattern_ = switched_ = PairBits(shape_.neurons(), problem.samples());
  }
  evaluate_everything();
}

Eigen::Index DenseEngine::block_first(std::size_t index) const {
  const auto group = static_cast<Eigen::Index>(index / blocks_per_group_);
  return group * shape_.width + static_cast<Eigen::Index>(index % blocks_per_group_) * block_rows;
}

Eigen::Index DenseEngine::block_size(std::size_t index) const {
  const auto within = static_cast<Eigen::Index>(index % blocks_per_group_) * block_rows;
  return std::min(block_rows, shape_.width - within);
}

template <class Body>
void DenseEngine::for_each_block(const Body& body) {
  if (team_.size() == 1) {
    for (std::size_t i = 0; i < blocks_; ++i) body(i);
  } else {
    team_.for_each_block(blocks_, body);
  }
}

/// Pattern, pre-activations and outputs of the whole data set at the current weights.
void DenseEngine::evaluate_everything() {
  if (!switches_.counted) return;
  z_ = increments_ = Matrix(shape_.neurons(), x_.rows());
  block_sums_ = Matrix(static_cast<Eigen::Index>(blocks_), x_.rows());
  outputs_ = pulls_ = Matrix(x_.rows(), shape_.groups);
  for_each_block([this](std::size_t index) { evaluate_block(index, x_, step_ == 0); });
  for (Eigen::Index k = 0; k < z_.rows(); ++k) {
    set_pattern(z_.row(k).data(), z_.cols(), pattern_.row(k));
  }
  sum_outputs();
}

void DenseEngine::advance(std::uint64_t steps) {
  for (std::uint64_t i = 0; i < steps; ++i) {
    if (switches_.counted) {
      take_full_batch_step();
    } else {
      take_mini_batch_step();
    }
  }
}

void DenseEngine::take_full_batch_step() {
  const double rate = step_factor(learning_rate_, x_.rows(), shape_.width);
  loss_pulls(outputs_, classes_, pulls_, loss_);
  decided_.resize(0, 0);
  for_each_block([this, rate](std::size_t index) {
    pull_block(index, rate);
    const auto rows = Eigen::seqN(block_first(index), block_size(index));
    coefficients_(rows, Eigen::all) += increments_(rows, Eigen::all);
    update_block(index, x_);
    evaluate_block(index, x_, false);
    count_switches_of_block(index);
  });
  sum_outputs();
  ++step_;
  for (const SwitchCounts& counts : block_switches_) {
    switches_.own += counts.own;
    switches_.other += counts.other;
    if (counts.own) switches_.last_own_step = step_;
    if (counts.other) switches_.last_other_step = step_;
  }
}

void DenseEngine::take_mini_batch_step() {
  load_batch();
  const double rate =
      step_factor(learning_rate_, static_cast<Eigen::Index>(batch_.size()), shape_.width);
  for_each_block([this](std::size_t index) { evaluate_block(index, batch_x_, step_ == 0); });
  decided_.resize(0, 0);
  sum_outputs();
  loss_pulls(outputs_, batch_classes_, pulls_, loss_);
  for_each_block([this, rate](std::size_t index) {
    pull_block(index, rate);
    for (Eigen::Index k = block_first(index); k < block_first(index) + block_size(index); ++k) {
      for (std::size_t b = 0; b < batch_.size(); ++b) {
        coefficients_(k, batch_[b]) += increments_(k, static_cast<Eigen::Index>(b));
      }
    }
    update_block(index, batch_x_);
  });
  ++step_;
}

void DenseEngine::load_batch() {
  const auto drawn = batches_.batch(step_);
  batch_.assign(drawn.begin(), drawn.end());
  const std::size_t size = batch_.size();
  const auto columns = static_cast<Eigen::Index>(size);
  if (batch_x_.rows() != columns) {
    batch_x_.resize(columns, x_.cols());
    z_.resize(shape_.neurons(), columns);
    increments_.resize(shape_.neurons(), columns);
    block_sums_.resize(static_cast<Eigen::Index>(blocks_), columns);
    outputs_.resize(columns, shape_.groups);
    pulls_.resize(columns, shape_.groups);
  }
  batch_classes_.resize(size);
  for (std::size_t b = 0; b < size; ++b) {
    batch_x_.row(static_cast<Eigen::Index>(b)) = x_.row(batch_[b]);
    batch_classes_[b] = classes_[batch_[b]];
  }
}

/// Increments of the coefficients: rate · v_{i,k} σ'(z_{k,i}).
void DenseEngine::pull_block(std::size_t index, double rate) {
  const auto group = static_cast<Eigen::Index>(index / blocks_per_group_);
  const Activation sigma = shape_.activation();
  for (Eigen::Index k = block_first(index); k < block_first(index) + block_size(index); ++k) {
    for (Eigen::Index i = 0; i < z_.cols(); ++i) {
      increments_(k, i) = rate * pulls_(i, group) * sigma.derivative(z_(k, i));
    }
  }
}

void DenseEngine::update_block(std::size_t index, const Eigen::Ref<const Matrix>& x) {
  const Eigen::Index first = block_first(index), rows = block_size(index);
  add_product(increments_.middleRows(first, rows), x, weights_.middleRows(first, rows));
}

void DenseEngine::evaluate_block(std::size_t index, const Eigen::Ref<const Matrix>& x,
                                 bool at_start) {
  const Eigen::Index first = block_first(index), rows = block_size(index);
  auto z = z_.middleRows(first, rows);
  if (at_start) {
    z = preactivations(weights_.middleRows(first, rows), x);
  } else {
    z.setZero();
    add_product_transposed(weights_.middleRows(first, rows), x, z);
  }
  if (decided_.size() > 0) {
    if (switches_.counted) {
      z = decided_.middleRows(first, rows);
    } else {
      z = decided_(Eigen::seqN(first, rows), batch_);
    }
  }
  auto sums = block_sums_.row(static_cast<Eigen::Index>(index));
  sums.setZero();
  const Activation sigma = shape_.activation();
  for (Eigen::Index k = 0; k < rows; ++k) {
    for (Eigen::Index i = 0; i < z.cols(); ++i) sums[i] += sigma.value(z(k, i));
  }
}

void DenseEngine::count_switches_of_block(std::size_t index) {
  SwitchCounts& counts = block_switches_[index];
  counts = {};
  const std::size_t words = PairBits::words_per_row(x_.rows());
  const std::uint64_t* own = own_words_.data() + index / blocks_per_group_ * words;
  std::vector<std::uint64_t> now(words);
  for (Eigen::Index k = block_first(index); k < block_first(index) + block_size(index); ++k) {
    set_pattern(z_.row(k).data(), z_.cols(), now.data());
    for (std::size_t w = 0; w < words; ++w) {
      const std::uint64_t changed = pattern_.row(k)[w] ^ now[w];
      pattern_.row(k)[w] = now[w];
      switched_.row(k)[w] |= changed;
      counts.own += static_cast<std::uint64_t>(std::popcount(changed & own[w]));
      counts.other += static_cast<std::uint64_t>(std::popcount(changed & ~own[w]));
    }
  }
}

void DenseEngine::sum_outputs() {
  outputs_.setZero();
  for (std::size_t b = 0; b < blocks_; ++b) {
    outputs_.col(static_cast<Eigen::Index>(b / blocks_per_group_)) +=
        block_sums_.row(static_cast<Eigen::Index>(b)).transpose();
  }
  outputs_ /= static_cast<double>(shape_.width);
}

TrainingState DenseEngine::state(bool /*with_weights*/) const {
  return {.time = step_,
          .weights = weights_,
          .preactivations = switches_.counted ? z_ : latetime::preactivations(weights_, x_),
          .coefficients = coefficients_,
          .switches = switches_,
          .switched_since_record = switched_};
}

void DenseEngine::clear_switched() {
  std::fill(switched_.words.begin(), switched_.words.end(), 0);
}

EngineMemory DenseEngine::memory() const {
  return {.step = step_,
          .arrays = {{"weights", weights_}, {"coefficients", coefficients_}},
          .switches = switches_,
          .switched_since_record = switched_};
}

void DenseEngine::restore(const EngineMemory& memory) {
  step_ = memory.step;
  weights_ = memory.arrays.at("weights");
  coefficients_ = memory.arrays.at("coefficients");
  switches_ = memory.switches;
  switched_ = memory.switched_since_record;
  decided_.resize(0, 0);
  evaluate_everything();
}

void DenseEngine::take_preactivations(const Matrix& z) {
  decided_ = z;
  evaluate_everything();
}

}  // namespace latetime
