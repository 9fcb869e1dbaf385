#pragma once

#include <string>
#include <variant>

namespace latetime {

/// Two doubles that a real number is proved to lie between.
struct Enclosure {
  double lower = 0.0;
  double upper = 0.0;

  bool holds(double value) const { return lower <= value && value <= upper; }
};

/// "[a, b]" with so many significant digits, rounded outwards; the number alone where both are one.
std::string outward_text(const Enclosure& bounds, int digits = 12);
/// An upper bound with so many digits, rounded up.
std::string upward_text(double bound, int digits = 6);

/// What a proof came to a stand at. Nothing is said of whether the statement is true.
struct NotProved {
  std::string reason;  ///< the first condition that could not be shown, one sentence
  std::string remedy;  ///< what would help, one sentence
};

/// A theorem, with what it states, or why there is none.
template <class Theorem>
using Proof = std::variant<Theorem, NotProved>;

template <class Theorem>
bool is_proved(const Proof<Theorem>& proof) {
  return std::holds_alternative<Theorem>(proof);
}

}  // namespace latetime
