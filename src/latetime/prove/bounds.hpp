#pragma once

#include <limits>
#include <stdexcept>
#include <string>

#include <Eigen/Core>

#include "latetime/prove/proof.hpp"

namespace latetime {

/// Upper and lower bound of a number ≥ 0 that was computed in doubles as sums, products, quotients
/// and square roots of numbers ≥ 0, in fewer than 10⁶ operations: each is off by half an ulp, all
/// together by less than 10⁻⁹ (docs/proofs.md, 7.2).
inline double above(double value) {
  return value * (1.0 + 1e-9) + 1e-290;
}
inline double below(double value) {
  return value * (1.0 - 1e-9);
}

/// Half an ulp of 1: the relative error of an operation in doubles.
inline constexpr double unit_roundoff = std::numeric_limits<double>::epsilon() / 2;

/// An index into a std::vector.
inline std::size_t at(Eigen::Index i) {
  return static_cast<std::size_t>(i);
}

/// Thrown within proofs at the first inequality that cannot be shown; no user sees it.
struct Unproved : std::runtime_error {
  Unproved(const std::string& reason, std::string remedy, bool may_pass = false)
      : std::runtime_error(reason), proof{reason, std::move(remedy)}, passes(may_pass) {}
  NotProved proof;
  bool passes;  ///< later on the reference the inequality may hold
};

/// Thrown where a proof was asked to stop, and what comes of it.
struct Interrupted {};
inline NotProved stopped_proof() {
  return {"stopped", "let it go on"};
}

}  // namespace latetime
