#include "latetime/prove/proof.hpp"

#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

namespace latetime {
namespace {

/// Of so many significant digits, on this side of the value: 1 above, −1 below.
std::string rounded(double value, int digits, double side) {
  std::string text = fmt::format("{:.{}g}", value, digits);
  double moved = value;
  // One unit of the last digit at most; twice, where that changes the decade.
  for (int step = 0; step < 4 && side * (std::strtod(text.c_str(), nullptr) - value) < 0.0;
       ++step) {
    moved += side * 0.6 * std::abs(value) * std::pow(10.0, 1 - digits);
    text = fmt::format("{:.{}g}", moved, digits);
  }
  return text;
}

}  // namespace

std::string outward_text(const Enclosure& bounds, int digits) {
  if (bounds.lower == bounds.upper) return fmt::format("{}", bounds.lower);
  return fmt::format("[{}, {}]", rounded(bounds.lower, digits, -1.0),
                     rounded(bounds.upper, digits, 1.0));
}

std::string upward_text(double bound, int digits) {
  return rounded(bound, digits, 1.0);
}

}  // namespace latetime
