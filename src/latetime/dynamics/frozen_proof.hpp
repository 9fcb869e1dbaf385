#pragma once

#include <span>

#include "latetime/dynamics/coefficient_engine.hpp"

namespace latetime {

/// Proves that no activation changed in a block of gradient steps of two classes.
///
/// Inside the block every s_l, the sum of (η/(nm)) g_l, only grows, from `before` to `after`, and
///   z_{k,i} = z_{k,i}(before) + a_k Σ_l A_{k,l} y_l G_{li} (s_l − before_l),
/// a_k = +1 for group 0 and −1 for group 1, A = σ'(z). With Δ = after − before each z_{k,i} stays
/// between its start value plus the negative part of the sum, term by term, and plus the positive
/// part. If that interval keeps its sign for every pair, no pair switched at any step
/// of the block, its end included.
class FrozenProof {
 public:
  explicit FrozenProof(const CoefficientEngine& base);

  /// A: neurons × n, from the engine's pattern. Call again whenever the pattern has changed.
  void take_pattern(const PairBits& pattern);
  const Matrix& derivatives() const { return derivatives_; }

  /// Where a block starts: Z = Z(0) + C G afresh from C.
  struct Start {
    Matrix coefficients;    ///< neurons × n
    Matrix preactivations;  ///< neurons × n
  };

  /// 1 when the block is proved; otherwise about the largest share of Δ that would be, in [0, 1).
  ///
  /// Longer blocks (`single_step` false) must pass with four times the rounding margin of a single
  /// step. So a step that is part of a proved block would also pass alone, and whether a step can
  /// be proved is a function of the state before it, not of the blocks that were tried.
  double provable_share(const Start& start, std::span<const double> before,
                        std::span<const double> after, bool single_step);

 private:
  const NetworkShape shape_;
  const Matrix signed_gram_;  // y_l G_{li}
  const double largest_gram_;
  std::vector<char> moves_;  // false: a zero sample, whose z stays Z(0) to the bit
  PairBits pattern_;
  Matrix derivatives_;              // A, neurons × n
  Matrix up_, down_, rise_, fall_;  // scratch
};

}  // namespace latetime
