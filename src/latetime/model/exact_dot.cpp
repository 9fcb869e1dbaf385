#include "latetime/model/exact_dot.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <boost/multiprecision/cpp_int.hpp>

namespace latetime {
namespace {

/// mantissa · 2^exponent.
struct Scaled {
  std::int64_t mantissa;
  int exponent;
};

Scaled scaled(double value) {
  constexpr int digits = std::numeric_limits<double>::digits;
  int exponent = 0;
  const double part = std::frexp(value, &exponent);
  return {static_cast<std::int64_t>(std::ldexp(part, digits)), exponent - digits};
}

}  // namespace

double exact_dot(std::span<const double> a, std::span<const double> b) {
  using Integer = boost::multiprecision::cpp_int;
  struct Term {
    Integer product;
    int exponent;
  };
  std::vector<Term> terms;
  int least = std::numeric_limits<int>::max();
  for (std::size_t j = 0; j < a.size(); ++j) {
    if (a[j] == 0.0 || b[j] == 0.0) continue;
    const Scaled left = scaled(a[j]), right = scaled(b[j]);
    terms.push_back({Integer(left.mantissa) * right.mantissa, left.exponent + right.exponent});
    least = std::min(least, terms.back().exponent);
  }
  Integer sum = 0;
  for (const Term& term : terms)
    sum += term.product << static_cast<unsigned>(term.exponent - least);
  if (sum == 0) return 0.0;
  // As many leading bits as a long double takes, so that no exponent overflows on the way.
  const auto bits = static_cast<int>(boost::multiprecision::msb(Integer(abs(sum)))) + 1;
  constexpr int kept = std::numeric_limits<long double>::digits;
  const int dropped = std::max(0, bits - kept);
  const auto leading = static_cast<long double>(Integer(sum >> static_cast<unsigned>(dropped)));
  return static_cast<double>(std::ldexp(leading, dropped + least));
}

}  // namespace latetime
