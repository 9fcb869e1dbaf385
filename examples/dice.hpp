#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "latetime/base/random.hpp"
#include "latetime/data/dataset.hpp"

namespace latetime {

/// Random numbers as hunts want them for the problem of that number: the same for the same seed.
class Dice {
 public:
  Dice(std::uint64_t seed, std::uint64_t number) : random_(seed, RandomPurpose::test, number) {}

  Eigen::Index between(Eigen::Index low, Eigen::Index high) {
    return low +
           static_cast<Eigen::Index>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  double uniform(double low, double high) { return low + (high - low) * random_.uniform(); }
  double power(double low, double high) { return std::pow(10.0, uniform(low, high)); }
  double sign() { return random_.below(2) ? 1.0 : -1.0; }
  bool one_in(Eigen::Index many) { return between(1, many) == 1; }
  template <class T, std::size_t N>
  T one_of(const std::array<T, N>& values) {
    return values[random_.below(N)];
  }
  /// Filled column by column, or row by row.
  template <int Order = Eigen::ColMajor>
  Matrix normal(Eigen::Index rows, Eigen::Index cols) {
    Matrix result(rows, cols);
    for (double& value : result.reshaped<Order>()) value = random_.normal();
    return result;
  }
  Matrix integers(Eigen::Index rows, Eigen::Index cols, int largest) {
    Matrix result(rows, cols);
    for (double& value : result.reshaped()) value = static_cast<double>(between(-largest, largest));
    return result;
  }

 private:
  RandomStream random_;
};

}  // namespace latetime
