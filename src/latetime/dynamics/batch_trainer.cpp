#include "latetime/dynamics/batch_trainer.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace latetime {
namespace {

// Samples of an evaluation that share one pass over the weights, and of one product with a tile.
constexpr std::size_t evaluation_chunk = 1024;
constexpr std::size_t evaluation_batch = 64;

/// Adds samples to sums of losses and errors.
void count(const Matrix& outputs, const std::vector<int>& classes, const Loss& loss,
           Evaluation& sum) {
  const Vector logs = log_sample_losses(outputs, classes, loss);
  for (Eigen::Index i = 0; i < outputs.rows(); ++i) {
    Eigen::Index best = 0;
    outputs.row(i).maxCoeff(&best);
    sum.wrong += best != classes[static_cast<std::size_t>(i)];
    sum.loss += std::exp(logs[i]);
  }
  sum.samples += classes.size();
}

/// Multiplications of a step: of weights with the entries of a batch, there and back, and of all.
template <class Real>
double operations(const SparseSamples<Real>& samples, const Classifier& network,
                  std::size_t batch) {
  const double part = static_cast<double>(batch) / static_cast<double>(samples.size());
  const auto neurons = static_cast<double>(network.shape.groups() * network.shape.width);
  return 2.0 * part * static_cast<double>(samples.entries.size()) * neurons +
         static_cast<double>(samples.features) * neurons;
}

}  // namespace

Evaluation evaluate_outputs(const Matrix& outputs, const std::vector<int>& classes,
                            const Loss& loss) {
  Evaluation result;
  count(outputs, classes, loss, result);
  result.loss /= static_cast<double>(result.samples);
  return result;
}

template <class Real>
BatchTrainer<Real>::BatchTrainer(const SparseSamples<Real>& samples, const Classifier& initial,
                                 const BatchOptions& options, const tile::Kernels<Real>* kernels)
    : samples_(samples),
      shape_(initial.shape),
      options_(options),
      kernels_(kernels ? *kernels : tile::best_kernels<Real>()),
      batches_(samples.size(), options.batch_size, options.seed),
      team_(
          threads_worth_waking(operations(samples, initial, batches_.capacity()), options.threads)),
      batch_capacity_(batches_.capacity()),
      weights_(static_cast<std::size_t>(shape_.groups()), static_cast<std::size_t>(shape_.width),
               initial.weights),
      z_(weights_.tiles() * batch_capacity_ * tile::width),
      sums_(weights_.tiles() * batch_capacity_ * sums_per_sample()),
      pulls_(static_cast<std::size_t>(shape_.classes) * batch_capacity_) {
  assign_head(initial);
  begin();
}

template <class Real>
std::size_t BatchTrainer<Real>::sums_per_sample() const {
  return shape_.head == Head::groups ? 1 : static_cast<std::size_t>(shape_.classes);
}

template <class Real>
std::size_t BatchTrainer<Real>::head_size() const {
  return static_cast<std::size_t>(shape_.classes) * tile::width;
}

template <class Real>
void BatchTrainer<Real>::assign_head(const Classifier& classifier) {
  if (shape_.head == Head::groups) return;
  bias_ = classifier.output_bias;
  head_.assign(weights_.tiles() * head_size(), Real(0));
  next_head_ = head_;
  for (std::size_t t = 0; t < weights_.tiles(); ++t) {
    for (Eigen::Index k = 0; k < shape_.classes; ++k) {
      Real* row = head_.data() + t * head_size() + static_cast<std::size_t>(k) * tile::width;
      for (std::size_t r = 0; r < weights_.neurons(t); ++r) {
        row[r] = static_cast<Real>(
            classifier.output_weights(k, static_cast<Eigen::Index>(weights_.first_neuron(t) + r)));
      }
    }
  }
}

template <class Real>
Classifier BatchTrainer<Real>::classifier() const {
  Classifier network{shape_, weights_.to_matrix(), {}, {}};
  if (shape_.head == Head::groups) return network;
  network.output_bias = bias_;
  network.output_weights.resize(shape_.classes, shape_.width);
  for (std::size_t t = 0; t < weights_.tiles(); ++t) {
    for (Eigen::Index k = 0; k < shape_.classes; ++k) {
      const Real* row = head_.data() + t * head_size() + static_cast<std::size_t>(k) * tile::width;
      for (std::size_t r = 0; r < weights_.neurons(t); ++r) {
        network.output_weights(k, static_cast<Eigen::Index>(weights_.first_neuron(t) + r)) =
            static_cast<double>(row[r]);
      }
    }
  }
  return network;
}

