#include "latetime/dynamics/switching_engine.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>

#include "latetime/model/blas.hpp"

namespace latetime {
namespace {

constexpr std::uint64_t shortest_block = 16;

std::size_t padded(std::size_t n) {
  return (n + kernel::lane_multiple - 1) / kernel::lane_multiple * kernel::lane_multiple;
}
std::size_t words_of(std::size_t bits) {
  return (bits + 63) / 64;
}

/// Row sums that tables of `count` samples in chunks of that many cost, for so many rows.
double table_cost(std::size_t count, std::size_t bits, std::size_t rows) {
  const double chunks = static_cast<double>((count + bits - 1) / bits);
  return chunks * (std::exp2(static_cast<double>(bits)) + static_cast<double>(rows));
}

std::size_t best_chunk(std::size_t count, std::size_t rows) {
  std::size_t best = 1;
  for (const std::size_t bits : {2u, 3u, 4u}) {
    if (count > 64 && 64 % bits != 0) continue;  // a chunk must not straddle two words
    if (table_cost(count, bits, rows) < table_cost(count, best, rows)) best = bits;
  }
  return best;
}

// The measured model of a step's cost, in row sums of eight doubles (about a cycle of a processor
// with AVX-512). What a step of the coefficient engine costs beside its row sums, and what one of
// this engine does.
constexpr double other_row_sums = 5.0;        // increments, activation, sums: a row of z
constexpr double exponential_by_itself = 30;  // a sample
constexpr double exponential_in_a_row = 10;   // eight samples
constexpr double step_of_coefficients = 300;
// A block is taken where it costs at most this part of the coefficient engine's steps.
constexpr double worth_of_a_block = 0.65;
constexpr double step_of_a_block = 250;
constexpr double column_of_rows = 2.0;  // a bit of eight rows, or a count of eight samples
constexpr double pair_of_a_block = 150.0;
constexpr double product_of_a_block = 0.06;  // of Z = Z(0) + C G

}  // namespace

SwitchingEngine::SwitchingEngine(CoefficientEngine& base, const kernel::SwitchingKernel& kernel)
    : base_(base),
      kernel_(kernel),
      n_(base.classes().size()),
      stride_(padded(n_)),
      width_(static_cast<std::size_t>(base.shape().width)),
      gram_(base.gram()),
      worth_(worth_of_a_block),
      labels_(stride_, 1.0),
      rate_(stride_, 0.0),
      budget_(stride_, 0.0),
      fixed_(n_ * stride_, 0.0),
      outputs_(stride_, 0.0),
      margins_(stride_, 0.0),
      pull_(stride_, 0.0),
      grown_(stride_, 0.0) {
  if (base.shape().groups != 2) {
    throw std::invalid_argument("SwitchingEngine: the network must have two groups");
  }
  require_named(base.loss(), "SwitchingEngine");
  for (std::size_t i = 0; i < n_; ++i) labels_[i] = base.classes()[i] == 0 ? 1.0 : -1.0;
  std::fill_n(rate_.begin(), n_, base.rate());
  const double packs = static_cast<double>(stride_) / 8.0;
  const auto rows = static_cast<double>(2 * width_);
  cost_of_coefficient_engine_ =
      packs * (table_cost(n_, best_chunk(n_, 2 * width_), 2 * width_) + other_row_sums * rows) +
      exponential_by_itself * static_cast<double>(n_) + step_of_coefficients + rows;
}

// ---- steps --------------------------------------------------------------------------------------

std::uint64_t SwitchingEngine::advance(std::uint64_t steps) {
  if (!in_block_) return 0;
  const std::uint64_t asked = std::min(steps, length_ - job_.step);
  const std::uint64_t taken = kernel_.advance(job_, asked);
  if (taken < asked || job_.step == length_) end_block();
  return taken;
}

bool SwitchingEngine::replay(std::uint64_t steps) {
  if (!begin_block() || steps >= length_ || kernel_.advance(job_, steps) < steps) {
    in_block_ = false;
    return false;
  }
  job_.own_switches = job_.other_switches = job_.last_own = job_.last_other = 0;
  for (Group& group : groups_) std::fill(group.switched.begin(), group.switched.end(), 0);
  return true;
}

bool SwitchingEngine::begin_block() {
  const TrainingState start = base_.state(false);
  const SwitchingRoom room(base_, gram_, start);
  length_ = choose_length(room, longest_block - base_.step() % longest_block);
  if (length_ == 0) return false;
  job_ = {.samples = n_,
          .stride = stride_,
          .exponential = base_.loss() == exponential,
          .slope = base_.shape().slope,
          .inverse_width = 1.0 / static_cast<double>(width_),
          .labels = labels_.data(),
          .rate = rate_.data(),
          .budget = budget_.data(),
          .kernel = fixed_.data(),
          .outputs = outputs_.data(),
          .margins = margins_.data(),
          .pull = pull_.data(),
          .grown = grown_.data(),
          .groups = {},
          .step = 0,
          .own_switches = 0,
          .other_switches = 0,
          .last_own = 0,
          .last_other = 0};
  std::fill(grown_.begin(), grown_.end(), 0.0);
  begin_samples(room);
  std::fill(fixed_.begin(), fixed_.end(), 0.0);
  for (int g = 0; g < 2; ++g) {
    begin_bases(g);
    begin_group(g, start.preactivations);
    begin_columns(g);
    add_shut_kernel(g);
    kernel_.begin(job_, job_.groups[g]);
  }
  begin_outputs(start.preactivations);
  in_block_ = true;
  return true;
}

double SwitchingEngine::cost_of_group(std::size_t open) const {
  const double packs = static_cast<double>(padded(open)) / 8.0;
  const double row_sums = table_cost(n_ - open, best_chunk(n_ - open, width_), width_) +
                          table_cost(open, best_chunk(open, width_), width_) +
                          other_row_sums * static_cast<double>(width_);
  const double rows_in_eight = static_cast<double>(width_) / 8.0 + 4.0;
  const double words = static_cast<double>(words_of(width_));
  const double of_column = column_of_rows * rows_in_eight +
                           static_cast<double>(stride_) / 8.0 * (3.0 + column_of_rows * words);
  return packs * row_sums + static_cast<double>(open) * of_column;
}

double SwitchingEngine::cost_of_steps(std::size_t open_0, std::size_t open_1) const {
  const double packs = static_cast<double>(stride_) / 8.0;
  return step_of_a_block + packs * (exponential_in_a_row + 1.5 * static_cast<double>(n_)) +
         cost_of_group(open_0) + cost_of_group(open_1);
}

/// The length that costs least a step; 0 when the coefficient engine costs less.
std::uint64_t SwitchingEngine::choose_length(const SwitchingRoom& room,
                                             std::uint64_t longest) const {
  const auto pairs = static_cast<double>(2 * width_ * n_);
  const double block = pairs * (pair_of_a_block + product_of_a_block * static_cast<double>(n_));
  double least = worth_ * cost_of_coefficient_engine_;
  std::uint64_t best = 0;
  for (std::uint64_t length = longest; length > 0; length /= 2) {
    if (length < shortest_block && length < longest) break;
    const auto [open_0, open_1] = room.open_at_least(length);
    const double cost = cost_of_steps(open_0, open_1) + block / static_cast<double>(length);
    if (cost >= least) continue;
    least = cost;
    best = length;
  }
  return best;
}

void SwitchingEngine::begin_samples(const SwitchingRoom& room) {
  for (std::size_t i = 0; i < n_; ++i) {
    budget_[i] = static_cast<double>(length_) * room.budget_of_a_step()[i];
  }
  const auto open = room.open_for(length_);
  for (std::size_t g = 0; g < 2; ++g) {
    groups_[g].open = open[g];
    groups_[g].shut.clear();
    for (std::uint32_t i = 0; i < n_; ++i) {
      if (!std::binary_search(open[g].begin(), open[g].end(), i)) groups_[g].shut.push_back(i);
    }
  }
}

/// The different patterns of a group's neurons on its shut samples.
void SwitchingEngine::begin_bases(int g) {
  Group& group = groups_[static_cast<std::size_t>(g)];
  const std::size_t words = std::max<std::size_t>(1, words_of(group.shut.size()));
  std::map<std::vector<std::uint64_t>, std::uint32_t> known;
  group.base_of.clear();
  group.base_patterns.clear();
  std::vector<std::uint64_t> pattern(words);
  for (std::size_t row = 0; row < width_; ++row) {
    const auto k = static_cast<Eigen::Index>(static_cast<std::size_t>(g) * width_ + row);
    std::fill(pattern.begin(), pattern.end(), 0);
    for (std::size_t l = 0; l < group.shut.size(); ++l) {
      pattern[l / 64] |= std::uint64_t{base_.pattern().test(k, group.shut[l])} << (l % 64);
    }
    const auto [place, added] =
        known.try_emplace(pattern, static_cast<std::uint32_t>(known.size()));
    if (added) {
      group.base_patterns.insert(group.base_patterns.end(), pattern.begin(), pattern.end());
    }
    group.base_of.push_back(place->second);
  }
}

/// Pre-activations, Gram matrix and pattern of the open samples.
void SwitchingEngine::begin_group(int g, const Matrix& z) {
  Group& group = groups_[static_cast<std::size_t>(g)];
  const std::size_t open = group.open.size(), shut = group.shut.size();
  const std::size_t lanes = padded(open), words = words_of(open);
  const std::size_t bases = group.base_patterns.size() / std::max<std::size_t>(1, words_of(shut));
  const std::size_t shut_bits = best_chunk(shut, bases), open_bits = best_chunk(open, width_);
  const auto chunks = [](std::size_t count, std::size_t bits) { return (count + bits - 1) / bits; };
  group.z.assign(width_ * lanes, -1.0);
  group.active_sum.assign(width_ * lanes, 0.0);
  group.activation_sum.assign(lanes, 0.0);
  group.pattern.assign(2 * width_ * words, 0);
  group.base_rows.resize(bases * kernel::tile_samples);
  group.tables.resize(
      std::min(lanes, kernel::tile_samples) *
      ((chunks(shut, shut_bits) << shut_bits) + (chunks(open, open_bits) << open_bits)));
  group.own.clear();
  for (std::size_t j = 0; j < open; ++j) {
    const auto i = static_cast<Eigen::Index>(group.open[j]);
    group.own.push_back(base_.classes()[group.open[j]] == g);
    for (std::size_t row = 0; row < width_; ++row) {
      const auto k = static_cast<Eigen::Index>(static_cast<std::size_t>(g) * width_ + row);
      group.z[row * lanes + j] = z(k, i);
      group.pattern[row * words + j / 64] |= std::uint64_t{base_.pattern().test(k, i)} << (j % 64);
    }
  }
  const auto rows_of_gram = [&](const std::vector<std::uint32_t>& samples, AlignedVector& rows) {
    rows.assign(samples.size() * lanes, 0.0);
    for (std::size_t l = 0; l < samples.size(); ++l) {
      for (std::size_t j = 0; j < open; ++j) rows[l * lanes + j] = gram_(samples[l], group.open[j]);
    }
  };
  rows_of_gram(group.shut, group.shut_gram);
  rows_of_gram(group.open, group.open_gram);
  kernel::SwitchingGroup& job = job_.groups[g];
  job.mirrored = g == 1;
  job.rows = width_;
  job.open = open;
  job.width = lanes;
  job.words = words;
  job.z = group.z.data();
  job.active_sum = group.active_sum.data();
  job.pattern = group.pattern.data();
  job.activation_sum = group.activation_sum.data();
  job.own = group.own.data();
  job.samples = group.open.data();
  job.shut = shut;
  job.shut_bits = shut_bits;
  job.open_bits = open_bits;
  job.bases = bases;
  job.shut_words = std::max<std::size_t>(1, words_of(shut));
  job.base_patterns = group.base_patterns.data();
  job.base_of = group.base_of.data();
  job.shut_samples = group.shut.data();
  job.shut_gram = group.shut_gram.data();
  job.open_gram = group.open_gram.data();
  job.base_rows = group.base_rows.data();
  job.tables = group.tables.data();
}

/// What the kernel rows of the open samples are counted from.
void SwitchingEngine::begin_columns(int g) {
  Group& group = groups_[static_cast<std::size_t>(g)];
  const std::size_t words = words_of(width_), open = group.open.size();
  group.columns.assign(open * words, 0);
  group.switched.assign(open * words, 0);
  group.shut_columns.assign(words * stride_, 0);
  group.shut_counts.assign(stride_, 0.0);
  group.masked_gram.assign(open * stride_, 0.0);
  group.kernel.assign(open * stride_, 0.0);
  for (std::size_t row = 0; row < width_; ++row) {
    const std::uint64_t* pattern =
        base_.pattern().row(static_cast<Eigen::Index>(static_cast<std::size_t>(g) * width_ + row));
    std::uint64_t* columns = group.shut_columns.data() + row / 64 * stride_;
    for (std::size_t i = 0; i < n_; ++i) {
      columns[i] |= (pattern[i / 64] >> (i % 64) & 1) << (row % 64);
    }
  }
  for (std::size_t i = 0; i < n_; ++i) {
    for (std::size_t w = 0; w < words; ++w) {
      group.shut_counts[i] += std::popcount(group.shut_columns[w * stride_ + i]);
    }
  }
  for (std::size_t j = 0; j < open; ++j) {
    for (const std::uint32_t i : group.shut) {
      group.masked_gram[j * stride_ + i] = gram_(group.open[j], i);
    }
  }
  kernel::SwitchingGroup& job = job_.groups[g];
  job.column_words = words;
  job.columns = group.columns.data();
  job.switched = group.switched.data();
  job.shut_columns = group.shut_columns.data();
  job.shut_counts = group.shut_counts.data();
  job.masked_gram = group.masked_gram.data();
  job.kernel = group.kernel.data();
}

/// The kernel between the group's shut samples.
void SwitchingEngine::add_shut_kernel(int g) {
  const Group& group = groups_[static_cast<std::size_t>(g)];
  const std::size_t words = words_of(width_);
  const double slope = base_.shape().slope;
  const double of_both = (1.0 - slope) * (1.0 - slope), of_one = slope * (1.0 - slope);
  const double of_all = slope * slope * static_cast<double>(width_);
  for (const std::uint32_t l : group.shut) {
    for (const std::uint32_t i : group.shut) {
      int both = 0;
      for (std::size_t w = 0; w < words; ++w) {
        both += std::popcount(group.shut_columns[w * stride_ + l] &
                              group.shut_columns[w * stride_ + i]);
      }
      fixed_[l * stride_ + i] +=
          gram_(l, i) * (of_both * static_cast<double>(both) +
                         (of_one * (group.shut_counts[l] + group.shut_counts[i]) + of_all));
    }
  }
}

/// Σ σ(z) over the shut pairs of group 0, less that of group 1.
void SwitchingEngine::begin_outputs(const Matrix& z) {
  std::fill(outputs_.begin(), outputs_.end(), 0.0);
  const double slope = base_.shape().slope;
  for (std::size_t g = 0; g < 2; ++g) {
    for (const std::uint32_t i : groups_[g].shut) {
      double sum = 0.0;
      for (std::size_t row = 0; row < width_; ++row) {
        sum += activation(z(static_cast<Eigen::Index>(g * width_ + row), i), slope);
      }
      outputs_[i] += g == 0 ? sum : -sum;
    }
  }
}

// ---- the state ----------------------------------------------------------------------------------

/// Σ p of the block, n.
std::vector<double> SwitchingEngine::pulled() const {
  std::vector<double> result(n_);
  for (std::size_t i = 0; i < n_; ++i) result[i] = labels_[i] * grown_[i];
  return result;
}

/// Σ p over the steps of the block at which a pair was active, neurons × n.
Matrix SwitchingEngine::active_in_block() const {
  const std::vector<double> sums = pulled();
  Matrix result(static_cast<Eigen::Index>(2 * width_), static_cast<Eigen::Index>(n_));
  for (std::size_t k = 0; k < 2 * width_; ++k) {
    const auto row = static_cast<Eigen::Index>(k);
    for (std::size_t i = 0; i < n_; ++i) {
      const auto column = static_cast<Eigen::Index>(i);
      result(row, column) = base_.pattern().test(row, column) ? sums[i] : 0.0;
    }
    const Group& group = groups_[k / width_];
    const std::size_t lanes = padded(group.open.size());
    for (std::size_t j = 0; j < group.open.size(); ++j) {
      result(row, group.open[j]) = group.active_sum[k % width_ * lanes + j];
    }
  }
  return result;
}

/// Z with the pre-activations that were followed in place of its own.
Matrix SwitchingEngine::followed(Matrix z) const {
  for (std::size_t k = 0; k < 2 * width_; ++k) {
    const Group& group = groups_[k / width_];
    const std::size_t lanes = padded(group.open.size());
    for (std::size_t j = 0; j < group.open.size(); ++j) {
      z(static_cast<Eigen::Index>(k), group.open[j]) = group.z[k % width_ * lanes + j];
    }
  }
  return z;
}

Matrix SwitchingEngine::coefficients() const {
  if (!in_block_) return base_.coefficients();
  const double slope = base_.shape().slope;
  const std::vector<double> sums = pulled();
  Matrix result = base_.coefficients();
  const Matrix active = active_in_block();
  for (Eigen::Index k = 0; k < result.rows(); ++k) {
    const double sign = k < base_.shape().width ? 1.0 : -1.0;
    for (Eigen::Index i = 0; i < result.cols(); ++i) {
      result(k, i) +=
          sign * (slope * sums[static_cast<std::size_t>(i)] + (1.0 - slope) * active(k, i));
    }
  }
  return result;
}

SwitchCounts SwitchingEngine::switches() const {
  SwitchCounts counts = base_.switches();
  if (!in_block_) return counts;
  counts.own += job_.own_switches;
  counts.other += job_.other_switches;
  if (job_.last_own) counts.last_own_step = base_.step() + job_.last_own;
  if (job_.last_other) counts.last_other_step = base_.step() + job_.last_other;
  return counts;
}

PairBits SwitchingEngine::switched() const {
  PairBits result = base_.switched_since_record();
  if (!in_block_) return result;
  const std::size_t words = words_of(width_);
  for (std::size_t g = 0; g < 2; ++g) {
    const Group& group = groups_[g];
    for (std::size_t j = 0; j < group.open.size(); ++j) {
      const std::uint32_t i = group.open[j];
      for (std::size_t row = 0; row < width_; ++row) {
        const std::uint64_t bit = group.switched[j * words + row / 64] >> (row % 64) & 1;
        result.row(static_cast<Eigen::Index>(g * width_ + row))[i / 64] |= bit << (i % 64);
      }
    }
  }
  return result;
}

void SwitchingEngine::clear_switched() {
  base_.clear_switched();
  for (Group& group : groups_) std::fill(group.switched.begin(), group.switched.end(), 0);
}

TrainingState SwitchingEngine::state(bool with_weights) const {
  if (!in_block_) return base_.state(with_weights);
  const Matrix here = coefficients();
  return base_.state_of(base_.step() + job_.step, here, followed(base_.preactivations_of(here)),
                        switches(), switched(), with_weights);
}

void SwitchingEngine::end_block() {
  if (!in_block_) return;
  if (job_.step > 0) {
    base_.take_followed({.steps = job_.step,
                         .pulled = pulled(),
                         .active = active_in_block(),
                         .open = {groups_[0].open, groups_[1].open},
                         .switches = switches(),
                         .switched = switched()},
                        [this](Matrix z) { return followed(std::move(z)); });
  }
  in_block_ = false;
}

}  // namespace latetime
