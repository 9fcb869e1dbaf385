#include "latetime/base/random.hpp"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include <Random123/philox.h>

namespace latetime {

RandomStream::RandomStream(std::uint64_t seed, RandomPurpose purpose, std::uint64_t index)
    : key_{seed, static_cast<std::uint64_t>(purpose)}, counter_{0, 0, index, 0} {}

std::uint64_t RandomStream::bits() {
  if (used_ == block_.size()) {
    const r123::Philox4x64::ctr_type counter{{counter_[0], counter_[1], counter_[2], counter_[3]}};
    const r123::Philox4x64::key_type key{{key_[0], key_[1]}};
    const auto result = r123::Philox4x64{}(counter, key);
    for (unsigned i = 0; i < block_.size(); ++i) block_[i] = result[i];
    ++counter_[0];
    used_ = 0;
  }
  return block_[used_++];
}

double RandomStream::uniform() {
  // (k + 1) / 2^53 with k in [0, 2^53): never 0, so that log() in normal() is finite.
  return (static_cast<double>(bits() >> 11) + 1.0) * 0x1p-53;
}

double RandomStream::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_normal_;
  }
  const double radius = std::sqrt(-2.0 * std::log(uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_normal_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

std::uint64_t RandomStream::below(std::uint64_t bound) {
  const std::uint64_t limit = bound * (UINT64_MAX / bound);
  std::uint64_t draw = bits();
  while (draw >= limit) draw = bits();
  return draw % bound;
}

std::vector<std::uint32_t> RandomStream::permutation(std::uint32_t n) {
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  for (std::uint32_t i = n; i > 1; --i) std::swap(order[i - 1], order[below(i)]);
  return order;
}

}  // namespace latetime
