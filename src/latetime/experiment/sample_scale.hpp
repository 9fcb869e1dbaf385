#pragma once

#include <string>

#include "latetime/data/samples.hpp"

namespace latetime {

/// Throws InputError where the square of a sample's norm overflows: the Gram matrix holds squares,
/// and its eigenvalues sums of n of them. `x`: n × d; `where`: the place to name.
void require_finite_squares(const Samples& x, const std::string& where);

/// The same, and where the square underflows: inner products, from which everything follows, would
/// be lost either way.
void require_squares(const Samples& x, const std::string& where);

}  // namespace latetime
