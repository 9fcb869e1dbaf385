#include "latetime/dynamics/coefficient_engine.hpp"

#include <algorithm>
#include <limits>

#include "latetime/data/gram.hpp"
#include "latetime/model/blas.hpp"
#include "latetime/model/loss.hpp"

namespace latetime {
namespace {

// Neurons a block. Fixed, because sums over neurons are taken block by block.
constexpr std::size_t block_rows = 128;

std::size_t padded(std::size_t n) {
  return (n + kernel::lane_multiple - 1) / kernel::lane_multiple * kernel::lane_multiple;
}

/// sum + error += value, without losing a bit (Knuth's TwoSum).
void add_compensated(double& sum, double& error, double value) {
  const double total = sum + value;
  const double kept = total - sum;
  error += (sum - (total - kept)) + (value - kept);
  sum = total;
}

}  // namespace

CoefficientEngine::CoefficientEngine(const Problem& problem, unsigned threads,
                                     const kernel::Kernels& kernels)
    : x_(problem.data.x),
      initial_weights_(problem.initial.weights),
      shape_(problem.shape()),
      classes_(problem.data.classes),
      loss_(problem.loss),
      rate_(problem.rate()),
      kernels_(kernels),
      n_(static_cast<std::size_t>(problem.samples())),
      stride_(padded(n_)),
      words_(PairBits::words_per_row(problem.samples())),
      initial_z_(latetime::preactivations(initial_weights_, x_)),
      pattern_(shape_.neurons(), problem.samples()),
      switched_(shape_.neurons(), problem.samples()),
      own_words_(own_class_words(problem.data, shape_.groups)) {
  require_kink(shape_, "CoefficientEngine");
  const Matrix gram = gram_matrix(x_);
  gram_.assign(n_ * stride_, 0.0);
  for (std::size_t i = 0; i < n_; ++i) {
    std::copy_n(gram.row(static_cast<Eigen::Index>(i)).data(), n_, gram_.data() + i * stride_);
  }
  const auto neurons = static_cast<std::size_t>(shape_.neurons());
  const auto width = static_cast<std::size_t>(shape_.width);
  for (int group = 0; group < shape_.groups; ++group) {
    for (std::size_t first = 0; first < width; first += block_rows) {
      blocks_.push_back({group, static_cast<std::size_t>(group) * width + first,
                         std::min(block_rows, width - first)});
    }
  }
  switches_.counted = true;
  tables_per_step_ = shape_.groups == 2 ? 1 : static_cast<std::size_t>(shape_.groups);
  choose_chunks();
  chunks_ = (n_ + chunk_bits_ - 1) / chunk_bits_;
  tables_.resize(tables_per_step_ * (chunks_ << chunk_bits_) *
                 std::min(stride_, kernel::tile_samples));
  z_.assign(neurons * stride_, -1.0);
  active_sum_.assign(neurons * stride_, 0.0);
  coefficients_ = compensation_ = Matrix::Zero(shape_.neurons(), problem.samples());
  pull_.assign(static_cast<std::size_t>(shape_.groups) * stride_, 0.0);
  cumulative_ = pull_;
  block_sums_.assign(blocks_.size() * stride_, 0.0);
  block_switches_.resize(blocks_.size());
  tiles_ = words_;
  new_pattern_.resize(neurons * words_);
  outputs_ = pulls_ = Matrix::Zero(problem.samples(), shape_.groups);
  const auto operations = static_cast<double>(neurons * (chunks_ + 4) * stride_);
  if (threads_worth_waking(operations, threads) > 1) team_ = std::make_unique<ThreadTeam>(threads);
  table_loop_ = [this](std::size_t i) { build_table(i / chunks_, i % chunks_); };
  move_loop_ = [this](std::size_t block) { move_block(block); };
  book_loop_ = [this](std::size_t block) { book_block(block); };
  refresh_from(coefficients_);
}

/// Larger chunks mean fewer sums a neuron and larger tables: ⌈n/b⌉ (2^b · tables + neurons) row
/// sums.
void CoefficientEngine::choose_chunks() {
  const auto neurons = static_cast<std::size_t>(shape_.neurons());
  std::size_t best = std::numeric_limits<std::size_t>::max();
  for (const std::size_t bits : {1u, 2u, 3u, 4u, 5u, 6u, 8u}) {
    if (n_ > 64 && 64 % bits != 0) continue;  // a chunk must not straddle two words
    const std::size_t cost = (n_ + bits - 1) / bits * ((tables_per_step_ << bits) + neurons);
    if (cost < best) {
      best = cost;
      chunk_bits_ = bits;
    }
  }
}

void CoefficientEngine::advance(std::uint64_t steps) {
  for (std::uint64_t i = 0; i < steps; ++i) take_step();
}

void CoefficientEngine::for_each(std::size_t count, const std::function<void(std::size_t)>& body) {
  if (team_) {
    team_->for_each_block(count, body);
  } else {
    for (std::size_t i = 0; i < count; ++i) body(i);
  }
}

/// Tile by tile of samples: a tile's tables are made and used up while they lie in the cache.
/// Patterns are taken over once no tile needs the old ones any more.
void CoefficientEngine::take_step() {
  pull_groups();
  for (tile_ = 0; tile_ < tiles_; ++tile_) {
    for_each(tables_per_step_ * chunks_, table_loop_);
    for_each(blocks_.size(), move_loop_);
  }
  for_each(blocks_.size(), book_loop_);
  ++step_;
  std::uint64_t own = 0, other = 0;
  for (const SwitchCounts& counts : block_switches_) {
    own += counts.own;
    other += counts.other;
  }
  switches_.own += own;
  switches_.other += other;
  if (own) switches_.last_own_step = step_;
  if (other) switches_.last_other_step = step_;
  sum_outputs();
  if (step_ % fold_period == 0) fold();
}

/// p_l of each group, (η/(nm)) times the negative loss derivative, and its sum since the last fold.
void CoefficientEngine::pull_groups() {
  loss_pulls(outputs_, classes_, pulls_, loss_);
  for (std::size_t group = 0; group < static_cast<std::size_t>(shape_.groups); ++group) {
    for (std::size_t i = 0; i < n_; ++i) {
      const double pull =
          rate_ * pulls_(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(group));
      pull_[group * stride_ + i] = pull;
      cumulative_[group * stride_ + i] += pull;
    }
  }
}

std::size_t CoefficientEngine::tile_width() const {
  return std::min(kernel::tile_samples, stride_ - tile_ * kernel::tile_samples);
}

double* CoefficientEngine::tables(std::size_t table) {
  return tables_.data() + table * (chunks_ << chunk_bits_) * tile_width();
}

void CoefficientEngine::build_table(std::size_t table, std::size_t chunk) {
  kernels_.build_tables({.gram = gram_.data() + tile_ * kernel::tile_samples,
                         .gram_stride = stride_,
                         .pull = pull_.data() + table * stride_,
                         .samples = n_,
                         .width = tile_width(),
                         .chunk_bits = chunk_bits_,
                         .slope = shape_.slope,
                         .tables = tables(table)},
                        chunk);
}

void CoefficientEngine::move_block(std::size_t index) {
  const Block& block = blocks_[index];
  const auto group = static_cast<std::size_t>(block.group);
  const bool mirrored = is_mirrored(group);
  const std::size_t first = tile_ * kernel::tile_samples;
  kernels_.move_neurons({.z = z_.data() + block.first_row * stride_ + first,
                         .z_stride = stride_,
                         .pattern = pattern_.words.data() + block.first_row * words_,
                         .new_pattern = new_pattern_.data() + block.first_row * words_ + tile_,
                         .words = words_,
                         .rows = block.rows,
                         .width = tile_width(),
                         .chunk_bits = chunk_bits_,
                         .chunks = chunks_,
                         .tables = tables(mirrored ? 0 : group),
                         .mirrored = mirrored,
                         .slope = shape_.slope,
                         .activation_sum = block_sums_.data() + index * stride_ + first});
}

void CoefficientEngine::book_block(std::size_t index) {
  const Block& block = blocks_[index];
  const auto group = static_cast<std::size_t>(block.group);
  kernel::BookJob job{.pattern = pattern_.words.data() + block.first_row * words_,
                      .new_pattern = new_pattern_.data() + block.first_row * words_,
                      .switched = switched_.words.data() + block.first_row * words_,
                      .rows = block.rows,
                      .words = words_,
                      .active_sum = active_sum_.data() + block.first_row * stride_,
                      .stride = stride_,
                      .cumulative = cumulative_.data() + (is_mirrored(group) ? 0 : group) * stride_,
                      .own = own_words_.data() + group * words_,
                      .own_switches = 0,
                      .other_switches = 0};
  kernels_.book_switches(job);
  block_switches_[index].own = job.own_switches;
  block_switches_[index].other = job.other_switches;
}

/// F_k(x_i) from the blocks' sums, in block order.
void CoefficientEngine::sum_outputs() {
  outputs_.setZero();
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    const double* sums = block_sums_.data() + b * stride_;
    for (std::size_t i = 0; i < n_; ++i) {
      outputs_(static_cast<Eigen::Index>(i), blocks_[b].group) += sums[i];
    }
  }
  outputs_ /= static_cast<double>(shape_.width);
}

