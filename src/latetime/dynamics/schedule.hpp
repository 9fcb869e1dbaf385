#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace latetime {

/// Steps at which a run is recorded, ascending and without repeats: 0, the steps nearest to
/// 10^(k/per_decade) for k = 0, 1, …, the steps in `at` up to `until`, every multiple of `every`
/// (0: none), and `until` itself.
std::vector<std::uint64_t> record_steps(std::uint64_t until, unsigned per_decade,
                                        std::span<const std::uint64_t> at, std::uint64_t every = 0);

}  // namespace latetime
