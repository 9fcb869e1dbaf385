#include "latetime/data/generators.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/Cholesky>
#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/random.hpp"
#include "latetime/base/text.hpp"

namespace latetime {
namespace {

Vector normal_vector(Eigen::Index size, RandomStream stream) {
  Vector v(size);
  for (double& entry : v) entry = stream.normal();
  return v;
}

std::vector<int> alternating_classes(Eigen::Index n) {
  std::vector<int> classes(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < classes.size(); ++i) classes[i] = static_cast<int>(i % 2);
  return classes;
}

void require_n_at_most_d(Eigen::Index n, Eigen::Index d, const char* kind) {
  if (n <= d) return;
  throw InputError("data.n", fmt::format("{} {} samples do not exist in dimension d = {}; choose "
                                         "n at most d",
                                         n, kind, d));
}

Dataset mixture_samples(Eigen::Index n, const GaussianMixture& mixture, std::uint64_t seed,
                        RandomPurpose labels, RandomPurpose noise) {
  const Eigen::Index d = mixture.mean.size();
  RandomStream label_stream(seed, labels);
  Dataset data{.x = Matrix(n, d), .classes = {}, .class_count = 2, .origin = "gaussian-mixture"};
  for (Eigen::Index i = 0; i < n; ++i) {
    data.classes.push_back(static_cast<int>(label_stream.bits() >> 63));
    const auto index = static_cast<std::uint64_t>(i);
    data.x.edit().row(i) =
        data.label(i) * mixture.mean.transpose() +
        mixture.noise_std * normal_vector(d, RandomStream(seed, noise, index)).transpose();
  }
  return data;
}

/// v of symmetric separable data.
Vector separating_direction(Eigen::Index d, std::uint64_t seed) {
  return normal_vector(d, RandomStream(seed, RandomPurpose::direction)).normalized();
}

/// A sample of label +1.
Vector separable_sample(const Vector& direction, double margin, double noise_std,
                        RandomStream stream) {
  const double along = std::abs(noise_std * stream.normal()) + margin;
  const Vector noise = noise_std * normal_vector(direction.size(), stream);
  return noise + (along - direction.dot(noise)) * direction;
}

}  // namespace

GaussianMixture mixture_of(Eigen::Index d, double signal_std, double noise_std,
                           std::uint64_t seed) {
  return {.mean = signal_std * normal_vector(d, RandomStream(seed, RandomPurpose::signal)),
          .noise_std = noise_std};
}

Dataset gaussian_mixture(Eigen::Index n, Eigen::Index d, double signal_std, double noise_std,
                         std::uint64_t seed) {
  return mixture_samples(n, mixture_of(d, signal_std, noise_std, seed), seed, RandomPurpose::labels,
                         RandomPurpose::noise);
}

Dataset gaussian_mixture_test(Eigen::Index n, const GaussianMixture& mixture, std::uint64_t seed) {
  return mixture_samples(n, mixture, seed, RandomPurpose::test_labels, RandomPurpose::test_noise);
}

Dataset orthogonal_data(Eigen::Index n, Eigen::Index d, double sample_norm) {
  require_n_at_most_d(n, d, "orthogonal");
  Dataset data{.x = Matrix::Zero(n, d),
               .classes = alternating_classes(n),
               .class_count = 2,
               .origin = "orthogonal"};
  data.x.edit().diagonal().setConstant(sample_norm);
  return data;
}

Dataset near_orthogonal_data(Eigen::Index n, Eigen::Index d, double sample_norm,
                             double inner_product, std::uint64_t seed) {
  require_n_at_most_d(n, d, "linearly independent");
  RandomStream stream(seed, RandomPurpose::inner_products);
  Matrix off_diagonal = Matrix::Zero(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index k = 0; k < i; ++k) {
      off_diagonal(i, k) = off_diagonal(k, i) = 2.0 * stream.uniform() - 1.0;
    }
  }
  const double largest = n > 1 ? off_diagonal.cwiseAbs().maxCoeff() : 1.0;
  const Matrix gram =
      sample_norm * sample_norm * Matrix::Identity(n, n) + (inner_product / largest) * off_diagonal;
  const Eigen::LLT<Eigen::MatrixXd> cholesky(gram);
  if (cholesky.info() != Eigen::Success) {
    throw InputError("data.inner_product",
                     fmt::format("{} is too large for {} samples of norm {}: no such samples "
                                 "exist; choose it below sample_norm^2 / n = {}",
                                 shortest(inner_product), n, shortest(sample_norm),
                                 shortest(sample_norm * sample_norm / static_cast<double>(n))));
  }
  Dataset data{.x = Matrix::Zero(n, d),
               .classes = alternating_classes(n),
               .class_count = 2,
               .origin = "near-orthogonal"};
  data.x.edit().leftCols(n) = Matrix(cholesky.matrixL());
  return data;
}

Dataset symmetric_separable_data(Eigen::Index n, Eigen::Index d, double margin, double noise_std,
                                 std::uint64_t seed) {
  if (n % 2 != 0) {
    throw InputError("data.n", fmt::format("symmetric data come in pairs (x, y), (-x, -y); n = {} "
                                           "is odd; choose an even n",
                                           n));
  }
  const Vector direction = separating_direction(d, seed);
  Dataset data{.x = Matrix(n, d),
               .classes = alternating_classes(n),
               .class_count = 2,
               .origin = "symmetric-separable"};
  for (Eigen::Index i = 0; i < n; i += 2) {
    const RandomStream stream(seed, RandomPurpose::noise, static_cast<std::uint64_t>(i));
    const Vector sample = separable_sample(direction, margin, noise_std, stream);
    data.x.edit().row(i) = sample.transpose();
    data.x.edit().row(i + 1) = -sample.transpose();
  }
  return data;
}

Dataset symmetric_separable_test(Eigen::Index n, Eigen::Index d, double margin, double noise_std,
                                 std::uint64_t seed) {
  const Vector direction = separating_direction(d, seed);
  Dataset data{.x = Matrix(n, d),
               .classes = alternating_classes(n),
               .class_count = 2,
               .origin = "symmetric-separable"};
  for (Eigen::Index i = 0; i < n; ++i) {
    const RandomStream stream(seed, RandomPurpose::test_noise, static_cast<std::uint64_t>(i));
    data.x.edit().row(i) =
        data.label(i) * separable_sample(direction, margin, noise_std, stream).transpose();
  }
  return data;
}

}  // namespace latetime