void CoefficientEngine::fold() {
  const Matrix recent = recent_coefficients(cumulative_);
  for (Eigen::Index k = 0; k < coefficients_.rows(); ++k) {
    for (Eigen::Index i = 0; i < coefficients_.cols(); ++i) {
      add_compensated(coefficients_(k, i), compensation_(k, i), recent(k, i));
    }
  }
  std::fill(active_sum_.begin(), active_sum_.end(), 0.0);
  std::fill(cumulative_.begin(), cumulative_.end(), 0.0);
  refresh_from(coefficients_ + compensation_);
}

void CoefficientEngine::take_frozen(std::uint64_t steps, std::span<const double> cumulative) {
  for (std::size_t i = 0; i < n_; ++i) {
    cumulative_[i] = cumulative[i];
    cumulative_[stride_ + i] = -cumulative[i];
  }
  step_ += steps;
  if (step_ % frozen_fold_period == 0) {
    fold();
  } else {
    refresh_from(coefficients());
  }
}

/// Active sums of open pairs by their activity at the block's end; those of shut pairs stay.
void CoefficientEngine::take_followed(const Followed& block,
                                      const std::function<Matrix(Matrix z)>& followed) {
  const AlignedVector before = cumulative_;
  for (std::size_t i = 0; i < n_; ++i) {
    cumulative_[i] += block.pulled[i];
    cumulative_[stride_ + i] -= block.pulled[i];
  }
  const Matrix open_z = followed(Matrix::Zero(pattern_.neurons, pattern_.samples));
  for (Eigen::Index k = 0; k < pattern_.neurons; ++k) {
    for (const std::uint32_t i : block.open[static_cast<std::size_t>(k / shape_.width)]) {
      double& active = active_sum_[static_cast<std::size_t>(k) * stride_ + i];
      if (pattern_.test(k, i)) active += before[i];
      active += block.active(k, i);
      const std::uint64_t bit = std::uint64_t{1} << (i % 64);
      std::uint64_t& word = pattern_.row(k)[i / 64];
      word = open_z(k, i) >= 0.0 ? word | bit : word & ~bit;
      if (word & bit) active -= cumulative_[i];
    }
  }
  switches_ = block.switches;
  switched_ = block.switched;
  step_ += block.steps;
  if (step_ % fold_period == 0) {
    fold();
  } else {
    store_preactivations(followed(preactivations_of(coefficients())));
  }
}

