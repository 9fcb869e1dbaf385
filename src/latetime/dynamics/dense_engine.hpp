#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "latetime/base/thread_team.hpp"
#include "latetime/dynamics/batch_order.hpp"
#include "latetime/dynamics/engine.hpp"

namespace latetime {

/// Gradient descent on the weights themselves, (3.2): w_k += (η/(|B|m)) Σ_{i∈B} v_{i,k}
/// σ'(⟨w_k,x_i⟩) x_i, v the negative loss derivative, B the batch. Full batch, or mini-batches
/// drawn without replacement: each epoch takes the samples in a new seeded order, the last partial
/// batch included.
///
/// The coefficients c of w_k = w_k(0) + Σ_i c_{k,i} x_i are summed beside the weights by
/// Lemma 5.2's rule, so that the decomposition can be checked against the weights.
///
/// Cost a step: 4·Km·|B|·d flops. float64.
class DenseEngine {
 public:
  /// `batch_size` of 0 means full batch: the samples in their own order, and switches counted.
  /// Results do not depend on `threads` ≥ 1.
  DenseEngine(const Problem& problem, std::size_t batch_size, std::uint64_t seed, unsigned threads);

  std::uint64_t step() const { return step_; }
  void advance(std::uint64_t steps);
  bool finite() const { return outputs_.allFinite(); }

  /// Always with the weights, which are its state.
  TrainingState state(bool with_weights = true) const;
  void clear_switched();
  EngineMemory memory() const;
  void restore(const EngineMemory& memory);
  /// Takes the next step from these pre-activations (neurons × n), which are off from its own by
  /// rounding alone but may have other signs. No switches are counted; no part of memory().
  void take_preactivations(const Matrix& z);

 private:
  void take_full_batch_step();
  void take_mini_batch_step();
  void load_batch();
  void pull_block(std::size_t index, double rate);
  void update_block(std::size_t index, const Eigen::Ref<const Matrix>& x);
  /// At the start zeros are exact ones.
  void evaluate_block(std::size_t index, const Eigen::Ref<const Matrix>& x, bool at_start);
  void count_switches_of_block(std::size_t index);
  void sum_outputs();
  void evaluate_everything();
  Eigen::Index block_first(std::size_t index) const;
  Eigen::Index block_size(std::size_t index) const;
  template <class Body>
  void for_each_block(const Body& body);

  const Samples x_;
  const NetworkShape shape_;
  const std::vector<int> classes_;
  const Loss loss_;
  const double learning_rate_;
  BatchOrder batches_;
  const std::vector<std::uint64_t> own_words_;
  ThreadTeam team_;
  std::size_t blocks_per_group_;
  std::size_t blocks_;

  std::uint64_t step_ = 0;
  Matrix weights_, coefficients_;  // Km × d, Km × n
  Matrix decided_;                 // Km × n, pre-activations of the next step; empty: its own
  PairBits pattern_, switched_;
  SwitchCounts switches_;

  // One batch (the whole data set for full batch).
  std::vector<std::uint32_t> batch_;  // sample numbers
  Matrix batch_x_;                    // b × d
  std::vector<int> batch_classes_;
  Matrix z_, increments_;   // Km × b
  Matrix outputs_, pulls_;  // b × K
  Matrix block_sums_;       // blocks × b
  std::vector<SwitchCounts> block_switches_;
};

}  // namespace latetime
