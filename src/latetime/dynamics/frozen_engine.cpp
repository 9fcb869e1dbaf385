#include "latetime/dynamics/frozen_engine.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace latetime {
namespace {

/// One bit a neuron for every sample: the pattern's transpose, `words` words a sample.
std::vector<std::uint64_t> neurons_by_sample(const PairBits& pattern, std::size_t words) {
  std::vector<std::uint64_t> result(static_cast<std::size_t>(pattern.samples) * words, 0);
  for (Eigen::Index k = 0; k < pattern.neurons; ++k) {
    for (Eigen::Index i = 0; i < pattern.samples; ++i) {
      const std::uint64_t bit = pattern.test(k, i);
      result[static_cast<std::size_t>(i) * words + static_cast<std::size_t>(k) / 64] |= bit
                                                                                        << (k % 64);
    }
  }
  return result;
}

}  // namespace

FrozenEngine::FrozenEngine(CoefficientEngine& base, const kernel::FrozenKernel& kernel)
    : base_(base),
      kernel_(kernel),
      n_(base.classes().size()),
      stride_((n_ + kernel::lane_multiple - 1) / kernel::lane_multiple * kernel::lane_multiple),
      proof_(base),
      tangent_(n_ * stride_, 0.0),
      reference_(stride_, 0.0),
      rate_(stride_, 0.0),
      sums_(stride_, 0.0),
      trial_(stride_, 0.0),
      margins_(stride_, 0.0) {
  if (base.shape().groups != 2) {
    throw std::invalid_argument("FrozenEngine: the network must have two groups");
  }
  require_named(base.loss(), "FrozenEngine");
  for (const int c : base.classes()) labels_.push_back(c == 0 ? 1.0 : -1.0);
  std::fill_n(rate_.begin(), n_, base.rate());
}

std::uint64_t FrozenEngine::advance(std::uint64_t steps) {
  prepare();
  std::uint64_t taken = 0, block = first_block;
  while (taken < steps) {
    const std::uint64_t to_fold = CoefficientEngine::frozen_fold_period -
                                  base_.step() % CoefficientEngine::frozen_fold_period;
    const std::uint64_t tried = std::min({block, steps - taken, to_fold});
    const std::uint64_t proved = take_block(tried);
    if (proved == 0) break;
    taken += proved;
    if (proved == to_fold) refer();
    block = proved < tried ? proved : std::min(2 * block, longest_block);
  }
  return taken;
}

void FrozenEngine::prepare() {
  if (pattern_words_ != base_.pattern().words) take_pattern();
  refer();
}

/// A and K. (AᵀA)_{il} from the numbers of neurons that are active on both samples, on one, and on
/// none: exact but for the last few roundings.
void FrozenEngine::take_pattern() {
  pattern_words_ = base_.pattern().words;
  proof_.take_pattern(base_.pattern());
  const double slope = base_.shape().slope;
  const auto neurons = static_cast<double>(base_.shape().neurons());
  const auto width = static_cast<double>(base_.shape().width);
  const std::size_t words = PairBits::words_per_row(base_.shape().neurons());
  const std::vector<std::uint64_t> active = neurons_by_sample(base_.pattern(), words);
  const auto common = [&](std::size_t i, std::size_t l) {
    int count = 0;
    for (std::size_t w = 0; w < words; ++w) {
      count += std::popcount(active[i * words + w] & active[l * words + w]);
    }
    return static_cast<double>(count);
  };
  const auto gram = base_.gram();
  for (std::size_t i = 0; i < n_; ++i) {
    for (std::size_t l = 0; l < n_; ++l) {
      const double both = common(i, l), either = common(i, i) + common(l, l) - both;
      const double products = both + slope * (either - both) + slope * slope * (neurons - either);
      tangent_[l * stride_ + i] = labels_[i] * labels_[l] *
                                  gram(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(l)) *
                                  (products / width);
    }
  }
}

/// s as booked, and u_ref = y_i/m Σ_k a_k A_{k,i} z_{k,i} at s = 0: they change with the
/// coefficient engine's own steps and with folds, but not with frozen steps.
void FrozenEngine::refer() {
  for (std::size_t i = 0; i < n_; ++i) sums_[i] = labels_[i] * base_.cumulative()[i];
  const Matrix z = base_.preactivations_of(base_.settled_coefficients());
  const Matrix& a = proof_.derivatives();
  const Eigen::Index width = base_.shape().width;
  const Eigen::RowVectorXd f =
      a.topRows(width).cwiseProduct(z.topRows(width)).colwise().sum() -
      a.bottomRows(width).cwiseProduct(z.bottomRows(width)).colwise().sum();
  for (std::size_t i = 0; i < n_; ++i) {
    reference_[i] = labels_[i] * f[static_cast<Eigen::Index>(i)] / static_cast<double>(width);
  }
}

/// Takes the longest block up to that length that is proved, and returns its length.
std::uint64_t FrozenEngine::take_block(std::uint64_t longest) {
  FrozenProof::Start start{.coefficients = base_.coefficients(), .preactivations = {}};
  start.preactivations = base_.preactivations_of(start.coefficients);
  std::uint64_t length = longest;
  while (!prove_or_shorten(start, length)) {
    if (length == 0) return 0;
  }
  sums_ = trial_;
  for (std::size_t i = 0; i < n_; ++i) trial_[i] *= labels_[i];
  base_.take_frozen(length, {trial_.data(), n_});
  return length;
}

/// Tries a block of that length. Not proved: the length to try next, 0 after a single step.
bool FrozenEngine::prove_or_shorten(const FrozenProof::Start& start, std::uint64_t& length) {
  trial_ = sums_;
  kernel_.advance({.tangent = tangent_.data(),
                   .reference = reference_.data(),
                   .rate = rate_.data(),
                   .sums = trial_.data(),
                   .margins = margins_.data(),
                   .samples = n_,
                   .stride = stride_,
                   .steps = length,
                   .exponential = base_.loss() == exponential});
  const double share =
      proof_.provable_share(start, {sums_.data(), n_}, {trial_.data(), n_}, length == 1);
  if (share >= 1.0) return true;
  if (length == 1) {
    length = 0;
  } else {
    const auto provable = static_cast<std::uint64_t>(share * static_cast<double>(length));
    length = std::clamp<std::uint64_t>(provable, 1, length - (length + 7) / 8);
  }
  return false;
}

}  // namespace latetime