Matrix CoefficientEngine::coefficients() const {
  return coefficients_ + compensation_ + recent_coefficients(cumulative_);
}

Matrix CoefficientEngine::settled_coefficients() const {
  return coefficients_ + compensation_ +
         recent_coefficients(AlignedVector(cumulative_.size(), 0.0));
}

/// Σ over the steps since the last fold of p_l σ'(z_{k,l}) = γ S_l + (1 − γ) (S_l while active).
Matrix CoefficientEngine::recent_coefficients(const AlignedVector& sums) const {
  Matrix recent(coefficients_.rows(), coefficients_.cols());
  for (Eigen::Index k = 0; k < recent.rows(); ++k) {
    const auto group = static_cast<std::size_t>(k / shape_.width);
    const bool mirrored = is_mirrored(group);
    const double sign = mirrored ? -1.0 : 1.0;
    const double* active_sum = active_sum_.data() + static_cast<std::size_t>(k) * stride_;
    const double* cumulative = sums.data() + (mirrored ? 0 : group) * stride_;
    for (Eigen::Index i = 0; i < recent.cols(); ++i) {
      const double active = pattern_.test(k, i) ? active_sum[i] + cumulative[i] : active_sum[i];
      recent(k, i) = sign * (shape_.slope * cumulative[i] + (1.0 - shape_.slope) * active);
    }
  }
  return recent;
}

CoefficientEngine::GramView CoefficientEngine::gram() const {
  const auto n = static_cast<Eigen::Index>(n_);
  return {gram_.data(), n, n, Eigen::OuterStride<>(static_cast<Eigen::Index>(stride_))};
}

