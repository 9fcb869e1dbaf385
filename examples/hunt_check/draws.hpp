#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "evidence.hpp"
#include "latetime/base/random.hpp"

namespace latetime::check_judge {

/// Random numbers as configurations want them.
class Dice {
 public:
  Dice(std::uint64_t seed, std::uint64_t number) : random_(seed, RandomPurpose::test, number) {}

  Index between(Index low, Index high) {
    return low + static_cast<Index>(random_.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  double uniform(double low, double high) { return low + (high - low) * random_.uniform(); }
  double power(double low, double high) { return std::pow(10.0, uniform(low, high)); }
  double sign() { return random_.below(2) ? 1.0 : -1.0; }
  bool one_in(Index many) { return between(1, many) == 1; }
  template <class T, std::size_t N>
  T one_of(const std::array<T, N>& values) {
    return values[random_.below(N)];
  }
  Grid normal(Index rows, Index cols) {
    Grid result(rows, cols);
    for (double& value : result.reshaped<Eigen::RowMajor>()) value = random_.normal();
    return result;
  }

 private:
  RandomStream random_;
};

struct Drawn {
  std::string family;
  Setting setting;
};

std::vector<std::string> family_names();

/// Configuration `number`, of family `number` mod their count: it meets the hypotheses that its
/// family is made for, or breaks one of them.
Drawn draw(Dice& dice, std::uint64_t number);

}  // namespace latetime::check_judge
