#pragma once

// Training of classifiers as the formulas read, one number at a time, in double precision.

#include <cmath>
#include <numeric>
#include <vector>

#include "latetime/base/random.hpp"
#include "latetime/data/dataset.hpp"
#include "latetime/model/classifier.hpp"

namespace latetime::testing_support {

/// Samples with normal entries, `zeros` of them zero, and random classes.
inline Dataset random_samples(Eigen::Index n, Eigen::Index d, int classes, double zeros,
                              std::uint64_t seed) {
  RandomStream stream(seed, RandomPurpose::test);
  Matrix x(n, d);
  for (double& v : x.reshaped()) v = stream.uniform() < zeros ? 0.0 : stream.normal();
  Dataset data{.x = x, .classes = {}, .class_count = classes, .origin = "test"};
  for (Eigen::Index i = 0; i < n; ++i) {
    data.classes.push_back(static_cast<int>(stream.below(static_cast<std::uint64_t>(classes))));
  }
  return data;
}

/// F_k(x) of every sample, n × K.
inline Matrix plain_outputs(const Classifier& network, const Matrix& x) {
  const ClassifierShape& shape = network.shape;
  const Activation sigma{shape.slope, shape.smoothing};
  Matrix outputs = Matrix::Zero(x.rows(), shape.classes);
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    for (Eigen::Index q = 0; q < network.weights.rows(); ++q) {
      const double h = sigma.value(network.weights.row(q).dot(x.row(i)));
      for (Eigen::Index k = 0; k < shape.classes; ++k) {
        if (shape.head == Head::trained) {
          outputs(i, k) += shape.output_scale * network.output_weights(k, q) * h;
        } else if (q / shape.width == k) {
          outputs(i, k) += shape.output_scale * h;
        }
      }
    }
    if (shape.head == Head::trained) outputs.row(i) += network.output_bias.transpose();
  }
  return outputs;
}

/// Softmax of a row.
inline Vector softmax(const Eigen::Ref<const Vector>& outputs) {
  const Vector powers = (outputs.array() - outputs.maxCoeff()).exp();
  return powers / powers.sum();
}

/// Cross-entropy of each sample.
inline Vector plain_losses(const Matrix& outputs, const std::vector<int>& classes) {
  Vector losses(outputs.rows());
  for (Eigen::Index i = 0; i < outputs.rows(); ++i) {
    const double top = outputs.row(i).maxCoeff();
    losses[i] = top + std::log((outputs.row(i).array() - top).exp().sum()) -
                outputs(i, classes[static_cast<std::size_t>(i)]);
  }
  return losses;
}

inline double plain_loss(const Classifier& network, const Dataset& data) {
  return plain_losses(plain_outputs(network, data.x), data.classes).mean();
}

/// One step on the samples `batch` of the mean cross-entropy.
inline void plain_step(Classifier& network, const Dataset& data,
                       const std::vector<std::uint32_t>& batch, double learning_rate) {
  const ClassifierShape& shape = network.shape;
  const bool trained = shape.head == Head::trained;
  const Activation sigma{shape.slope, shape.smoothing};
  const Matrix outputs = plain_outputs(network, data.x);
  Classifier next = network;
  for (const std::uint32_t i : batch) {
    Vector pull = -softmax(outputs.row(i).transpose());
    pull[data.classes[i]] += 1.0;
    pull *= learning_rate / static_cast<double>(batch.size());
    for (Eigen::Index q = 0; q < network.weights.rows(); ++q) {
      const double z = network.weights.row(q).dot(data.x.row(i));
      double back = 0.0;
      for (Eigen::Index k = 0; k < shape.classes; ++k) {
        if (trained) back += pull[k] * network.output_weights(k, q);
        if (!trained && q / shape.width == k) back += pull[k];
        if (trained) {
          next.output_weights(k, q) += pull[k] * shape.output_scale * sigma.value(z);
        }
      }
      next.weights.row(q) += shape.output_scale * back * sigma.derivative(z) * data.x.row(i);
    }
    if (trained) next.output_bias += pull;
  }
  network = next;
}

/// The documented batches: each epoch in the order of RandomStream(seed, batches, epoch); 0 takes
/// all samples in their own order.
inline std::vector<std::uint32_t> documented_batch(std::size_t n, std::size_t batch_size,
                                                   std::uint64_t seed, std::uint64_t step) {
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  if (batch_size == 0) return order;
  const std::uint64_t batches = (n + batch_size - 1) / batch_size;
  order = RandomStream(seed, RandomPurpose::batches, step / batches)
              .permutation(static_cast<std::uint32_t>(n));
  const std::size_t first = step % batches * batch_size;
  return {order.begin() + static_cast<std::ptrdiff_t>(first),
          order.begin() + static_cast<std::ptrdiff_t>(std::min(n, first + batch_size))};
}

}  // namespace latetime::testing_support
