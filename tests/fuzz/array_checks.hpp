#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "fuzz/reader.hpp"
#include "latetime/data/array_file.hpp"

namespace latetime::fuzz {

inline std::uint64_t hash_of(std::string_view bytes) {
  return std::hash<std::string_view>()(bytes);
}

inline bool same(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

inline bool same(const NumericArray& a, const NumericArray& b) {
  return a.shape == b.shape &&
         std::equal(a.values.begin(), a.values.end(), b.values.begin(), b.values.end(),
                    [](double x, double y) { return same(x, y); });
}

inline void require_whole(const NumericArray& array) {
  std::size_t count = 1;
  for (const std::size_t size : array.shape) count *= size;
  require(array.values.size() == count, "the shape does not fit the number of values");
}

/// CSV, LIBSVM and samples with labels.
std::vector<Reader> text_readers();

}  // namespace latetime::fuzz
