#pragma once

#include <cstdint>

#include "latetime/data/dataset.hpp"

namespace latetime {

/// Gaussian mixture of the paper's section 6: labels y_i uniform on ±1, a fixed mean
/// μ ~ N(0, signal_std² I_d), samples x_i = y_i μ + ξ_i with ξ_i ~ N(0, noise_std² I_d).
Dataset gaussian_mixture(Eigen::Index n, Eigen::Index d, double signal_std, double noise_std,
                         std::uint64_t seed);

/// The distribution that such samples are drawn from: y uniform on ±1, x = y μ + ξ with
/// ξ ~ N(0, noise_std² I_d).
struct GaussianMixture {
  Vector mean;  ///< μ, d
  double noise_std = 1.0;
};
/// That of gaussian_mixture() with the same arguments.
GaussianMixture mixture_of(Eigen::Index d, double signal_std, double noise_std, std::uint64_t seed);

/// n further samples of the mixture, independent of those to train on; the first of them do not
/// depend on n.
Dataset gaussian_mixture_test(Eigen::Index n, const GaussianMixture& mixture, std::uint64_t seed);

/// Exactly orthogonal samples of norm `sample_norm`: x_i = sample_norm · e_i, labels alternating
/// +1, −1 (so that classes are balanced, as Lemma F.3 asks). Inner products are exact zeros.
/// Throws InputError (key data.n) when n > d.
Dataset orthogonal_data(Eigen::Index n, Eigen::Index d, double sample_norm);

/// Samples of norm `sample_norm` with max_{i≠k} |⟨x_i, x_k⟩| = `inner_product` = p (to rounding):
/// off-diagonal Gram entries are uniform in [−p, p], scaled so that the largest has size p; X is
/// the Cholesky factor of the Gram matrix, padded with zeros to dimension d. Labels alternate.
/// Throws InputError (keys data.n, data.inner_product) when n > d or when no such samples exist
/// (the Gram matrix would not be positive definite).
Dataset near_orthogonal_data(Eigen::Index n, Eigen::Index d, double sample_norm,
                             double inner_product, std::uint64_t seed);

/// Symmetric linearly separable data (Lyu, Li, Wang, Arora 2021): with every (x, y) the set holds
/// (−x, −y), and y ⟨v, x⟩ ≥ `margin` for a unit vector v drawn at random. Sample 2i is
/// (|a| + margin) v + noise_std · ξ with a ~ N(0, noise_std²), ξ normal and orthogonal to v, label
/// +1; sample 2i+1 is its mirror image. Throws InputError (key data.n) for odd n.
Dataset symmetric_separable_data(Eigen::Index n, Eigen::Index d, double margin, double noise_std,
                                 std::uint64_t seed);

/// n further samples of the same distribution, with the same v and alternating labels, each drawn
/// for itself: no two are mirror images.
Dataset symmetric_separable_test(Eigen::Index n, Eigen::Index d, double margin, double noise_std,
                                 std::uint64_t seed);

}  // namespace latetime
