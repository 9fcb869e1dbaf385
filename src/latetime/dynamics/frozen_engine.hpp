#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "latetime/base/aligned.hpp"
#include "latetime/dynamics/coefficient_engine.hpp"
#include "latetime/dynamics/frozen_kernel.hpp"
#include "latetime/dynamics/frozen_proof.hpp"

namespace latetime {

/// The coefficient engine's descent while no activation changes, at O(n²) a step: neither m nor d
/// matters. Two classes.
///
/// While the pattern A = σ'(Z) stays, the margins are u = u_ref + K s with s_l = Σ (η/(nm)) g_l and
///   K_{il} = y_i y_l G_{il} (AᵀA)_{il} / m,
/// the network's tangent kernel. Blocks of steps are taken tentatively and kept only when
/// FrozenProof has shown that no activation changed at any step of them.
///
/// The state belongs to the coefficient engine, which is up to date after every call. u_ref and s
/// are read from what that engine stores, sums are folded at fixed steps, and whether a step can be
/// proved depends on the state before it alone. So the result is the same, to the bit, however a
/// run is cut into calls, and whether or not it was stopped and restored in between.
class FrozenEngine {
 public:
  /// `base` must outlive this. Throws std::invalid_argument unless it has two groups and a named
  /// loss.
  explicit FrozenEngine(CoefficientEngine& base,
                        const kernel::FrozenKernel& kernel = kernel::best_frozen_kernel());

  /// Takes up to `steps` gradient steps and returns how many; fewer only when the step that follows
  /// could not be proved to change no activation. That one is left to the coefficient engine.
  std::uint64_t advance(std::uint64_t steps);

  static constexpr std::uint64_t first_block = 64;
  static constexpr std::uint64_t longest_block = CoefficientEngine::frozen_fold_period;

 private:
  void prepare();
  void take_pattern();
  void refer();
  std::uint64_t take_block(std::uint64_t longest);
  bool prove_or_shorten(const FrozenProof::Start& start, std::uint64_t& length);

  CoefficientEngine& base_;
  const kernel::FrozenKernel& kernel_;
  const std::size_t n_;
  const std::size_t stride_;
  std::vector<double> labels_;  // y
  FrozenProof proof_;
  std::vector<std::uint64_t> pattern_words_;  // of the pattern that A and K belong to
  AlignedVector tangent_;                     // K, n × stride
  AlignedVector reference_;                   // u_ref: the margins at s = 0, with pattern A
  AlignedVector rate_;                        // η/(nm); 0 beyond n
  AlignedVector sums_;                        // s since the last fold
  AlignedVector trial_;                       // s at the end of the block being tried
  AlignedVector margins_;                     // scratch
};

}  // namespace latetime
