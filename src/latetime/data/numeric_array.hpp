#pragma once

#include <cstddef>
#include <vector>

namespace latetime {

/// An array of any number of dimensions, as a file holds it.
struct NumericArray {
  std::vector<std::size_t> shape;  ///< empty: a single number
  std::vector<double> values;      ///< C order (last index fastest), as many as the shape says
};

}  // namespace latetime
