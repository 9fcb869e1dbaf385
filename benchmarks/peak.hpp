#pragma once

#include <cstddef>

namespace latetime::bench {

/// Σ over `count` doubles (a multiple of 64) read in order with this processor's widest vectors:
/// one load and one addition a vector, eight independent sums. The fastest that the inner loop of
/// the coefficient engine, which does just that, can go from the same level of cache.
double sum_widest(const double* values, std::size_t count);

/// Doubles in one of those vectors.
std::size_t widest_lanes();

}  // namespace latetime::bench