Matrix CoefficientEngine::preactivations_of(const Matrix& coefficients) const {
  Matrix z = initial_z_;
  add_product(coefficients, gram(), z);
  return z;
}

/// Z from the coefficients, and from it pattern and outputs. A sign that differs from the running
/// one by rounding alone is not counted as a switch.
void CoefficientEngine::refresh_from(const Matrix& coefficients) {
  store_preactivations(preactivations_of(coefficients));
}

void CoefficientEngine::store_preactivations(const Matrix& z) {
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    std::copy_n(z.row(k).data(), n_, z_.data() + static_cast<std::size_t>(k) * stride_);
  }
  refresh_from_preactivations();
}

/// Pattern and outputs from Z, the sums in the order that a step takes them.
void CoefficientEngine::refresh_from_preactivations() {
  for (Eigen::Index k = 0; k < pattern_.neurons; ++k) {
    const double* row = z_.data() + static_cast<std::size_t>(k) * stride_;
    set_pattern(row, static_cast<Eigen::Index>(n_), pattern_.row(k));
  }
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    double* sums = block_sums_.data() + b * stride_;
    std::fill_n(sums, stride_, 0.0);
    for (std::size_t row = 0; row < blocks_[b].rows; ++row) {
      const double* neuron = z_.data() + (blocks_[b].first_row + row) * stride_;
      for (std::size_t i = 0; i < n_; ++i) sums[i] += activation(neuron[i], shape_.slope);
    }
  }
  sum_outputs();
}

TrainingState CoefficientEngine::state(bool with_weights) const {
  Matrix z(shape_.neurons(), static_cast<Eigen::Index>(n_));
  for (Eigen::Index k = 0; k < z.rows(); ++k) {
    z.row(k) = Eigen::Map<const Eigen::RowVectorXd>(
        z_.data() + static_cast<std::size_t>(k) * stride_, static_cast<Eigen::Index>(n_));
  }
  return state_of(step_, coefficients(), z, switches_, switched_, with_weights);
}

TrainingState CoefficientEngine::state_of(std::uint64_t step, const Matrix& coefficients,
                                          const Matrix& preactivations,
                                          const SwitchCounts& switches, const PairBits& switched,
                                          bool with_weights) const {
  TrainingState state{.time = step,
                      .weights = with_weights ? initial_weights_ : Matrix(),
                      .preactivations = preactivations,
                      .coefficients = coefficients,
                      .switches = switches,
                      .switched_since_record = switched};
  if (with_weights) add_product(state.coefficients, x_, state.weights);
  return state;
}

void CoefficientEngine::clear_switched() {
  std::fill(switched_.words.begin(), switched_.words.end(), 0);
}

EngineMemory CoefficientEngine::memory() const {
  EngineMemory memory{.step = step_,
                      .arrays = {{"coefficients", coefficients_}, {"compensation", compensation_}},
                      .switches = switches_,
                      .switched_since_record = switched_};
  const auto rows = static_cast<Eigen::Index>(shape_.neurons());
  const auto columns = static_cast<Eigen::Index>(stride_);
  memory.arrays["z"] = Eigen::Map<const Matrix>(z_.data(), rows, columns);
  memory.arrays["active_sum"] = Eigen::Map<const Matrix>(active_sum_.data(), rows, columns);
  memory.arrays["cumulative"] =
      Eigen::Map<const Matrix>(cumulative_.data(), shape_.groups, columns);
  return memory;
}

void CoefficientEngine::restore(const EngineMemory& memory) {
  step_ = memory.step;
  coefficients_ = memory.arrays.at("coefficients");
  compensation_ = memory.arrays.at("compensation");
  const Matrix& z = memory.arrays.at("z");
  const Matrix& active_sum = memory.arrays.at("active_sum");
  const Matrix& cumulative = memory.arrays.at("cumulative");
  std::copy_n(active_sum.data(), active_sum.size(), active_sum_.data());
  std::copy_n(cumulative.data(), cumulative.size(), cumulative_.data());
  switches_ = memory.switches;
  switched_ = memory.switched_since_record;
  std::copy_n(z.data(), z.size(), z_.data());
  refresh_from_preactivations();
}

void CoefficientEngine::take_preactivations(const Matrix& z) {
  fold();  // what is booked since the last fold is booked by the signs so far
  store_preactivations(z);
}

}  // namespace latetime
