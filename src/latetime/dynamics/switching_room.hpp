#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "latetime/dynamics/coefficient_engine.hpp"

namespace latetime {

/// How long no neuron of a group can switch on a sample, for every group and sample of a state of
/// two classes.
///
/// While no sample's Σ |p_l| over the steps exceeds L b_l,
///   z_{k,i} = z_{k,i}(start) + a_k Σ_l y_l G_{li} Σ_steps σ'(z_{k,l}) |p_l|
/// stays within L times the sum of its positive terms above, and of its negative terms below, its
/// start, with σ' = 1 wherever a pair may switch within the block, and as it is elsewhere. Rounding
/// is allowed for as in FrozenProof.
class SwitchingRoom {
 public:
  static constexpr std::uint64_t longest_block = 1024;  ///< steps, at most

  /// At this state of the engine.
  SwitchingRoom(const CoefficientEngine& base, const Matrix& gram, const TrainingState& start);

  /// b, n entries: a little more than |p| at the start, or in the mean since the last fold.
  const std::vector<double>& budget_of_a_step() const { return budget_; }
  /// For that many steps: the samples, in order, on which neurons of each group may switch.
  std::array<std::vector<std::uint32_t>, 2> open_for(std::uint64_t steps) const;
  /// A lower bound of their numbers at less cost: with σ' as it is everywhere.
  std::array<std::size_t, 2> open_at_least(std::uint64_t steps) const;

 private:
  void find_budgets(const Matrix& z);
  void find_rooms(const TrainingState& start);
  Matrix steps_to_zero(const PairBits& largest_slopes) const;

  const CoefficientEngine& base_;
  const Matrix& gram_;
  std::vector<double> budget_;
  double booked_ = 0.0;                       // a bound of Σ_l |s_l| at the end of a block
  Matrix up_, down_;                          // n × n: positive and negative part of b_l y_l G_li
  Matrix room_;                               // neurons × n: |z|, less what rounding may have done
  Matrix steps_;                              // neurons × n: how many steps there is room for
  std::array<std::vector<double>, 2> least_;  // the least of them in a group
};

}  // namespace latetime
