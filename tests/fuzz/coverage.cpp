#include "fuzz/coverage.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace {

constexpr std::size_t places = std::size_t{1} << 13;
alignas(64) std::array<unsigned char, places> hits{};
std::uintptr_t last_place = 0;

/// Counts matter by their size alone: 1, 2, 3, 4–7, 8–15, … have a bit each.
unsigned char size_bit(unsigned char count) {
  if (count <= 3) return static_cast<unsigned char>(count ? 1u << (count - 1) : 0u);
  return static_cast<unsigned char>(1u << (std::bit_width(count) < 8 ? std::bit_width(count) : 7));
}

}  // namespace

extern "C" {
extern const char __executable_start;

/// Called by the compiler at the start of every basic block of the instrumented sources.
void __sanitizer_cov_trace_pc() {
  const auto address = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)) -
                       reinterpret_cast<std::uintptr_t>(&__executable_start);
  const std::uintptr_t place = (address * 0x9e3779b97f4a7c15u) >> 40;
  unsigned char& count = hits[(place ^ last_place) % places];
  if (count < 255) ++count;
  last_place = place >> 1;
}
}

namespace latetime::fuzz {

Coverage::Coverage() : seen_(places, 0) {}

void Coverage::begin() {
  hits.fill(0);
  last_place = 0;
}

bool Coverage::is_new() {
  bool found = false;
  for (std::size_t at = 0; at < places; at += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, hits.data() + at, sizeof eight);
    if (eight == 0) continue;
    for (std::size_t i = at; i < at + 8; ++i) {
      const unsigned char bit = size_bit(hits[i]);
      if ((seen_[i] | bit) == seen_[i]) continue;
      seen_[i] = static_cast<unsigned char>(seen_[i] | bit);
      found = true;
    }
  }
  return found;
}

}  // namespace latetime::fuzz
