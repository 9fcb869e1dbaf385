#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace latetime {

/// An array of any number of dimensions, as a file holds it.
struct NumericArray {
  std::vector<std::size_t> shape;  ///< empty: a single number
  std::vector<double> values;      ///< C order (last index fastest), as many as the shape says
};

/// An array of texts.
struct TextArray {
  std::vector<std::size_t> shape;
  std::vector<std::string> texts;  ///< UTF-8, C order
};

}  // namespace latetime
