#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "latetime/base/aligned.hpp"
#include "latetime/base/thread_team.hpp"
#include "latetime/dynamics/coefficient_kernel.hpp"
#include "latetime/dynamics/engine.hpp"

namespace latetime {

/// Full-batch gradient descent in the coordinates of the paper's decomposition (Definition 5.1,
/// Lemma 5.2): w_k(t) = w_k(0) + Σ_i c_{k,i} x_i with c_{k,i} += (η/(nm)) v_{i,k} σ'(z_{k,i}),
/// where v is the negative loss derivative and Z(t) = Z(0) + C G. The same descent as the dense
/// engine, step by step, at a cost free of d.
///
/// Rounding does not build up: recent increments are kept apart and folded into a compensated sum
/// every `fold_period` steps, and Z is then computed afresh from C.
///
/// A step allocates nothing (a fold does). Memory: about 5n doubles a neuron, and the tables.
class CoefficientEngine {
 public:
  /// Copies what it needs. `threads` ≥ 1; the result does not depend on it, nor on `kernels`.
  CoefficientEngine(const Problem& problem, unsigned threads,
                    const kernel::Kernels& kernels = kernel::best_kernels());

  std::uint64_t step() const { return step_; }
  /// Takes that many gradient steps.
  void advance(std::uint64_t steps);
  /// False once an output has overflowed.
  bool finite() const { return outputs_.allFinite(); }

  /// The weights W⁰ + C X cost a product with d; without them they are left empty.
  TrainingState state(bool with_weights = true) const;
  /// Starts a new "since the last record" interval.
  void clear_switched();
  EngineMemory memory() const;
  void restore(const EngineMemory& memory);
  /// Takes the next step from these pre-activations (neurons × n), which are off from its own by
  /// rounding alone but may have other signs. No switches are counted; no part of memory().
  void take_preactivations(const Matrix& z);

  static constexpr std::uint64_t fold_period = 4096;

  // ---- for the frozen engine, which takes steps of this one's state (two classes) -------------

  using GramView = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;

  const NetworkShape& shape() const { return shape_; }
  const std::vector<int>& classes() const { return classes_; }
  const Loss& loss() const { return loss_; }
  double rate() const { return rate_; }  ///< η / (nm)
  GramView gram() const;                 ///< n × n
  const PairBits& pattern() const { return pattern_; }
  /// Σ p_l of group 0 since the last fold, n entries: y_l times the sum of (η/(nm)) g_l.
  std::span<const double> cumulative() const { return {cumulative_.data(), n_}; }
  const SwitchCounts& switches() const { return switches_; }
  Matrix coefficients() const;  ///< c, neurons × n
  /// c without the share of `cumulative`: c_{k,l} = settled_{k,l} ± σ'(z_{k,l}) cumulative_l, − for
  /// group 1. It stays the same while nothing switches and nothing is folded.
  Matrix settled_coefficients() const;
  /// Z(0) + C G, neurons × n.
  Matrix preactivations_of(const Matrix& coefficients) const;
  /// Books `steps` steps in which no activation changed, at the end of which `cumulative` has these
  /// values. They must not go past a multiple of `frozen_fold_period`, where sums are folded.
  void take_frozen(std::uint64_t steps, std::span<const double> cumulative);

  // ---- for the switching engine ----------------------------------------------------------------

  const PairBits& switched_since_record() const { return switched_; }
  /// This engine's problem at another state.
  TrainingState state_of(std::uint64_t step, const Matrix& coefficients,
                         const Matrix& preactivations, const SwitchCounts& switches,
                         const PairBits& switched, bool with_weights) const;
  /// Steps in which switches were followed on some samples of each group, the open ones.
  struct Followed {
    std::uint64_t steps = 0;
    std::vector<double> pulled;                      ///< Σ p of group 0, n
    Matrix active;                                   ///< Σ p while active, neurons × n
    std::array<std::vector<std::uint32_t>, 2> open;  ///< samples
    SwitchCounts switches;                           ///< at the end
    PairBits switched;                               ///< since the last record
  };
  /// Books such steps, which must not go past a multiple of `fold_period`. `followed` puts the
  /// pre-activations of open samples in place.
  void take_followed(const Followed& block, const std::function<Matrix(Matrix z)>& followed);

  static constexpr std::uint64_t frozen_fold_period = 65536;
  static_assert(frozen_fold_period % fold_period == 0);

 private:
  struct Block {  // neurons of one group that are stepped together
    int group;
    std::size_t first_row;
    std::size_t rows;
  };

  /// Two classes share the pulls of group 0, and group 1 moves along their negative.
  bool is_mirrored(std::size_t group) const { return tables_per_step_ == 1 && group == 1; }
  void choose_chunks();
  void take_step();
  void pull_groups();
  void build_table(std::size_t table, std::size_t chunk);
  void move_block(std::size_t block);
  void book_block(std::size_t block);
  void for_each(std::size_t count, const std::function<void(std::size_t)>& body);
  double* tables(std::size_t table);
  std::size_t tile_width() const;
  void sum_outputs();
  void fold();
  void refresh_from(const Matrix& coefficients);
  void refresh_from_preactivations();
  void store_preactivations(const Matrix& z);
  Matrix recent_coefficients(const AlignedVector& sums) const;

  const Samples x_;
  const Matrix initial_weights_;
  const NetworkShape shape_;
  const std::vector<int> classes_;
  const Loss loss_;
  const double rate_;  // η / (n m)
  const kernel::Kernels kernels_;
  const std::size_t n_;
  const std::size_t stride_;
  const std::size_t words_;
  AlignedVector gram_;  // n × stride, padded with zeros
  Matrix initial_z_;    // neurons × n
  std::size_t chunk_bits_ = 1;
  std::size_t chunks_ = 1;
  std::size_t tables_per_step_ = 1;  // 1 for two classes (the groups' pulls differ in sign only)

  std::uint64_t step_ = 0;
  AlignedVector z_;                     // neurons × stride
  AlignedVector active_sum_;            // neurons × stride, since the last fold (NeuronJob)
  AlignedVector cumulative_;            // groups × stride: Σ p since the last fold
  Matrix coefficients_, compensation_;  // neurons × n: folded part and its rounding errors
  PairBits pattern_, switched_;
  SwitchCounts switches_;

  std::vector<Block> blocks_;
  std::size_t tiles_ = 1;
  std::size_t tile_ = 0;                    // the tile that a step is at
  std::vector<std::uint64_t> own_words_;    // groups × words
  std::vector<std::uint64_t> new_pattern_;  // neurons × words, scratch of a step
  AlignedVector tables_, pull_, block_sums_;
  std::vector<SwitchCounts> block_switches_;
  Matrix outputs_, pulls_;            // n × groups
  std::unique_ptr<ThreadTeam> team_;  // null: this thread alone
  // Parallel loops of a step, made once so that a step allocates nothing.
  std::function<void(std::size_t)> table_loop_, move_loop_, book_loop_;
};

}  // namespace latetime