template <class Real>
void BatchTrainer<Real>::restore(std::uint64_t step, const Classifier& classifier,
                                 const Evaluation& running_sums) {
  step_ = step;
  weights_.assign(classifier.weights);
  assign_head(classifier);
  running_ = running_sums;
  finite_ = true;
  begin();
}

/// Loads the batches of this step and the next one and multiplies the first with the weights.
template <class Real>
void BatchTrainer<Real>::begin() {
  load_batch(step_, entries_[step_ % 3]);
  load_batch(step_ + 1, entries_[(step_ + 1) % 3]);
  const Entries& batch = entries_[step_ % 3];
  team_.for_each_block(weights_.tiles(), [&](std::size_t t) {
    multiply_tile(t, head_, batch, z_.data() + t * batch_capacity_ * tile::width,
                  sums_.data() + t * batch_capacity_ * sums_per_sample());
  });
}

template <class Real>
void BatchTrainer<Real>::load_batch(std::uint64_t step, Entries& entries) {
  if (options_.batch_size == 0 && entries.size() == samples_.size()) return;  // it stays what it is
  entries.load(samples_, batches_.batch(step), Entries::Use::both);
}

template <class Real>
double BatchTrainer<Real>::operations_a_step() const {
  const double in_a_batch = static_cast<double>(samples_.entries.size()) *
                            static_cast<double>(batches_.capacity()) /
                            static_cast<double>(samples_.size());
  return 4.0 * static_cast<double>(shape_.neurons()) * in_a_batch;
}

template <class Real>
void BatchTrainer<Real>::advance(std::uint64_t steps) {
  for (std::uint64_t i = 0; i < steps; ++i) {
    prepare_pulls();
    // Block 0 sorts the batch after the next while the other threads begin with the tiles.
    team_.for_each_block(weights_.tiles() + 1, [this](std::size_t block) {
      if (block == 0) {
        load_batch(step_ + 2, entries_[(step_ + 2) % 3]);
      } else {
        work_on_tile(block - 1);
      }
    });
    head_.swap(next_head_);
    ++step_;
  }
}

template <class Real>
void BatchTrainer<Real>::work_on_tile(std::size_t tile) {
  update_tile(tile);
  multiply_tile(tile, next_head_, entries_[(step_ + 1) % 3],
                z_.data() + tile * batch_capacity_ * tile::width,
                sums_.data() + tile * batch_capacity_ * sums_per_sample());
}

/// Takes this step on the tile's weights. Its pre-activations become what each neuron pulls.
template <class Real>
void BatchTrainer<Real>::update_tile(std::size_t tile) {
  const Entries& batch = entries_[step_ % 3];
  Real* z = z_.data() + tile * batch_capacity_ * tile::width;
  tile::ActivationJob<Real> job{.z = z,
                                .samples = batch.size(),
                                .lanes = weights_.lanes(tile),
                                .neurons = weights_.neurons(tile),
                                .slope = static_cast<Real>(shape_.slope),
                                .smoothing = static_cast<Real>(shape_.smoothing),
                                .outputs = static_cast<std::size_t>(shape_.classes)};
  if (shape_.head == Head::groups) {
    job.pulls = pulls_.data() + weights_.group_of(tile) * batch_capacity_;
    kernels_.fixed_pulls(job);
  } else {
    job.pulls = pulls_.data();
    job.head = head_.data() + tile * head_size();
    job.result = next_head_.data() + tile * head_size();
    kernels_.linear_update(job);
    kernels_.linear_pulls(job);
  }
  batch.update(kernels_, z, weights_.lanes(tile), weights_.tile(tile));
}

/// Pre-activations of a batch and the tile's share of the outputs, through `head` if it is trained.
template <class Real>
void BatchTrainer<Real>::multiply_tile(std::size_t tile, const AlignedArray<Real>& head,
                                       const Entries& batch, Real* z, Real* sums) const {
  batch.multiply(kernels_, weights_.tile(tile), weights_.lanes(tile), z);
  const bool trained = shape_.head == Head::trained;
  const tile::ActivationJob<Real> job{.z = z,
                                      .samples = batch.size(),
                                      .lanes = weights_.lanes(tile),
                                      .neurons = weights_.neurons(tile),
                                      .slope = static_cast<Real>(shape_.slope),
                                      .smoothing = static_cast<Real>(shape_.smoothing),
                                      .outputs = static_cast<std::size_t>(shape_.classes),
                                      .head = trained ? head.data() + tile * head_size() : nullptr,
                                      .result = sums};
  if (trained) {
    kernels_.linear_outputs(job);
  } else {
    kernels_.sum_activations(job);
  }
}

