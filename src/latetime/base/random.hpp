#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace latetime {

/// What a stream of random numbers is for. The numbers are part of the key: never reuse or renumber
/// one, or old seeds give new results.
enum class RandomPurpose : std::uint32_t {
  signal = 1,           ///< mean vector of the Gaussian mixture
  labels = 2,           ///< labels ±1
  noise = 3,            ///< noise of the samples
  inner_products = 4,   ///< off-diagonal Gram entries of near-orthogonal data
  direction = 5,        ///< separating direction of symmetric separable data
  initial_weights = 6,  ///< w⁰
  batches = 7,          ///< order of the samples in each epoch of SGD
  subset = 8,           ///< which images a subset takes
  iteration_start = 9,  ///< first vectors of iterations for singular vectors
  output_weights = 10,  ///< initial weights and biases of a trained output layer
  rounding = 11,        ///< relative perturbations of shadow runs
  label_noise = 20,     ///< which training labels are flipped
  test_labels = 21,     ///< labels of test samples
  test_noise = 22,      ///< noise of test samples
  population = 23,      ///< draws for the population error
  test = 1000,          ///< tests only
};

/// A keyed, counter-based random stream (Philox4x64-10 of Random123). The numbers depend on
/// (seed, purpose, index) alone, so threads and processes may draw in any order.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, RandomPurpose purpose, std::uint64_t index = 0);

  /// 64 uniform random bits.
  std::uint64_t bits();

  /// Uniform in (0, 1], 53 random bits.
  double uniform();

  /// Standard normal (Box–Muller on two uniforms).
  double normal();

  /// Uniform integer in [0, bound), without bias (rejection). `bound` > 0.
  std::uint64_t below(std::uint64_t bound);

  /// A uniformly random order of 0 … n−1 (Fisher–Yates).
  std::vector<std::uint32_t> permutation(std::uint32_t n);

 private:
  std::array<std::uint64_t, 2> key_;
  std::array<std::uint64_t, 4> counter_;
  std::array<std::uint64_t, 4> block_{};
  unsigned used_ = 4;
  double spare_normal_ = 0.0;
  bool has_spare_ = false;
};

}  // namespace latetime
