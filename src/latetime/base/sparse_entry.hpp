#pragma once

#include <cstdint>

namespace latetime {

/// One number of a sparse table: times `value`, row number `row` of what the table is multiplied
/// with.
template <class Real>
struct SparseEntry {
  Real value;
  std::uint32_t row;
};

}  // namespace latetime
