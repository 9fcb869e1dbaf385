#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "latetime/base/thread_team.hpp"
#include "latetime/dynamics/batch_entries.hpp"
#include "latetime/dynamics/batch_order.hpp"
#include "latetime/model/classifier.hpp"
#include "latetime/model/loss.hpp"
#include "latetime/model/tiled_weights.hpp"

namespace latetime {

struct BatchOptions {
  double learning_rate = 0.1;
  std::size_t batch_size = 64;  ///< 0: full batch, the samples in their own order
  std::uint64_t seed = 1;       ///< of the order of the samples in each epoch
  unsigned threads = 1;         ///< ≥ 1; does not change the result
  Loss loss = logistic;         ///< of the margin against the others' log-sum-exp
};

/// Loss and error over some samples.
struct Evaluation {
  double loss = 0.0;        ///< mean; softmax cross-entropy where it is the logistic one
  std::uint64_t wrong = 0;  ///< samples whose largest output is not that of their class
  std::uint64_t samples = 0;

  double error() const { return static_cast<double>(wrong) / static_cast<double>(samples); }
};

/// From outputs n × K.
Evaluation evaluate_outputs(const Matrix& outputs, const std::vector<int>& classes,
                            const Loss& loss = logistic);

/// Mini-batch gradient descent on classifiers at full speed, in float32 or float64: the dense
/// engine for image sets. Each epoch takes the samples in a new seeded order (the one of
/// DenseEngine), the last partial batch included.
///
/// A step passes once over the weights: every tile of neurons is updated with this batch and at
/// once multiplied with the next one while it lies in the cache, on non-zero features only.
/// Flops a step: 4 · neurons · non-zero features of the batch. Bytes: the weights once each way.
template <class Real>
class BatchTrainer {
 public:
  /// `samples` must outlive the trainer. `kernels`: nullptr takes the fastest.
  BatchTrainer(const SparseSamples<Real>& samples, const Classifier& initial,
               const BatchOptions& options, const tile::Kernels<Real>* kernels = nullptr);

  std::uint64_t step() const { return step_; }
  std::uint64_t steps_per_epoch() const { return batches_.steps_per_epoch(); }
  void advance(std::uint64_t steps);
  /// Floating-point operations of a step, on average.
  double operations_a_step() const;
  /// False once an output was not finite.
  bool finite() const { return finite_; }

  /// Over the batches since the last call, each before its own update.
  Evaluation take_running_evaluation();
  /// What take_running_evaluation would start from: its `loss` is still a sum.
  const Evaluation& running_sums() const { return running_; }
  /// Of the present weights.
  Evaluation evaluate(const SparseSamples<Real>& samples);
  /// Outputs F_k(x_i) of the present weights, n × K.
  Matrix outputs(const SparseSamples<Real>& samples);

  Classifier classifier() const;
  const TiledWeights<Real>& weights() const { return weights_; }
  ThreadTeam& team() { return team_; }
  const tile::Kernels<Real>& kernels() const { return kernels_; }

  /// Goes on from the weights of `classifier` at `step`, as if it had come there by itself;
  /// `running_sums`: of the batches before that the next running evaluation covers too.
  void restore(std::uint64_t step, const Classifier& classifier,
               const Evaluation& running_sums = {});

 private:
  using Entries = BatchEntries<Real>;

  void assign_head(const Classifier& classifier);
  void begin();
  void load_batch(std::uint64_t step, Entries& entries);
  void work_on_tile(std::size_t tile);
  void multiply_tile(std::size_t tile, const AlignedArray<Real>& head, const Entries& batch,
                     Real* z, Real* sums) const;
  void update_tile(std::size_t tile);
  void add_outputs(const Real* sums, std::size_t capacity, Eigen::Ref<Matrix> outputs) const;
  void prepare_pulls();
  std::size_t sums_per_sample() const;
  std::size_t head_size() const;

  const SparseSamples<Real>& samples_;
  const ClassifierShape shape_;
  const BatchOptions options_;
  const tile::Kernels<Real>& kernels_;
  BatchOrder batches_;
  ThreadTeam team_;
  const std::size_t batch_capacity_;

  std::uint64_t step_ = 0;
  TiledWeights<Real> weights_;
  AlignedArray<Real> head_, next_head_;  // tiles × K × tile::width, of a trained output layer
  Vector bias_;

  std::array<Entries, 3> entries_;  // of the batches of this step and the next two, by step mod 3
  AlignedArray<Real> z_;            // tiles × batch × tile::width, of this step's batch
  std::vector<Real> sums_;          // tiles × batch × sums_per_sample(), the same
  Matrix outputs_, loss_pulls_;     // batch × K
  AlignedArray<Real> pulls_;        // groups: K × batch; trained: batch × K
  Evaluation running_;
  bool finite_ = true;
};

}  // namespace latetime
