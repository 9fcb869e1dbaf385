#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "latetime/prove/proof_problem.hpp"

namespace latetime {

/// Exact gradient descent from initial weights that are exact numbers, followed with every sign of
/// a pre-activation proved (docs/proofs.md, 9): a point trajectory in 128 bits, from which exact
/// descent is no farther than the rounding of all its steps together.
class ExactReplay {
 public:
  /// From W_0, neurons × d. Throws Unproved where the sign of a pre-activation cannot be known, or
  /// steps are not short.
  ExactReplay(const ProofProblem& problem, const Matrix& initial);
  ~ExactReplay();
  ExactReplay(ExactReplay&&) noexcept;
  ExactReplay& operator=(ExactReplay&&) noexcept;

  std::uint64_t step() const;
  /// Takes that many steps. Throws Unproved.
  void advance(std::uint64_t steps);
  /// At least the distance of exact descent at this step from weights (neurons × d).
  double distance(const Matrix& weights) const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace latetime
