#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "latetime/base/aligned.hpp"
#include "latetime/dynamics/coefficient_engine.hpp"
#include "latetime/dynamics/switching_kernel.hpp"
#include "latetime/dynamics/switching_room.hpp"

namespace latetime {

/// The coefficient engine's descent at the cost of what can change. Two classes.
///
/// Steps are taken in blocks. Before a block, SwitchingRoom shows for each group on which samples
/// none of its neurons can reach zero while no sample's Σ |p| in the block exceeds a budget: those
/// are shut, the others open. Pre-activations are followed on open samples alone. The outputs of
/// shut pairs move by a kernel, as in the frozen engine,
///   f_i += Σ_l G_{il} p_l Σ_k σ'_{k,i} σ'_{k,l},
/// whose rows on open samples l are counted anew when a neuron has switched there. A block ends at
/// a multiple of `longest_block` at the latest, and before the first step that would exceed a
/// budget; what is shut is caught up with then. So no switch is missed, and all are booked at
/// their steps.
///
/// What a block is depends on the state at its start alone. Stopped within one, it is its start and
/// the number of steps that one goes on from (replay()): the result is the same, to the bit,
/// however a run is cut.
class SwitchingEngine {
 public:
  /// `base` must outlive this, and stands at the block's start while one is under way. Throws
  /// std::invalid_argument unless it has two groups and a named loss.
  explicit SwitchingEngine(CoefficientEngine& base,
                           const kernel::SwitchingKernel& kernel = kernel::best_switching_kernel());

  /// Begins a block here; false where it would not be worth its cost.
  bool begin_block();
  /// Takes up to `steps` gradient steps of the block under way, and returns how many; fewer where
  /// it ends. Once it has ended, no block is under way and the coefficient engine is up to date.
  std::uint64_t advance(std::uint64_t steps);
  void end_block();
  bool in_block() const { return in_block_; }
  std::uint64_t step() const { return base_.step() + block_steps(); }

  /// Steps taken in the block under way.
  std::uint64_t block_steps() const { return in_block_ ? job_.step : 0; }
  /// Forgets the block under way, steps taken included.
  void leave_block() { in_block_ = false; }
  /// Begins a block here and takes that many of its steps, of which the coefficient engine's counts
  /// know already. False where there is no such block.
  bool replay(std::uint64_t steps);

  // ---- the state, with the block's steps -------------------------------------------------------

  TrainingState state(bool with_weights) const;
  Matrix coefficients() const;
  SwitchCounts switches() const;
  PairBits switched() const;
  void clear_switched();

  /// Blocks are taken where they cost at most this part of what the coefficient engine's steps do.
  void set_worth(double share) { worth_ = share; }

  static constexpr std::uint64_t longest_block = SwitchingRoom::longest_block;
  static_assert(CoefficientEngine::fold_period % longest_block == 0);

 private:
  /// What a group's part of the kernel's job lies in.
  struct Group {
    std::vector<std::uint32_t> open, shut, base_of;
    std::vector<unsigned char> own;
    AlignedVector z, active_sum, activation_sum, shut_gram, open_gram, base_rows, tables;
    AlignedVector shut_counts, masked_gram, kernel;
    AlignedArray<std::uint64_t> pattern, columns, switched, base_patterns, shut_columns;
  };

  double cost_of_steps(std::size_t open_0, std::size_t open_1) const;
  double cost_of_group(std::size_t open) const;
  std::uint64_t choose_length(const SwitchingRoom& room, std::uint64_t longest) const;
  void begin_samples(const SwitchingRoom& room);
  void begin_group(int group, const Matrix& z);
  void begin_bases(int group);
  void begin_columns(int group);
  void begin_outputs(const Matrix& z);
  void add_shut_kernel(int group);
  Matrix active_in_block() const;
  std::vector<double> pulled() const;
  Matrix followed(Matrix z) const;

  CoefficientEngine& base_;
  const kernel::SwitchingKernel& kernel_;
  const std::size_t n_, stride_, width_;
  const Matrix gram_;
  double worth_;
  double cost_of_coefficient_engine_;
  bool in_block_ = false;
  std::uint64_t length_ = 0;  // of the block under way, at most
  std::array<Group, 2> groups_;
  AlignedVector labels_, rate_, budget_, fixed_, outputs_, margins_, pull_, grown_;
  kernel::SwitchingJob job_{};
};

}  // namespace latetime