/// outputs = c Σ over the tiles, in their order, + bias; `capacity` samples a tile in `sums`.
template <class Real>
void BatchTrainer<Real>::add_outputs(const Real* sums, std::size_t capacity,
                                     Eigen::Ref<Matrix> outputs) const {
  outputs.setZero();
  const std::size_t per_sample = sums_per_sample();
  for (std::size_t t = 0; t < weights_.tiles(); ++t) {
    const auto group = static_cast<Eigen::Index>(weights_.group_of(t));
    for (Eigen::Index s = 0; s < outputs.rows(); ++s) {
      const Real* of_sample = sums + (t * capacity + static_cast<std::size_t>(s)) * per_sample;
      for (std::size_t k = 0; k < per_sample; ++k) {
        outputs(s, group + static_cast<Eigen::Index>(k)) += static_cast<double>(of_sample[k]);
      }
    }
  }
  outputs *= shape_.output_scale;
  if (shape_.head == Head::trained) outputs.rowwise() += bias_.transpose();
}

/// From the sums of this step's batch: outputs, losses, and the pulls of the step.
template <class Real>
void BatchTrainer<Real>::prepare_pulls() {
  const Entries& batch = entries_[step_ % 3];
  const auto size = static_cast<Eigen::Index>(batch.size());
  outputs_.resize(size, shape_.classes);
  loss_pulls_.resize(size, shape_.classes);
  add_outputs(sums_.data(), batch_capacity_, outputs_);
  finite_ = finite_ && outputs_.allFinite();
  count(outputs_, batch.classes(), options_.loss, running_);
  latetime::loss_pulls(outputs_, batch.classes(), loss_pulls_, options_.loss);
  const double rate = options_.learning_rate / static_cast<double>(size);
  const bool groups = shape_.head == Head::groups;
  for (Eigen::Index s = 0; s < size; ++s) {
    for (Eigen::Index k = 0; k < shape_.classes; ++k) {
      const auto at =
          groups ? static_cast<std::size_t>(k) * batch_capacity_ + static_cast<std::size_t>(s)
                 : static_cast<std::size_t>(s * shape_.classes + k);
      pulls_[at] = static_cast<Real>(rate * shape_.output_scale * loss_pulls_(s, k));
    }
  }
  if (!groups) bias_ += rate * loss_pulls_.colwise().sum().transpose();
}

template <class Real>
Evaluation BatchTrainer<Real>::take_running_evaluation() {
  Evaluation result = running_;
  result.loss /= static_cast<double>(result.samples);
  running_ = {};
  return result;
}

template <class Real>
Evaluation BatchTrainer<Real>::evaluate(const SparseSamples<Real>& samples) {
  return evaluate_outputs(outputs(samples), samples.classes, options_.loss);
}

template <class Real>
Matrix BatchTrainer<Real>::outputs(const SparseSamples<Real>& samples) {
  Matrix result(static_cast<Eigen::Index>(samples.size()), shape_.classes);
  std::vector<Entries> batches(evaluation_chunk / evaluation_batch);
  std::vector<Real> sums(weights_.tiles() * evaluation_chunk * sums_per_sample());
  std::vector<std::uint32_t> numbers(samples.size());
  std::iota(numbers.begin(), numbers.end(), 0u);
  for (std::size_t first = 0; first < samples.size(); first += evaluation_chunk) {
    const std::size_t size = std::min(evaluation_chunk, samples.size() - first);
    const std::size_t used = (size + evaluation_batch - 1) / evaluation_batch;
    team_.for_each_block(used, [&](std::size_t b) {
      const std::size_t begin = b * evaluation_batch;
      const auto chosen =
          std::span(numbers).subspan(first + begin, std::min(evaluation_batch, size - begin));
      batches[b].load(samples, chosen, Entries::Use::forward);
    });
    team_.for_each_block(weights_.tiles(), [&](std::size_t t) {
      thread_local AlignedArray<Real> z;
      z.resize(evaluation_batch * tile::width);
      for (std::size_t b = 0; b < used; ++b) {
        multiply_tile(
            t, head_, batches[b], z.data(),
            sums.data() + (t * evaluation_chunk + b * evaluation_batch) * sums_per_sample());
      }
    });
    add_outputs(
        sums.data(), evaluation_chunk,
        result.middleRows(static_cast<Eigen::Index>(first), static_cast<Eigen::Index>(size)));
  }
  return result;
}

template class BatchTrainer<float>;
template class BatchTrainer<double>;

}  // namespace latetime
