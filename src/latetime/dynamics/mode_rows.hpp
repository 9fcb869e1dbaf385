#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "latetime/dynamics/neuron_mode.hpp"

namespace latetime {

/// Rows of preactivation_row that were asked for, kept while the mode of their neuron stays as it
/// is: of the pairs of a flow the same few are near zero step by step. The rows are the same to the
/// bit as those computed anew.
class ModeRows {
 public:
  /// Goes to neuron k, of that group and mode, which says which of its rows are still right. What
  /// is named must outlive the calls of `row` that follow.
  void go_to(const FlowProblem& problem, int group, const NeuronMode& mode, Eigen::Index k);
  /// v with dz_{k,i}/dθ = ⟨v, λ⟩, n entries, of the neuron gone to last. Valid until the next call.
  const Vector& row(Eigen::Index i);

 private:
  // What is kept in all, in doubles; rows beyond it are computed each time.
  static constexpr std::size_t most_kept = std::size_t{1} << 23;

  struct OfNeuron {
    std::vector<std::uint8_t> active;
    std::vector<Eigen::Index> sliding;
    std::vector<std::int32_t> places;  // n: in `rows`; −1: not there
    std::vector<Vector> rows;

    // The shares of those that slide follow from these.
    bool fits(const NeuronMode& mode) const {
      return active == mode.active && sliding == mode.sliding;
    }
  };

  std::vector<OfNeuron> neurons_;
  std::size_t kept_ = 0;
  const FlowProblem* problem_ = nullptr;
  int group_ = 0;                     // of the neuron gone to
  const NeuronMode* mode_ = nullptr;  // its mode
  OfNeuron* here_ = nullptr;          // its rows
  Vector beyond_;                     // a row that is not kept
};

}  // namespace latetime
