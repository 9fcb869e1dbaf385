#pragma once

#include <cstdint>
#include <vector>

#include "latetime/base/log_time.hpp"
#include "latetime/model/network.hpp"

namespace latetime {

/// Activation changes since the start. A pair (neuron, sample) is *own-class* when the neuron's
/// group is the sample's class.
struct SwitchCounts {
  bool counted = false;  ///< false for mini-batches, where a step does not see every pair
  std::uint64_t own = 0;
  std::uint64_t other = 0;
  std::uint64_t last_own_step =
      0;  ///< step after which the last own-class change was seen; 0: none
  std::uint64_t last_other_step = 0;  ///< the same for other-class pairs
};

/// One bit a (neuron, sample) pair, a row of 64-bit words a neuron. Bit i of a row is word i/64,
/// bit i%64.
struct PairBits {
  Eigen::Index neurons = 0;
  Eigen::Index samples = 0;
  std::vector<std::uint64_t> words;

  PairBits() = default;
  PairBits(Eigen::Index neuron_count, Eigen::Index sample_count)
      : neurons(neuron_count),
        samples(sample_count),
        words(static_cast<std::size_t>(neuron_count) * words_per_row(sample_count), 0) {}

  static std::size_t words_per_row(Eigen::Index sample_count) {
    return (static_cast<std::size_t>(sample_count) + 63) / 64;
  }
  std::uint64_t* row(Eigen::Index k) {
    return words.data() + static_cast<std::size_t>(k) * words_per_row(samples);
  }
  const std::uint64_t* row(Eigen::Index k) const {
    return words.data() + static_cast<std::size_t>(k) * words_per_row(samples);
  }
  bool test(Eigen::Index k, Eigen::Index i) const { return (row(k)[i / 64] >> (i % 64)) & 1; }
};

/// A network in training as its observers see it: everything the paper speaks of at one time.
/// Sizes: K groups of m neurons, n samples of dimension d.
struct TrainingState {
  LogTime time;
  Matrix weights;         ///< Km × d; empty where the observer did without
  Matrix preactivations;  ///< Km × n, ⟨w_k, x_i⟩
  Matrix coefficients;  ///< Km × n, c with w_k = w_k⁰ + Σ_i c_{k,i} x_i (ρ_{k,i} = c_{k,i} ‖x_i‖²)
  SwitchCounts switches;
  PairBits switched_since_record;  ///< pairs that switched at least once since the last record

  // Of engines that do not take every step; the exact ones leave these as they are (Descent adds
  // an estimate where rounding is amplified).
  Eigen::Index sliding_pairs = 0;  ///< pairs that stay at z = 0 on average, switching for ever
  /// Of log loss and stable ranks, absolute; 0 while steps are exact and cannot amplify rounding;
  /// infinity after an undecided event, or where rounding has left no digit.
  double error_estimate = 0.0;
  /// Events so far that were decided with a margin below the error estimate.
  std::uint64_t undecided_events = 0;
  /// Km × n, effective σ'(z) ∈ [γ, 1], where pairs slide; empty: σ'(z) by the sign of z.
  Matrix slopes = {};
  /// A margin each (Rivals::margins), what it is above that of `preactivations`, because the mean
  /// of σ(z) over fast switching is not σ of the mean; empty: nothing.
  Vector margin_offset = {};
  /// For each class, whether its weights are on average nothing beside their hops around zero: they
  /// have no stable rank, that of a moment is that of its hops. Empty: of none.
  std::vector<bool> only_hops = {};
};

}  // namespace latetime
