#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace latetime {

/// Steps of an epoch of n samples in batches of `batch_size` ≥ 1, the last partial one included.
std::uint64_t steps_of_epoch(std::size_t n, std::size_t batch_size);

/// The order in which an epoch takes its n samples, the first epoch being 0: all mini-batches of
/// the laboratory are drawn here.
std::vector<std::uint32_t> epoch_order(std::uint64_t seed, std::uint64_t epoch, std::uint32_t n);

/// The samples of each step. Mini-batches are drawn without replacement: each epoch takes the
/// samples in a new order, the last partial batch included. A pure function of seed and step, so
/// that a resumed run draws the same.
class BatchOrder {
 public:
  /// `batch_size` of 0: all n samples at every step, in their own order.
  BatchOrder(std::size_t n, std::size_t batch_size, std::uint64_t seed);

  std::size_t capacity() const { return capacity_; }  ///< samples of the largest batch
  std::uint64_t steps_per_epoch() const { return steps_of_epoch(n_, capacity_); }

  /// Sample numbers of the step after `step` steps; valid up to the next call.
  std::span<const std::uint32_t> batch(std::uint64_t step);

 private:
  std::size_t n_;
  bool full_;
  std::size_t capacity_;
  std::uint64_t seed_;
  std::uint64_t epoch_ = 0;
  std::vector<std::uint32_t> order_;  // of that epoch; empty: not drawn yet
};

}  // namespace latetime
