#include "latetime/dynamics/batch_order.hpp"

#include <algorithm>
#include <numeric>

#include "latetime/base/random.hpp"

namespace latetime {

std::uint64_t steps_of_epoch(std::size_t n, std::size_t batch_size) {
  const std::size_t batch = std::min(batch_size, n);
  return (n + batch - 1) / batch;
}

std::vector<std::uint32_t> epoch_order(std::uint64_t seed, std::uint64_t epoch, std::uint32_t n) {
  return RandomStream(seed, RandomPurpose::batches, epoch).permutation(n);
}

BatchOrder::BatchOrder(std::size_t n, std::size_t batch_size, std::uint64_t seed)
    : n_(n), full_(batch_size == 0), capacity_(full_ ? n : std::min(batch_size, n)), seed_(seed) {
  if (!full_) return;
  order_.resize(n);
  std::iota(order_.begin(), order_.end(), 0u);
}

std::span<const std::uint32_t> BatchOrder::batch(std::uint64_t step) {
  if (full_) return order_;
  const std::uint64_t epoch = step / steps_per_epoch();
  if (order_.empty() || epoch != epoch_) {
    order_ = epoch_order(seed_, epoch, static_cast<std::uint32_t>(n_));
    epoch_ = epoch;
  }
  const std::size_t first = step % steps_per_epoch() * capacity_;
  return std::span(order_).subspan(first, std::min(capacity_, n_ - first));
}

}  // namespace latetime
